"""Estimating pieces: those of one design and missing pattern together, whatever outcome they belong to."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimators.catalogue import FitContext, fit_estimator
from its_eval.estimators.fit import ContrastEstimates
from its_eval.estimators.least_squares import fit_newey_west, ols_statistics
from its_eval.estimators.reml.forms_fit import own_design_statistics
from its_eval.estimators.reml.statistics import reml_ar_statistics
from its_eval.pipeline.sheet import weighting_groups

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.batch.series import FloatArray, Piece
    from its_eval.estimators.fit import Fit


@dataclass(frozen=True)
class Estimated:
    """What was estimated of the series of a piece.

    Attributes
    ----------
    piece : Piece
        The series.
    names : tuple of (int, str)
        Interruption and estimand of each contrast.
    read : ContrastEstimates
        Shape (S, m).
    partials : ndarray, shape (S, p)
        Partial autocorrelations.
    sigma, log_likelihood : ndarray, shape (S,), or None
        None where only contrasts are estimated.
    flags : dict of str to ndarray of bool, shape (S,)
        Warnings.
    params : ndarray, shape (S, k), or None
        Coefficients, where they are needed.
    weighted : bool
        By sampling variance.
    """

    piece: Piece
    names: tuple[tuple[int, str], ...]
    read: ContrastEstimates
    partials: FloatArray
    sigma: NDArray[np.float64] | None
    log_likelihood: NDArray[np.float64] | None
    flags: dict[str, NDArray[np.bool_]]
    params: FloatArray | None
    weighted: bool = False


@dataclass(frozen=True)
class _Raw:
    """Results of any estimator in one form."""

    read: ContrastEstimates
    partials: FloatArray
    sigma: NDArray[np.float64] | None
    log_likelihood: NDArray[np.float64] | None
    flags: dict[str, NDArray[np.bool_]]

    def part(self, series: slice) -> _Raw:
        """Return some of the series."""
        read = self.read
        return _Raw(
            ContrastEstimates(
                read.estimate[series], read.std_error[series], read.df[series], read.df_unclipped[series]
            ),
            self.partials[series],
            None if self.sigma is None else self.sigma[series],
            None if self.log_likelihood is None else self.log_likelihood[series],
            {name: flag[series] for name, flag in self.flags.items()},
        )


def estimate_pieces(pieces: Sequence[Piece]) -> list[Estimated]:
    """Estimate the contrasts of all pieces; the result is in another order.

    Series with contrasts or a design of their own (percentages with denominators) cost as much as in a whole
    evaluation; all others are columns of one matrix per design and pattern.
    """
    together: dict[Hashable, list[tuple[Piece, FloatArray]]] = {}
    found: list[Estimated] = []
    for piece in pieces:
        if _has_own(piece):
            found += _estimate_own(piece)
            continue
        rows = _rows(piece)
        key = (
            piece.estimator,
            piece.order,
            piece.design.matrix.shape,
            piece.design.matrix.tobytes(),
            rows.tobytes(),
            piece.observed.tobytes(),
        )
        together.setdefault(key, []).append((piece, rows))
    for members in together.values():
        first, rows = members[0]
        values = np.hstack([piece.values for piece, _ in members])
        raw = _shared(first, values, rows)
        edges = np.cumsum([0, *(len(piece.columns) for piece, _ in members)])
        for place, (piece, _) in enumerate(members):
            found.append(_complete(piece, raw.part(slice(edges[place], edges[place + 1]))))
    return found


def _rows(piece: Piece) -> FloatArray:
    """Return the contrasts to be estimated: the estimands', and the coefficients' where they are needed."""
    parts = [piece.matrix]
    if _same_cumulative(piece):
        parts.append(_cumulative(piece, np.ones(len(piece.observed))))
    if _needs_params(piece):
        parts.append(np.eye(len(piece.design.terms)))
    return np.vstack(parts)


def _cumulative(piece: Piece, weights: NDArray[np.float64]) -> FloatArray:
    """Return the cumulative effects of the interruptions as rows, with the weight of each period."""
    rows = []
    for number in _lasting(piece):
        chosen = piece.design.effect_periods(number) & piece.observed
        difference = (piece.design.matrix - piece.design.without(number))[chosen]
        rows.append(np.nan_to_num(weights[chosen]) @ difference)
    return np.array(rows).reshape(len(rows), len(piece.design.terms))


def _lasting(piece: Piece) -> list[int]:
    """Return the interruptions with a period over which effects are averaged and summed."""
    numbers = range(len(piece.design.interruptions))
    return [number for number in numbers if (number, "average_effect") in piece.contrasts]


def _same_cumulative(piece: Piece) -> bool:
    """Return whether the cumulative effect is the plain sum of effects, the same contrast for all series."""
    return piece.plan.outcome.transform == "none" and piece.plan.outcome.kind != "percentage"


def _names(piece: Piece, *, cumulative: bool) -> tuple[tuple[int, str], ...]:
    numbers = _lasting(piece) if cumulative else []
    return (*piece.contrasts, *((number, "cumulative_effect") for number in numbers))


def _needs_params(piece: Piece) -> bool:
    """Return whether the level expected without the intervention could lie outside the range."""
    return piece.plan.outcome.kind == "percentage" and piece.plan.outcome.transform == "none"


def _has_own(piece: Piece) -> bool:
    """Return whether the series have weights of their own: of periods, or of the cumulative effect."""
    outcome = piece.plan.outcome
    if outcome.transform != "none" or outcome.kind not in ("percentage", "count"):
        return False
    return not np.isnan(piece.plan.panel.denominators[:, piece.columns]).all()


def _estimate_own(piece: Piece) -> list[Estimated]:
    """Estimate series with weights of their own, those weighted by sampling variance apart."""
    panel, outcome = piece.plan.panel, piece.plan.outcome
    denominators = panel.denominators[:, piece.columns]
    known = np.asarray(~np.isnan(denominators[piece.observed]).any(axis=0))
    every = np.full(denominators.shape, np.nan) if piece.sampling is None else piece.sampling
    found = []
    columns = tuple(range(len(piece.columns)))
    groups = weighting_groups(piece.values, every, columns, piece.observed, piece.design, piece.estimator)
    for group, relative in groups:
        for has in (True, False):
            chosen = [place for place, column in enumerate(group) if known[column] == has]
            if chosen:
                at = np.array([group[place] for place in chosen])
                factor = 100.0 if outcome.kind == "percentage" else 1.0 / (outcome.per or 1.0)
                weights = denominators[:, at] / factor if has else None
                if weights is None and outcome.kind == "count":
                    weights = np.ones((len(piece.observed), len(at)))
                some = None if relative is None else relative[:, chosen]
                found.append(_own(_taken(piece, at), weights, some))
    return found


def _taken(piece: Piece, at: NDArray[np.intp]) -> Piece:
    """Return some series of a piece."""
    return replace(
        piece,
        columns=piece.columns[at],
        values=piece.values[:, at],
        peer_means=None if piece.peer_means is None else piece.peer_means[:, at],
        sampling=None if piece.sampling is None else piece.sampling[:, at],
    )


def _own(piece: Piece, weights: FloatArray | None, relative: FloatArray | None) -> Estimated:
    """Estimate series whose cumulative effect, and perhaps whose design, is their own."""
    parts = [np.broadcast_to(piece.matrix, (len(piece.columns), *piece.matrix.shape))]
    if weights is not None:
        rows = [_cumulative(piece, weights[:, place]) for place in range(len(piece.columns))]
        parts.append(np.array(rows))
    terms = len(piece.design.terms)
    parts.append(np.broadcast_to(np.eye(terms), (len(piece.columns), terms, terms)))
    contrasts = np.concatenate(parts, axis=1)
    if relative is not None:
        root = np.sqrt(relative)
        design = piece.design.matrix[None] / root.T[:, :, None]
        own = own_design_statistics(design, piece.values / root, contrasts, piece.order)
        raw = _Raw(own.estimates, own.partial_autocorrelations, None, None, own.flags)
    else:
        context = FitContext(
            int(piece.observed.sum()),
            np.arange(piece.design.n_periods) >= piece.design.interruption.start,
            piece.plan.per_year,
        )
        raw = _of_fit(fit_estimator(piece.estimator, piece.design.matrix, piece.values, context), contrasts)
    return _complete(piece, raw, cumulative=weights is not None, weighted=relative is not None, params=True)


def _shared(piece: Piece, values: FloatArray, rows: FloatArray) -> _Raw:
    """Estimate series that share everything, by the first estimator of their outcomes."""
    matrix, none = piece.design.matrix, np.empty((values.shape[1], 0))
    if piece.estimator.name == "ols":
        ols = ols_statistics(matrix, values, rows)
        return _Raw(ols.estimates, none, ols.sigma, ols.log_likelihood, ols.flags)
    if piece.estimator.name == "newey_west":
        return _of_fit(fit_newey_west(matrix, values, piece.estimator.lags), rows)
    found = reml_ar_statistics(matrix, values, rows, piece.order)
    return _Raw(found.estimates, found.partial_autocorrelations, None, None, found.flags)


def _of_fit(fit: Fit, contrasts: FloatArray) -> _Raw:
    return _Raw(
        fit.contrasts(contrasts), fit.partial_autocorrelations, fit.sigma, fit.log_likelihood, fit.flags
    )


def _complete(
    piece: Piece,
    raw: _Raw,
    *,
    cumulative: bool | None = None,
    weighted: bool = False,
    params: bool | None = None,
) -> Estimated:
    """Take the estimands apart from the coefficients."""
    has_cumulative = _same_cumulative(piece) if cumulative is None else cumulative
    has_params = _needs_params(piece) if params is None else params
    names = _names(piece, cumulative=has_cumulative)
    kept = slice(0, len(names))
    read = raw.read
    return Estimated(
        piece,
        names,
        ContrastEstimates(
            read.estimate[:, kept], read.std_error[:, kept], read.df[:, kept], read.df_unclipped[:, kept]
        ),
        raw.partials,
        raw.sigma,
        raw.log_likelihood,
        raw.flags,
        read.estimate[:, len(names) :] if has_params else None,
        weighted,
    )
