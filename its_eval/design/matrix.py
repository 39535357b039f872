"""The segmented regression design: trend, interruptions, season, covariates, and the counterfactual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from its_eval.design.interruption import Interruption, interruption_terms, unused_periods
from its_eval.design.season import Season, seasonal_terms

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Design:
    """A design matrix with what it means.

    Attributes
    ----------
    matrix : ndarray, shape (n, k)
        A row for every period of the window, also for those not used.
    terms : tuple of str
        Names of the columns. With C = t - T0, D = [t >= T1], R = max(t - T1, 0):
        ``counterfactual_at_start`` (constant: the level expected at T0 without any interruption, season
        averaged out), ``pre_slope`` (C), ``level_change`` (D), ``slope_change`` (R), then those of further
        interruptions with their names, season and covariates.
    interruptions : tuple of Interruption
        The intervention under evaluation first, then fitted events.
    columns : tuple of tuple of int
        Columns of each interruption: D and R, or one of them.
    season : Season
        The form used, never ``auto``.
    usable : ndarray of bool, shape (n,)
        False in masked windows, an excluded phase-in, and where a covariate is missing.
    nuisance : tuple of int
        Columns of season and covariates, which an average period has at zero.
    seasonal : tuple of int
        Columns of the season alone.
    """

    matrix: NDArray[np.float64]
    terms: tuple[str, ...]
    interruptions: tuple[Interruption, ...]
    columns: tuple[tuple[int, ...], ...]
    season: Season
    usable: NDArray[np.bool_]
    nuisance: tuple[int, ...] = ()
    seasonal: tuple[int, ...] = field(default=())

    @property
    def interruption(self) -> Interruption:
        """The intervention under evaluation."""
        return self.interruptions[0]

    @property
    def counterfactual(self) -> NDArray[np.float64]:
        """The matrix with the intervention switched off and everything else left on, shape (n, k)."""
        return self.without(0)

    def without(self, number: int) -> NDArray[np.float64]:
        """Return the matrix with one interruption switched off and the others left on (methods §11.1)."""
        matrix = self.matrix.copy()
        matrix[:, list(self.columns[number])] = 0.0
        return matrix

    @property
    def n_periods(self) -> int:
        """Length of the window."""
        return int(self.matrix.shape[0])

    def column(self, term: str) -> int:
        """Return the column of a term."""
        return self.terms.index(term)

    @property
    def season_columns(self) -> list[int]:
        """Columns of the seasonal terms."""
        return list(self.seasonal)

    def segments(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return the usable periods before and from the intervention on."""
        after = np.arange(self.n_periods) >= self.interruption.start
        return self.usable & ~after, self.usable & after

    def effect_periods(self, number: int = 0) -> NDArray[np.bool_]:
        """Return P, the usable periods from T1 on, over which effects are averaged and summed."""
        return self.usable & (np.arange(self.n_periods) >= self.interruptions[number].first_effect)


def usable_periods(
    n: int, interruptions: Sequence[Interruption], masked: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return the periods that may enter a fit: not masked and in no excluded phase-in."""
    usable = ~masked
    for interruption in interruptions:
        usable &= ~unused_periods(n, interruption)
    return usable


def time_terms(
    n: int, interruptions: Sequence[Interruption]
) -> tuple[NDArray[np.float64], tuple[str, ...], tuple[tuple[int, ...], ...]]:
    """Return constant, trend and interruption columns (methods §1, model 1).

    Returns
    -------
    matrix : ndarray, shape (n, 2 + columns)
    terms : tuple of str
    columns : tuple of tuple of int
        Those of each interruption.
    """
    time = np.arange(n, dtype=np.float64)
    parts = [np.ones(n), time - interruptions[0].start]
    terms = ["counterfactual_at_start", "pre_slope"]
    columns = []
    for number, interruption in enumerate(interruptions):
        own, names = interruption_terms(n, interruption)
        columns.append(tuple(range(len(parts), len(parts) + len(own))))
        parts += own
        terms += [name if number == 0 else f"{name}: {interruption.name}" for name in names]
    return np.column_stack(parts), tuple(terms), tuple(columns)


def build_design(
    positions: Sequence[int],
    per_year: int,
    season_name: str,
    interruptions: Sequence[Interruption],
    season: Season,
    masked: NDArray[np.bool_],
    covariates: NDArray[np.float64] | None = None,
    covariate_names: Sequence[str] = (),
) -> Design:
    """Build the design of one window.

    Parameters
    ----------
    positions : sequence of int
        Place of each period in its year; its length is the length of the window.
    per_year : int
        Seasons in a year.
    season_name : str
        ``month``, ``quarter`` or ``week``: prefix of the seasonal terms.
    interruptions : sequence of Interruption
        The intervention first, then fitted events.
    season : Season
        Seasonal form; ``auto`` is resolved by the number of usable periods.
    masked : ndarray of bool, shape (n,)
        Periods that the config takes out.
    covariates : ndarray, shape (n, q), optional
        Centred here over the usable periods, so that levels stay those of an average period. A period in
        which one is missing is not usable.
    covariate_names : sequence of str
        q names.
    """
    n = len(positions)
    usable = usable_periods(n, interruptions, masked)
    if covariates is not None:
        usable &= ~np.isnan(covariates).any(axis=1)
    resolved = season.resolve(int(usable.sum()), per_year)
    matrix, terms, columns = time_terms(n, interruptions)
    main = matrix.shape[1]
    seasonal, names = seasonal_terms(resolved, positions, per_year, season_name)
    matrix, terms = np.hstack([matrix, seasonal]), terms + names
    with_season = matrix.shape[1]
    if covariates is not None and usable.any():
        centred = covariates - covariates[usable].mean(axis=0)
        matrix = np.hstack([matrix, np.nan_to_num(centred)])
        terms += tuple(f"covariate: {name}" for name in covariate_names)
    return Design(
        matrix,
        terms,
        tuple(interruptions),
        columns,
        resolved,
        usable,
        tuple(range(main, matrix.shape[1])),
        tuple(range(main, with_season)),
    )
