"""Whether a break at another date fits better: the largest F statistic over all dates.

Andrews 1993, *Econometrica* 61:821, on generalised least squares. Its asymptotic critical values need long
series and no autocorrelation, so the null distribution is a parametric bootstrap that estimates the
autocorrelation of every simulated series again (Diebold & Chen 1996, *Journal of Econometrics* 70:221).

A real change at the start makes dates around it fit well too, and with a slope even dates far away. So a
second test asks by how much the best date beats the start, in series that are simulated with the interruption
as it was fitted. A break elsewhere has to pass both, and to be over half a year away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.checks.autocorrelation import SimulatedResiduals, Whitening
from its_eval.checks.result import NOTE_LEVEL, CheckResult, judged, number, p_text, sequential_p
from its_eval.design.shapes import SHAPES
from its_eval.estimators.fit import BoolArray, FloatArray, augmented_design
from its_eval.estimators.reml.autoregression import form_pairs, precision_terms
from its_eval.estimators.reml.reml_ar import PointEstimates, fit_reml_ar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: Share of the observed periods that is kept free of break dates at either end.
TRIMMED = 0.15
#: Share of a year within which a break counts as that of the intervention.
NEAR = 0.5
#: A first p-value above this settles the matter, and the second is not asked for.
UNCLEAR = 0.2
#: A break's columns with less than this share left after the design cannot be told from it.
COLLINEAR = 1e-8


class BreakSearch(Struct, frozen=True):
    """F statistics of a break at every date.

    Attributes
    ----------
    dates : ndarray of int, shape (T,)
        Calendar positions of the first period after each possible break.
    statistics : ndarray, shape (T,)
        F of each, for the columns the break adds.
    at_start : float
        F of the interruption itself.
    p_value : float
        The larger of the p-values of the largest F and of its lead over the interruption's (the second alone
        where it is above 0.2); 1 for one near the interruption.
    largest : int
        Calendar position of the date with the largest statistic.
    distance : int
        Its distance from the interruption in periods, negative before.
    """

    dates: NDArray[np.intp]
    statistics: FloatArray
    at_start: float
    p_value: float
    largest: int
    distance: int

    @property
    def statistic(self) -> float:
        """The largest F."""
        return float(self.statistics.max())

    def check(self, periods: Sequence[str], near: float, alpha: float = NOTE_LEVEL) -> CheckResult:
        """Return the check ``break_elsewhere``: a clear break far from the interruption.

        Parameters
        ----------
        periods : sequence of str, length n
            Names of the periods.
        near : float
            As for `search_break`.
        alpha : float
            Level of the test.
        """
        where = periods[self.largest]
        if abs(self.distance) <= near:
            message = (
                f"The clearest break is at {where}, at or near the interruption (F {number(self.statistic)})."
            )
            return judged("break_elsewhere", self.statistic, 1.0, "", message, alpha)
        what = (
            f"(F {number(self.statistic)}, at the interruption {number(self.at_start)}, "
            f"{p_text(self.p_value)})"
        )
        side = "before" if self.distance < 0 else "after"
        found = (
            f"The clearest break is at {where}, {abs(self.distance)} periods {side} the interruption {what}: "
            "find out what happened there before reading the effect as the intervention's."
        )
        clear = f"No other date has a clear break {what}; the most likely would be {where}."
        return judged("break_elsewhere", self.statistic, self.p_value, found, clear, alpha)


def nearness(per_year: int) -> float:
    """Return the periods within which a break counts as that of the intervention: half a year."""
    return max(1.0, NEAR * per_year)


def break_columns(n_periods: int, dates: NDArray[np.intp], shape: str) -> FloatArray:
    """Return the columns (T, n, q) that a break of the shape adds at each date.

    Parameters
    ----------
    n_periods : int
    dates : ndarray of int, shape (T,)
    shape : str
        A name of ``SHAPES``; a level that does not stay is looked for as a step.
    """
    time = np.arange(n_periods)
    step = (time >= dates[:, None]).astype(np.float64)
    ramp = np.maximum(time - dates[:, None], 0).astype(np.float64)
    columns = {"level_change": step, "slope_change": ramp}
    return np.stack([columns[term] for term in SHAPES[shape].terms], axis=2)


def search_break(
    whitening: Whitening,
    own: Sequence[int],
    outcome: FloatArray,
    shape: str,
    interruption: int,
    near: float,
    simulated: SimulatedResiduals,
    scale: FloatArray | None = None,
) -> BreakSearch:
    """Search the middle 70 % of the observed periods for a break.

    Parameters
    ----------
    whitening : Whitening
        The fit with the interruption; of a weighted fit, rows are divided by ``scale``.
    own : sequence of int
        Columns of the interruption.
    outcome : ndarray, shape (n,)
        NaN where missing, divided likewise.
    shape : str
        What may change.
    interruption : int
        Calendar position of T0, for the distance.
    near : float
        Periods from T0 within which a break counts as that of the intervention.
    simulated : SimulatedResiduals
        Of ``whitening``.
    scale : ndarray, shape (n,), optional
        Relative standard deviations of the errors of a weighted fit, by which break columns are divided.

    Raises
    ------
    SingularDesignError
        If the design cannot be estimated from the observed periods.
    ValueError
        If the periods are too few for a break of that shape.
    """
    observed, order = whitening.observed, whitening.partials.size
    kept = [column for column in range(whitening.matrix.shape[1]) if column not in own]
    X, at_start = whitening.matrix[:, kept], whitening.matrix[:, list(own)]
    divisor = np.ones(observed.size) if scale is None else scale
    used = whitening.positions
    dates = used[int(np.ceil(TRIMMED * used.size)) : int(np.floor((1.0 - TRIMMED) * used.size)) + 1]
    candidates = break_columns(observed.size, dates, shape) / divisor[:, None]
    usable = distinct(X, candidates, observed)
    if not usable.any():
        raise ValueError(f"{used.size} periods are too few to search for a break of shape {shape!r}")
    dates = dates[usable]
    candidates = np.concatenate([candidates[usable], at_start[None]])

    tests = FTests(X, candidates, observed, order)
    fitted_again = PointEstimates(X, order)

    def statistics(series: FloatArray, partials: FloatArray) -> FloatArray:
        left = np.where(observed[:, None], series, 0.0)
        left[observed] -= X[observed] @ np.linalg.lstsq(X[observed], left[observed], rcond=None)[0]
        return tests(left, partials)

    def of_simulated(series: FloatArray) -> FloatArray:
        return statistics(series, fitted_again(series)[1] if order else np.empty((series.shape[1], 0)))

    column = outcome[:, None]
    partials = fit_reml_ar(X, column, order).partial_autocorrelations if order else np.empty((1, 0))
    found = statistics(column, partials)[:, 0]
    largest = int(dates[int(np.argmax(found[:-1]))])
    distance = largest - interruption
    p_value = 1.0
    if abs(distance) > near:
        without = Whitening(X, partials[0], observed)
        fitted = (whitening.matrix @ whitening.coefficients(column)[:, 0])[:, None]
        sigma = np.sqrt(np.sum(whitening.residuals(column) ** 2) / whitening.residual_df)

        def leads(draws: slice) -> FloatArray:
            drawn = of_simulated(fitted + sigma * simulated.errors[:, draws])
            return np.asarray(drawn[:-1].max(axis=0) - drawn[-1])

        def maxima(draws: slice) -> FloatArray:
            return np.asarray(of_simulated(without.errors(simulated.noise[:, draws]))[:-1].max(axis=0))

        count = simulated.noise.shape[1]
        p_value = sequential_p(float(found[:-1].max() - found[-1]), leads, count)
        if p_value <= UNCLEAR:
            p_value = max(p_value, sequential_p(float(found[:-1].max()), maxima, count))
    return BreakSearch(dates, found[:-1], float(found[-1]), p_value, largest, distance)


def distinct(X: FloatArray, candidates: FloatArray, observed: BoolArray) -> BoolArray:
    """Return which candidates (T, n, q) add q columns of their own in the observed periods."""
    basis = np.linalg.qr(X[observed])[0]
    columns = candidates[:, observed]
    left = columns - basis @ (basis.T @ columns)
    smallest = np.linalg.svd(left, compute_uv=False)[:, -1]
    return np.asarray(smallest > COLLINEAR * np.linalg.norm(columns, axis=(1, 2)))


class FTests:
    """F of adding each candidate's columns, for any number of series with autocorrelations of their own.

    With N the precision matrix of the errors and P that matrix after the design,
    ``F = [u'PC (C'PC)^{-1} C'Pu / q] / [(u'Pu - that) / (n - k - q)]``; N is a sum of fixed forms with
    weights that depend on the autocorrelation, so no matrix is factored for a series, and what design and
    candidates have in each form is worked out once.

    Parameters
    ----------
    X : ndarray, shape (n, k)
    candidates : ndarray, shape (T, n, q)
        Each ``distinct`` from the design.
    observed : ndarray of bool, shape (n,)
    order : int
        p = 0, 1 or 2.
    """

    def __init__(self, X: FloatArray, candidates: FloatArray, observed: BoolArray, order: int) -> None:
        n_dates, n_periods, n_added = candidates.shape
        self._shape, self._observed, self._order = (n_dates, n_added), observed, order
        self._df = int(observed.sum()) - X.shape[1] - n_added
        basis = np.linalg.qr(augmented_design(X, observed))[0]
        added = np.where(observed[None, :, None], candidates, 0.0)
        flat = np.moveaxis(added, 0, 1).reshape(n_periods, -1)
        # only what the design leaves of a candidate matters
        flat -= basis @ (basis.T @ flat)
        self._forms = [(_form(i, j, basis), _form(i, j, flat)) for i, j in form_pairs(order)]
        self._inner = np.array([basis.T @ own for own, _ in self._forms])
        self._across = np.array([basis.T @ new for _, new in self._forms])
        blocks = np.moveaxis(flat.reshape(n_periods, n_dates, n_added), 1, 0)
        self._within = np.array(
            [
                np.swapaxes(blocks, 1, 2) @ np.moveaxis(new.reshape(n_periods, n_dates, n_added), 1, 0)
                for _, new in self._forms
            ]
        )

    def __call__(
        self, series: FloatArray, partials: FloatArray, contrasts: FloatArray | None = None
    ) -> FloatArray:
        """Return F of each candidate, shape (T, S).

        Parameters
        ----------
        series : ndarray, shape (n, S)
        partials : ndarray, shape (S, p)
        contrasts : ndarray, shape (T, q), optional
            A combination of each candidate's coefficients, whose squared t is wanted instead.
        """
        n_dates, n_added = self._shape
        errors = np.where(self._observed[:, None], series, 0.0)
        weights = precision_terms(partials).weights if self._order else np.ones((partials.shape[0], 1))
        inner, across, within = (
            np.tensordot(weights, parts, axes=1) for parts in (self._inner, self._across, self._within)
        )
        scores = np.einsum("sm,mqs->sq", weights, np.array([new.T @ errors for _, new in self._forms]))
        design_scores = np.einsum("sm,mks->sk", weights, np.array([own.T @ errors for own, _ in self._forms]))
        pairs = form_pairs(self._order)
        squares = [np.einsum("ts,ts->s", errors, _form(i, j, errors)) for i, j in pairs]
        total = np.einsum("sm,ms->s", weights, np.array(squares))

        solved = np.linalg.solve(inner, np.concatenate([across, design_scores[:, :, None]], axis=2))
        rss = total - np.einsum("sk,sk->s", design_scores, solved[:, :, -1])
        pulled = (scores - np.einsum("skq,sk->sq", across, solved[:, :, -1])).reshape(-1, n_dates, n_added)
        lost = np.einsum(
            "sktq,sktr->stqr",
            across.reshape(*across.shape[:2], n_dates, n_added),
            solved[:, :, :-1].reshape(*across.shape[:2], n_dates, n_added),
        )
        information = within - lost
        coefficients = np.linalg.solve(information, pulled[..., None])[..., 0]
        gained = np.sum(pulled * coefficients, axis=2)
        variance = (rss[:, None] - gained) / self._df
        if contrasts is None:
            return np.asarray((gained / n_added / variance).T)
        length = np.sum(
            contrasts
            * np.linalg.solve(information, np.broadcast_to(contrasts[..., None], (*coefficients.shape, 1)))[
                ..., 0
            ],
            axis=2,
        )
        return np.asarray((np.sum(contrasts * coefficients, axis=2) ** 2 / length / variance).T)


def _form(i: int, j: int, columns: FloatArray) -> FloatArray:
    """``S_ij`` of ``autoregression`` times columns (n, c), symmetrised."""
    n_rows = columns.shape[0]
    result = np.zeros_like(columns)
    result[i : n_rows - j] += columns[j : n_rows - i] / 2.0
    result[j : n_rows - i] += columns[i : n_rows - j] / 2.0
    return result
