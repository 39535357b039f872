"""The joint F of very many simulated series of one design, from a table over their autocorrelations.

What the F test of several contrasts needs beside their estimates depends, in units of the standard error of
the first of them, on the design and on the partial autocorrelations alone (`design_fit`), and smoothly so. It
is computed at the nodes of a grid over the autocorrelations that occur, and read off between them by linear
interpolation. Next to autocorrelations without an F distribution it is computed for each series.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.checks.power import design_fit
from its_eval.estimators.fit import MINIMUM_DF
from its_eval.estimators.reml.kenward_roger import f_tail, joint_scale

if TYPE_CHECKING:
    from its_eval.estimators.fit import BoolArray, ContrastEstimates, FloatArray

#: Nodes along each autocorrelation, by order: p-values are then exact to about a thousandth of themselves.
NODES = {1: 256, 2: 48}
#: Least distance between the outermost nodes: one autocorrelation alone is no range.
_LEAST_RANGE = 1e-6
#: Points whose matrices are in memory at once.
_CHUNK = 4096


def joint_p_values(
    X: FloatArray,
    observed: BoolArray,
    contrasts: FloatArray,
    estimates: ContrastEstimates,
    partials: FloatArray,
) -> FloatArray:
    """Return p-values of the joint F test of series fitted by REML with AR errors, shape (S,).

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design over all periods, the same for all series.
    observed : ndarray of bool, shape (n,)
        Used periods.
    contrasts : ndarray, shape (l, k)
        What is tested together.
    estimates : ContrastEstimates
        Of these contrasts, shape (S, l), none of a series at a bound.
    partials : ndarray, shape (S, p)
        Estimated partial autocorrelations.

    Returns
    -------
    ndarray
        As those of ``joint_f``: NaN where there is no F distribution.
    """
    from scipy.interpolate import RegularGridInterpolator  # noqa: PLC0415  (start-up time)

    order, size = partials.shape[1], len(contrasts)
    if not len(partials):
        return np.empty(0)
    place = np.arctanh(partials)
    low, high = place.min(axis=0), np.maximum(place.max(axis=0), place.min(axis=0) + _LEAST_RANGE)
    axes = [np.linspace(*ends, NODES[order]) for ends in zip(low, high, strict=True)]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, order)
    inside = np.clip(np.tanh(nodes), partials.min(axis=0), partials.max(axis=0))
    table = _at_points(X, observed, contrasts, inside).reshape(*(NODES[order],) * order, -1)
    read = RegularGridInterpolator(axes, table)(np.clip(place, low, [axis[-1] for axis in axes]))
    alone = np.flatnonzero(np.isnan(read).any(axis=1))
    read[alone] = _at_points(X, observed, contrasts, partials[alone])
    forms, df = read[:, :-1].reshape(-1, size, size), np.exp(read[:, -1])
    relative = estimates.estimate / estimates.std_error[:, :1]
    statistic = np.einsum("sl,slm,sm->s", relative, forms, relative) / size
    return f_tail(statistic, size, df)


def _at_points(X: FloatArray, observed: BoolArray, contrasts: FloatArray, partials: FloatArray) -> FloatArray:
    """Return at G points the form whose value over l is the F statistic, and log df, shape (G, l l + 1).

    The form is of estimates over the standard error of the first.
    """
    found = [np.empty((0, contrasts.shape[0] ** 2 + 1))]
    for start in range(0, len(partials), _CHUNK):
        known = design_fit(X, partials[start : start + _CHUNK], observed)
        scale = joint_scale(known.covariance, contrasts)
        variance = known.contrasts(contrasts[:1]).std_error[:, 0] ** 2
        forms = np.swapaxes(scale.root, 1, 2) @ scale.root * (scale.factor * variance)[:, None, None]
        logarithm = np.log(np.maximum(scale.df, MINIMUM_DF))
        found.append(np.column_stack([forms.reshape(len(forms), -1), logarithm]))
    return np.concatenate(found)
