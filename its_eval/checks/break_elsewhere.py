"""Whether a break at another date fits better: the largest F statistic over all dates.

Andrews 1993, *Econometrica* 61:821, on generalised least squares. Its asymptotic critical values need long
series and no autocorrelation, so the null distribution is a parametric bootstrap that estimates the
autocorrelation of every simulated series again (Diebold & Chen 1996, *Journal of Econometrics* 70:221).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from its_eval.checks.autocorrelation import DRAWS, Whitening
from its_eval.checks.result import ATTENTION_LEVEL, CheckResult, number, p_text, upper_p
from its_eval.effects.several_units import reaches
from its_eval.estimators.fit import BoolArray, FloatArray, augmented_design
from its_eval.estimators.reml.autoregression import form_pairs, precision_terms
from its_eval.estimators.reml.reml_ar import fit_reml_ar, reml_point_estimates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: Share of the observed periods that is kept free of break dates at either end.
TRIMMED = 0.15
#: Share of a year within which a break counts as that of the intervention.
NEAR = 0.5
#: A break's columns with less than this share left after the design cannot be told from it.
COLLINEAR = 1e-8


@dataclass(frozen=True)
class BreakSearch:
    """F statistics of a break at every date.

    Attributes
    ----------
    dates : ndarray of int, shape (T,)
        Calendar positions of the first period after each possible break.
    statistics : ndarray, shape (T,)
        F of each, for the columns the break adds.
    p_value : float
        Of the largest.
    largest : int
        Calendar position of the date with the largest statistic.
    distance : int
        Its distance from the interruption in periods, negative before.
    """

    dates: NDArray[np.intp]
    statistics: FloatArray
    p_value: float
    largest: int
    distance: int

    @property
    def statistic(self) -> float:
        """The largest F."""
        return float(self.statistics.max())

    def check(self, periods: Sequence[str], per_year: int, alpha: float = ATTENTION_LEVEL) -> CheckResult:
        """Return the check ``break_elsewhere``: attention for a clear break far from the interruption.

        Parameters
        ----------
        periods : sequence of str, length n
            Names of the periods.
        per_year : int
            Periods of a year; half a year counts as near.
        """
        what = f"(largest F {number(self.statistic)}, {p_text(self.p_value)})"
        where = periods[self.largest]
        if not reaches(np.array(self.p_value), alpha):
            message = f"No date has a clear break {what}; the most likely would be {where}."
            return CheckResult("break_elsewhere", self.statistic, self.p_value, "pass", message)
        if abs(self.distance) <= max(1.0, NEAR * per_year):
            message = f"The clearest break is at {where}, at or near the interruption {what}."
            return CheckResult("break_elsewhere", self.statistic, self.p_value, "pass", message)
        side = "before" if self.distance < 0 else "after"
        message = (
            f"The clearest break is at {where}, {abs(self.distance)} periods {side} the interruption {what}: "
            "find out what happened there before reading the effect as the intervention's."
        )
        return CheckResult("break_elsewhere", self.statistic, self.p_value, "attention", message)


def break_columns(n_periods: int, dates: NDArray[np.intp], shape: str) -> FloatArray:
    """Return the columns (T, n, q) that a break of the shape adds at each date.

    Parameters
    ----------
    n_periods : int
    dates : ndarray of int, shape (T,)
    shape : {"step", "slope", "step_and_slope"}
    """
    time = np.arange(n_periods)
    step = (time >= dates[:, None]).astype(np.float64)
    ramp = np.maximum(time - dates[:, None], 0).astype(np.float64)
    kept = {"step": [step], "slope": [ramp], "step_and_slope": [step, ramp]}[shape]
    return np.stack(kept, axis=2)


def search_break(
    X: FloatArray,
    outcome: FloatArray,
    order: int,
    shape: str,
    interruption: int,
    rng: np.random.Generator,
    draws: int = DRAWS,
    scale: FloatArray | None = None,
) -> BreakSearch:
    """Search the middle 70 % of the observed periods for a break.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design without the interruption: constant, trend, season.
    outcome : ndarray, shape (n,)
        NaN where missing.
    order : int
        Order p of the errors: 0, 1 or 2.
    shape : {"step", "slope", "step_and_slope"}
        What may change.
    interruption : int
        Calendar position of T0, for the distance.
    rng : numpy.random.Generator
    draws : int
        Simulated series without a break.
    scale : ndarray, shape (n,), optional
        Relative standard deviations of the errors of a weighted fit; design, outcome and break columns are
        divided by them here.

    Raises
    ------
    SingularDesignError
        If the design cannot be estimated from the observed periods.
    ValueError
        If the periods are too few for a break of that shape.
    """
    observed = ~np.isnan(outcome)
    divisor = np.ones(outcome.size) if scale is None else scale
    X, outcome = X / divisor[:, None], outcome / divisor
    partials = fit_reml_ar(X, outcome[:, None], order).partial_autocorrelations[0] if order else np.empty(0)
    whitening = Whitening(X, partials, observed)
    used = whitening.positions
    dates = used[int(np.ceil(TRIMMED * used.size)) : int(np.floor((1.0 - TRIMMED) * used.size)) + 1]
    candidates = break_columns(X.shape[0], dates, shape) / divisor[:, None]
    series = np.full((X.shape[0], draws), np.nan)
    series[observed] = np.linalg.solve(whitening.inverse_factor, rng.standard_normal((used.size, draws)))
    simulated = reml_point_estimates(X, series, order)[1] if order else np.empty((draws, 0))

    together = np.hstack([outcome[:, None], series])
    together[observed] -= X[observed] @ np.linalg.lstsq(X[observed], together[observed], rcond=None)[0]
    usable = distinct(X, candidates, observed)
    if not usable.any() or used.size - X.shape[1] - candidates.shape[2] < 1:
        raise ValueError(f"{used.size} periods are too few to search for a break of shape {shape!r}")
    dates = dates[usable]
    statistics = f_statistics(X, candidates[usable], together, np.vstack([partials, simulated]), observed)
    largest = int(dates[int(np.argmax(statistics[:, 0]))])
    p_value = upper_p(float(statistics[:, 0].max()), statistics[:, 1:].max(axis=0))
    return BreakSearch(dates, statistics[:, 0], p_value, largest, largest - interruption)


def distinct(X: FloatArray, candidates: FloatArray, observed: BoolArray) -> BoolArray:
    """Return which candidates (T, n, q) add q columns of their own in the observed periods."""
    basis = np.linalg.qr(X[observed])[0]
    columns = candidates[:, observed]
    left = columns - basis @ (basis.T @ columns)
    smallest = np.linalg.svd(left, compute_uv=False)[:, -1]
    return np.asarray(smallest > COLLINEAR * np.linalg.norm(columns, axis=(1, 2)))


def f_statistics(
    X: FloatArray, candidates: FloatArray, series: FloatArray, partials: FloatArray, observed: BoolArray
) -> FloatArray:
    """Return F of adding each candidate's columns, for series with autocorrelations of their own.

    With N the precision matrix of the errors and P that matrix after the design,
    ``F = [u'PC (C'PC)^{-1} C'Pu / q] / [(u'Pu - that) / (n - k - q)]``; N is a sum of fixed forms with
    weights that depend on the autocorrelation, so no matrix is factored for a series.

    Parameters
    ----------
    X : ndarray, shape (n, k)
    candidates : ndarray, shape (T, n, q)
        Each ``distinct`` from the design.
    series : ndarray, shape (n, S)
    partials : ndarray, shape (S, p)
        p = 0, 1 or 2.
    observed : ndarray of bool, shape (n,)

    Returns
    -------
    ndarray, shape (T, S)
    """
    order, (n_dates, n_periods, n_added) = partials.shape[1], candidates.shape
    basis = np.linalg.qr(augmented_design(X, observed))[0]
    added = np.where(observed[None, :, None], candidates, 0.0)
    flat = np.moveaxis(added, 0, 1).reshape(n_periods, -1)
    # only what the design leaves of a candidate matters
    flat -= basis @ (basis.T @ flat)
    errors = np.where(observed[:, None], series, 0.0)
    weights = precision_terms(partials).weights if order else np.ones((partials.shape[0], 1))
    forms = [(_form(i, j, basis), _form(i, j, flat)) for i, j in form_pairs(order)]

    def weighted(parts: list[FloatArray]) -> FloatArray:
        return np.tensordot(weights, np.array(parts), axes=1)

    inner = weighted([basis.T @ own for own, _ in forms])
    across = weighted([basis.T @ new for _, new in forms])
    blocks = np.moveaxis(flat.reshape(n_periods, n_dates, n_added), 1, 0)
    within = weighted(
        [
            np.swapaxes(blocks, 1, 2) @ np.moveaxis(new.reshape(n_periods, n_dates, n_added), 1, 0)
            for _, new in forms
        ]
    )
    scores = np.einsum("sm,mqs->sq", weights, np.array([new.T @ errors for _, new in forms]))
    design_scores = np.einsum("sm,mks->sk", weights, np.array([own.T @ errors for own, _ in forms]))
    squares = [np.einsum("ts,ts->s", errors, _form(i, j, errors)) for i, j in form_pairs(order)]
    total = np.einsum("sm,ms->s", weights, np.array(squares))

    solved = np.linalg.solve(inner, np.concatenate([across, design_scores[:, :, None]], axis=2))
    rss = total - np.einsum("sk,sk->s", design_scores, solved[:, :, -1])
    pulled = (scores - np.einsum("skq,sk->sq", across, solved[:, :, -1])).reshape(-1, n_dates, n_added)
    lost = np.einsum(
        "sktq,sktr->stqr",
        across.reshape(*across.shape[:2], n_dates, n_added),
        solved[:, :, :-1].reshape(*across.shape[:2], n_dates, n_added),
    )
    gained = np.sum(pulled * np.linalg.solve(within - lost, pulled[..., None])[..., 0], axis=2)
    df = int(observed.sum()) - X.shape[1] - n_added
    return np.asarray((gained / n_added / ((rss[:, None] - gained) / df)).T)


def _form(i: int, j: int, columns: FloatArray) -> FloatArray:
    """``S_ij`` of ``autoregression`` times columns (n, c), symmetrised."""
    n_rows = columns.shape[0]
    result = np.zeros_like(columns)
    result[i : n_rows - j] += columns[j : n_rows - i] / 2.0
    result[j : n_rows - i] += columns[i : n_rows - j] / 2.0
    return result
