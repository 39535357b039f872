"""Fixed contrasts of very many series with AR errors: everything that depends on the design is a table.

After the reduction of a series all else depends on the design and on rho only, and smoothly so: a Chebyshev
series in the warped autocorrelation of ``ar1_solver`` replaces all matrix algebra per series.

After the reduction of a series all else depends on the design and on the two partial autocorrelations, and
smoothly so: on each of some hundreds of cells ``h RSS``, what F'e adds to the contrasts, their standard
errors and their degrees of freedom are polynomials (``ar2_cells``). Series are grouped by the cell of their
starting point; one matrix product a cell gives each series the polynomial of its own ``h RSS``, which
Newton's method minimises, and a second one reads off the rest.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.estimators.fit import (
    MINIMUM_DF,
    BoolArray,
    ContrastEstimates,
    FloatArray,
    augmented_design,
    degenerate_series,
    missing_patterns,
    precision_lost,
    require_estimable,
    scatter,
)
from its_eval.estimators.patterns import rare_patterns
from its_eval.estimators.reml.ar1 import Ar1Solver, to_rho, warped_bounds
from its_eval.estimators.reml.ar2_cells import (
    ON_SIDE,
    cell_geometry,
    locate,
    minimise_in_cells,
    monomials,
    panels,
)
from its_eval.estimators.reml.ar2_search import (
    ProfileSearch,
    best_starts,
    from_partials,
    search_points,
    to_partials,
    warped_box,
)
from its_eval.estimators.reml.error_model import refine
from its_eval.estimators.reml.gaps import fit_reml_ar_gaps
from its_eval.estimators.reml.kenward_roger import kenward_roger
from its_eval.estimators.reml.profile import design_matrices, objective_table, rss_table
from its_eval.estimators.reml.reduction import ReducedSeries, reduce_design, reduce_series
from its_eval.estimators.reml.reml_ar import FLAGS, PreparedReml, autocorrelation_flags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from its_eval.estimators.reml.reduction import ReducedDesign


class ArStatistics(Struct, frozen=True):
    """Contrasts of S series with AR errors, without their covariance models.

    Attributes
    ----------
    estimates : ContrastEstimates
        Estimates, standard errors and degrees of freedom, shape (S, m).
    partial_autocorrelations : ndarray, shape (S, p)
    flags : dict of str to ndarray of bool, shape (S,)
        As those of ``fit_reml_ar``.
    """

    estimates: ContrastEstimates
    partial_autocorrelations: FloatArray
    flags: dict[str, BoolArray]


def blank_statistics(n_series: int, n_contrasts: int, order: int) -> ArStatistics:
    """Arrays to be filled."""
    # The series are last in memory, as in the tables: every contrast is written in one run.
    estimates = ContrastEstimates(*np.empty((4, n_contrasts, n_series)).swapaxes(1, 2))
    flags = {flag: np.empty(n_series, dtype=np.bool_) for flag in FLAGS}
    return ArStatistics(estimates, np.empty((n_series, order)), flags)


def outcome_flags(Y: FloatArray, observed: BoolArray, series: ReducedSeries) -> dict[str, BoolArray]:
    """Flag series that have nothing, or too little, left beside their fitted line.

    Parameters
    ----------
    Y : ndarray, shape (n, S)
        Outcomes with 0 at missing months.
    observed : ndarray of bool, shape (n,)
    series : ReducedSeries
    """
    residual_sum, total_sum = series.lag_sums[0], series.total_sum
    degenerate = degenerate_series(Y, observed, residual_sum, total_sum)
    lost = precision_lost(residual_sum, total_sum) & ~degenerate
    return {"degenerate": degenerate, "precision_lost": lost}


def complete_statistics(
    estimate: FloatArray,
    std_error: FloatArray,
    df: FloatArray,
    partials: FloatArray,
    flags: dict[str, BoolArray],
    residual_df: int,
) -> ArStatistics:
    """Clip the degrees of freedom and add the flags of the autocorrelations.

    Parameters
    ----------
    estimate, std_error, df : ndarray, shape (m, S)
        Those of degenerate series are replaced, apart from the estimate, which must be that of least squares.
    partials : ndarray, shape (S, p)
    flags : dict of str to ndarray of bool, shape (S,)
        Those of ``outcome_flags``.
    residual_df : int
        Upper bound of the degrees of freedom.
    """
    flags = {**autocorrelation_flags(partials), **flags}
    degenerate = flags["degenerate"]
    if degenerate.any():  # as in blank_fit: least squares without uncertainty
        std_error[:, degenerate] = 0.0
        df[:, degenerate] = residual_df
        partials[degenerate] = 0.0
        flags["at_bound"] &= ~degenerate
        flags["near_unit_root"] &= ~degenerate
    clipped = np.clip(df, MINIMUM_DF, max(float(residual_df), MINIMUM_DF))
    return ArStatistics(ContrastEstimates(estimate.T, std_error.T, clipped.T, df.T), partials, flags)


#: Terms of the Chebyshev series: what it leaves out is smaller than the tables' error in rho.
CHEBYSHEV_TERMS = 44


class Ar1Tables:
    """Chebyshev tables of one design, missing pattern and set of contrasts, usable for any number of series.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design over all months.
    contrasts : ndarray, shape (m, k)
    observed : ndarray of bool, shape (n,), optional
        Months with a value; all by default.

    Raises
    ------
    SingularDesignError
        If the design cannot be estimated from the observed months.
    """

    def __init__(self, X: FloatArray, contrasts: FloatArray, observed: BoolArray | None = None) -> None:
        self.observed = np.ones(X.shape[0], dtype=np.bool_) if observed is None else observed
        require_estimable(X, self.observed, minimum_df=2)
        self.design = design = reduce_design(augmented_design(X, self.observed), order=1)
        self.solver = Ar1Solver(design)
        n_terms = X.shape[1]
        self.projection = contrasts @ np.linalg.inv(design.triangular)[:n_terms]
        low, high = warped_bounds()
        self.centre, self.half_width = (low + high) / 2.0, (high - low) / 2.0
        angles = np.pi * (np.arange(CHEBYSHEV_TERMS) + 0.5) / CHEBYSHEV_TERMS
        partials = to_rho(self.centre + self.half_width * np.cos(angles))[:, None]
        matrices = design_matrices(design, partials)
        unit = np.ones(CHEBYSHEV_TERMS)
        covariance = kenward_roger(design, matrices, partials, unit, n_terms)
        read = covariance.estimate(np.zeros((CHEBYSHEV_TERMS, n_terms)), contrasts)

        # What F'e adds to each contrast, RSS in the moments, se for a residual variance of 1, and log df.
        shift = (self.projection @ matrices.shift).reshape(CHEBYSHEV_TERMS, -1)
        values = [shift, rss_table(design, matrices), read.std_error, np.log(read.df_unclipped)]
        self._sizes = np.cumsum([block.shape[1] for block in values])[:-1]
        cosines = np.cos(np.outer(np.arange(CHEBYSHEV_TERMS), angles)) * (2.0 / CHEBYSHEV_TERMS)
        cosines[0] /= 2.0
        self._coefficients = np.ascontiguousarray((cosines @ np.hstack(values)).T)

    def evaluate(self, Y: FloatArray) -> ArStatistics:
        """Estimate the contrasts of series of shape (n, S) with 0 at the missing months."""
        design, n_series = self.design, Y.shape[1]
        series = reduce_series(design, Y)
        moments = series.moments()
        flags = outcome_flags(Y, self.observed, series)
        degenerate = flags["degenerate"]
        warped = self.solver.solve_warped(moments)
        table = self._coefficients @ self._basis(warped)
        shift, rss_weights, multiplier, log_df = np.split(table, self._sizes)

        estimate = self.projection @ series.coordinates
        estimate += np.einsum("mrs,rs->ms", shift.reshape(-1, design.n_reach, n_series), series.reach)
        rss_weights *= moments
        scale = np.sqrt(np.maximum(rss_weights.sum(axis=0), 0.0) / design.residual_df)
        multiplier *= scale
        unclipped = np.exp(log_df)
        partials = to_rho(warped)[:, None]
        if degenerate.any():
            estimate[:, degenerate] = self.projection @ series.coordinates[:, degenerate]
        return complete_statistics(estimate, multiplier, unclipped, partials, flags, design.residual_df)

    def _basis(self, warped: FloatArray) -> FloatArray:
        """Chebyshev polynomials (terms, S) at the warped autocorrelations."""
        basis = np.empty((CHEBYSHEV_TERMS, warped.size))
        basis[0] = 1.0
        basis[1] = (warped - self.centre) / self.half_width
        doubled = 2.0 * basis[1]
        for degree in range(2, CHEBYSHEV_TERMS):
            np.multiply(doubled, basis[degree - 1], out=basis[degree])
            basis[degree] -= basis[degree - 2]
        return basis


#: Series that are searched at a time: their values on the grid should stay in the processor's cache.
SEARCH_SERIES = 1024
#: Series whose polynomials are minimised or read off at a time.
CELL_SERIES = 2048
#: How often a series whose minimum lies outside the cell of its starting point may change the cell.
ROUNDS = 4


class Ar2Tables:
    """Tables of one design, missing pattern and set of contrasts, usable for any number of series.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design over all months.
    contrasts : ndarray, shape (m, k)
    observed : ndarray of bool, shape (n,), optional
        Months with a value; all by default.

    Raises
    ------
    SingularDesignError
        If the design cannot be estimated from the observed months.
    """

    def __init__(self, X: FloatArray, contrasts: FloatArray, observed: BoolArray | None = None) -> None:
        self.observed = np.ones(X.shape[0], dtype=np.bool_) if observed is None else observed
        require_estimable(X, self.observed, minimum_df=3)
        self.design = design = reduce_design(augmented_design(X, self.observed), order=2)
        n_terms = X.shape[1]
        self.projection = contrasts @ np.linalg.inv(design.triangular)[:n_terms]
        self._search = objective_table(design, search_points())
        tables = [panel.coefficients(self._values(panel.partials, contrasts)) for panel in panels()]
        table = np.concatenate(tables)
        n_moments = self._search.shape[1]
        self._objective = np.ascontiguousarray(table[:, :, :n_moments])
        self._read_off = np.ascontiguousarray(table[:, :, n_moments:].swapaxes(1, 2))

    def _values(self, partials: FloatArray, contrasts: FloatArray) -> FloatArray:
        """All tabulated functions at G points: ``h RSS``, shift, log h, se for RSS = n - k, log df."""
        design, points = self.design, len(partials)
        matrices = design_matrices(design, partials)
        covariance = kenward_roger(design, matrices, partials, np.ones(points), contrasts.shape[1])
        read = covariance.estimate(np.zeros((points, contrasts.shape[1])), contrasts)
        log_scale = matrices.log_scale[:, None]
        objective = np.exp(log_scale) * rss_table(design, matrices)
        shift = (self.projection @ matrices.shift).reshape(points, -1)
        return np.hstack([objective, shift, log_scale, read.std_error, np.log(read.df_unclipped)])

    def evaluate(self, Y: FloatArray) -> ArStatistics:
        """Estimate the contrasts of series of shape (n, S) with 0 at the missing months."""
        search = ProfileSearch(min(SEARCH_SERIES, Y.shape[1]))
        parts, owners, starts = [], [], []
        for begin in range(0, max(Y.shape[1], 1), SEARCH_SERIES):
            part = _reduce(self.design, Y[:, begin : begin + SEARCH_SERIES], self.observed)
            owner, start = search.starts(self._search, part.series.moments())
            regular = ~part.flags["degenerate"][owner]
            parts.append(part)
            owners.append(owner[regular] + begin)
            starts.append(start[:, regular])
        outcomes = _together(parts)
        owner = np.concatenate(owners)
        warped, value = self._minimise(outcomes.series, owner, np.hstack(starts))
        best = best_starts(owner, value)
        return self._read(outcomes, owner[best], warped[:, best], value[best])

    def _minimise(
        self, series: ReducedSeries, owner: NDArray[np.intp], start: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Follow every start to the minimum of ``h RSS``: its place (2, C) and value (C,)."""
        warped, value = start.copy(), np.empty(owner.size)
        open_starts = np.arange(owner.size)
        for _ in range(ROUNDS):
            place, found, settled = self._in_cells(series, owner[open_starts], warped[:, open_starts])
            warped[:, open_starts], value[open_starts] = place, found
            open_starts = open_starts[~settled]
            if open_starts.size == 0:
                return warped, value
        # Where the function is not convex or the minimum wanders from cell to cell: the exact function.
        stray = series.take(owner[open_starts])
        partials, log_value = refine(self.design, stray, to_partials(warped[:, open_starts]))
        warped[:, open_starts], value[open_starts] = from_partials(partials), np.exp(log_value)
        return warped, value

    def _in_cells(
        self, series: ReducedSeries, owner: NDArray[np.intp], start: FloatArray
    ) -> tuple[FloatArray, FloatArray, BoolArray]:
        """Minimise each start's polynomial on its cell: place (2, C), value (C,) and whether that is all."""
        lower, upper = (bound[:, None] for bound in warped_box())
        warped, value = np.empty_like(start), np.empty(owner.size)
        settled = np.empty(owner.size, dtype=np.bool_)
        cell = locate(start)
        for block, groups in _by_cell(cell):
            moments = series.take(owner[block]).moments()
            polynomials = _products(self._objective, moments, groups)
            centre, half = cell_geometry()[:, :, cell[block]]
            low, high = np.maximum((lower - centre) / half, -1.0), np.minimum((upper - centre) / half, 1.0)
            local = np.clip((start[:, block] - centre) / half, low, high)
            local, value[block], convex = minimise_in_cells(polynomials, local, low, high)
            warped[:, block] = np.clip(centre + half * local, lower, upper)
            # On a side of the rectangle that is no bound the minimum lies in another cell.
            settled[block] = convex & (np.abs(local).max(axis=0) < 1.0 - ON_SIDE)
        return warped, value, settled

    def _read(
        self, outcomes: _Outcomes, owner: NDArray[np.intp], warped: FloatArray, value: FloatArray
    ) -> ArStatistics:
        """Read the contrasts off the tables at the place of each series that is not degenerate."""
        design, series, m = self.design, outcomes.series, self.projection.shape[0]
        splits = np.cumsum([m * design.n_reach, 1, m])
        cell = locate(warped)
        # In the order of the cells, and a column of zeros behind for the series that are degenerate.
        found = np.zeros((3, m, owner.size + 1))
        column = np.full(outcomes.size.size, owner.size)
        done = 0
        for block, groups in _by_cell(cell):
            centre, half = cell_geometry()[:, :, cell[block]]
            table = _products(self._read_off, monomials(*(warped[:, block] - centre) / half), groups)
            shift, log_scale, multiplier, log_df = np.split(table, splits)
            rss = np.maximum(value[block] * np.exp(-log_scale[0]), 0.0)
            reach = series.reach.take(owner[block], axis=1)
            added, std_error, df = found[:, :, done : done + block.size]
            np.einsum("mrs,rs->ms", shift.reshape(m, *reach.shape), reach, out=added)
            np.multiply(multiplier, np.sqrt(rss / design.residual_df), out=std_error)
            np.exp(log_df, out=df)
            column[owner[block]] = np.arange(done, done + block.size)
            done += block.size
        added, std_error, df = found.take(column, axis=2)
        added *= outcomes.size
        std_error *= outcomes.size
        added += self.projection @ series.coordinates
        partials = np.zeros((outcomes.size.size, 2))
        partials[owner] = to_partials(warped)
        return complete_statistics(added, std_error, df, partials, outcomes.flags, design.residual_df)


class _Outcomes(Struct, frozen=True):
    """Series after their reduction.

    Attributes
    ----------
    series : ReducedSeries
        With residuals divided by ``size``, so that the polynomials depend on no unit.
    size : ndarray, shape (S,)
        Root of the residual sum of squares of least squares, 1 for degenerate series.
    flags : dict of str to ndarray of bool, shape (S,)
    """

    series: ReducedSeries
    size: FloatArray
    flags: dict[str, BoolArray]


def _reduce(design: ReducedDesign, Y: FloatArray, observed: BoolArray) -> _Outcomes:
    """Reduce outcomes (n, S) with 0 at the missing months."""
    series = reduce_series(design, Y)
    flags = outcome_flags(Y, observed, series)
    size = np.sqrt(np.where(flags["degenerate"], 1.0, series.lag_sums[0]))
    unit = ReducedSeries(series.coordinates, series.reach / size, series.lag_sums / size / size)
    return _Outcomes(unit, size, flags)


def _together(parts: list[_Outcomes]) -> _Outcomes:
    """Put parts of the series beside each other."""
    series = ReducedSeries(
        np.hstack([part.series.coordinates for part in parts]),
        np.hstack([part.series.reach for part in parts]),
        np.hstack([part.series.lag_sums for part in parts]),
    )
    flags = {name: np.concatenate([part.flags[name] for part in parts]) for name in parts[0].flags}
    return _Outcomes(series, np.concatenate([part.size for part in parts]), flags)


def _by_cell(cell: NDArray[np.intp]) -> Iterator[tuple[NDArray[np.intp], list[tuple[int, slice]]]]:
    """Blocks of the starts ordered by cell, each with its cells and where in the block these are."""
    order = np.argsort(cell.astype(np.int16), kind="stable")  # a radix sort for small integers
    for begin in range(0, order.size, CELL_SERIES):
        block = order[begin : begin + CELL_SERIES]
        cells = cell[block]
        edges = [0, *(np.flatnonzero(np.diff(cells)) + 1).tolist(), cells.size]
        yield block, [(int(cells[a]), slice(a, b)) for a, b in pairwise(edges)]


def _products(tables: FloatArray, columns: FloatArray, groups: list[tuple[int, slice]]) -> FloatArray:
    """Each column times the table of its cell."""
    result = np.empty((tables.shape[1], columns.shape[1]))
    for cell, places in groups:
        np.matmul(tables[cell], columns[:, places], out=result[:, places])
    return result


class TablePolicy(Struct, frozen=True):
    """When the tables of a design are worth while.

    Attributes
    ----------
    tables : type
        ``Ar1Tables`` or ``Ar2Tables``.
    enough_series : int
        Fewest series of a missing pattern for which they are computed.
    chunk_series : int
        Series evaluated at a time.
    """

    tables: type[Ar1Tables | Ar2Tables]
    enough_series: int
    chunk_series: int


#: Tables of AR(1) cost what one exact fit costs, those of AR(2) what 1,000 to 1,300 cost, whatever the design
#: and the gaps. With AR(1) the months of a chunk should stay in the processor's cache, and pay for the
#: calls; with AR(2) the tables see to the first, and a chunk should have many series in each cell.
TABLES = {1: TablePolicy(Ar1Tables, 1, 5120), 2: TablePolicy(Ar2Tables, 1200, 16384)}


def reml_ar_statistics(X: FloatArray, Y: FloatArray, contrasts: FloatArray, order: int) -> ArStatistics:
    """Estimate fixed contrasts with AR(p) errors for many series.

    The same numbers as ``fit_reml_ar(X, Y, order).contrasts(contrasts)``, to about 1e-6 relative (2e-6 in the
    degrees of freedom of series with half their months missing), at a cost comparable to a least-squares
    solve. With AR(2) errors this holds where many series miss the same months; others take the same path as
    ``fit_reml_ar``.

    Parameters
    ----------
    X : ndarray, shape (n, k)
    Y : ndarray, shape (n, S)
        NaN where a month is missing.
    contrasts : ndarray, shape (m, k)
    order : int
        p, 1 or 2.

    Raises
    ------
    SingularDesignError
        As ``fit_reml_ar``.
    """
    result = blank_statistics(Y.shape[1], contrasts.shape[0], order)
    common, rare = rare_patterns(missing_patterns(Y))
    if rare.size:
        fit = fit_reml_ar_gaps(X, Y[:, rare], order)
        part = ArStatistics(fit.contrasts(contrasts), fit.partial_autocorrelations, fit.flags)
        scatter(result, rare, part)
    for pattern in common:
        span, policy = pattern.span, TABLES.get(order)
        if policy is not None and pattern.series.size >= policy.enough_series:
            tables = policy.tables(X[span], contrasts, pattern.observed[span])
            for chunk in pattern.chunks(policy.chunk_series):
                scatter(result, chunk.places, tables.evaluate(chunk.fill(Y)[span]))
        else:
            prepared = PreparedReml(X[span], order, pattern.observed[span])
            for chunk in pattern.chunks(prepared.chunk_size):
                fit = prepared.fit(chunk.fill(Y)[span])
                part = ArStatistics(fit.contrasts(contrasts), fit.partial_autocorrelations, fit.flags)
                scatter(result, chunk.places, part)
    return result
