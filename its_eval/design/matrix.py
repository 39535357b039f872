"""The segmented regression design: trend, interruptions, season, covariates, and the counterfactual."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
from msgspec import Struct, field

from its_eval.design.shapes import SHAPES, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Interruption(Struct, frozen=True):
    """When and how the series is thought to change.

    Attributes
    ----------
    name : str
        What happened.
    start : int
        T0, the first affected period, counted from 0; it belongs to the time after.
    shape : str
        What may change, relative to the segment before: a name of ``SHAPES``.
    phase_in : int
        Periods from T0 in which the change is under way.
    ramp : bool
        Phase-in as a linear ramp; otherwise its periods are left out (the time gap stays).
    length : float
        In periods, of a shape that has one.
    key : str
        Where the config names the shape: ``shape`` of the intervention, ``as`` of an event.
    """

    name: str
    start: int
    shape: str = "step_and_slope"
    phase_in: int = 0
    ramp: bool = False
    length: float = 0.0
    key: str = "shape"

    @property
    def form(self) -> Shape:
        """The shape itself."""
        return SHAPES[self.shape]

    @property
    def end(self) -> float:
        """The first period in which it has no effect any more; infinite where that never comes."""
        return self.full + self.form.lasts(self.length)

    @property
    def full(self) -> int:
        """The first period after the phase-in."""
        return self.start + self.phase_in

    @property
    def first_effect(self) -> int:
        """T1, the first period whose effect counts: T0, or the end of an excluded phase-in."""
        return self.start if self.ramp else self.full


def unused_periods(n: int, interruption: Interruption) -> NDArray[np.bool_]:
    """Return the periods of an excluded phase-in, shape (n,)."""
    time = np.arange(n)
    return (time >= interruption.start) & (time < interruption.first_effect)


def interruption_terms(
    n: int, interruption: Interruption, observed: NDArray[np.bool_] | None = None
) -> tuple[list[NDArray[np.float64]], tuple[str, ...]]:
    """Return the columns D and R of an interruption, or the one that its shape has.

    A shape of single periods has a column for each period from T1 on that has a value: its effect, under the
    name of the estimand.

    ``D = [t >= T1]``, times the profile of the shape, and ``R = max(t - T1, 0)``; a ramp over m periods is
    ``D = clip((t - T0 + 1) / m, 0, 1)`` with R counted from T0 + m (methods §1).
    """
    time, form = np.arange(n, dtype=np.float64), interruption.form
    if form.by_period:
        later = time >= interruption.full if observed is None else observed & (time >= interruption.full)
        places = np.flatnonzero(later)
        names = tuple(f"effect_at_{place - interruption.full}" for place in places)
        return list(np.eye(n)[places]), names
    since = np.maximum(time - interruption.full, 0.0)
    step = np.where(time >= interruption.full, form.profile(since, interruption.length), 0.0)
    if interruption.ramp and interruption.phase_in > 0:
        step = np.clip((time - interruption.start + 1.0) / interruption.phase_in, 0.0, 1.0)
    columns = {"level_change": step, "slope_change": since}
    return [columns[term] for term in form.terms], form.terms


#: ``auto``: dummies from this many periods (methods §0).
DUMMIES_FROM = 60
#: ``auto``: two harmonic pairs from this many periods, one from the next.
TWO_HARMONICS_FROM = 36
ONE_HARMONIC_FROM = 24


SeasonKind = Literal["none", "dummies", "harmonics", "auto"]
#: The course of a series without any interruption: a level, a straight line, or a parabola.
Trend = Literal["none", "linear", "quadratic"]


class Season(Struct, frozen=True):
    """The seasonal form: ``none``, ``dummies`` or ``harmonics`` with a number of pairs, or ``auto``."""

    kind: SeasonKind = "none"
    pairs: int = 0

    def resolve(self, n_used: int, per_year: int) -> Season:
        """Replace ``auto`` by the form that the number of usable periods asks for."""
        if self.kind != "auto":
            return self
        kind, pairs = automatic_season(n_used, per_year)
        return Season(cast("SeasonKind", kind), pairs)

    @property
    def label(self) -> str:
        """Words for the report."""
        words = {"none": "no season", "dummies": "a term for each season", "auto": "chosen by length"}
        return words.get(self.kind, f"{self.pairs} pair{'s' if self.pairs > 1 else ''} of harmonics")


def seasonal_terms(
    season: Season, positions: Sequence[int], per_year: int, name: str
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return the columns of a resolved season and their names; no column for ``none``.

    The 53rd week of an ISO year shares the term of the 52nd.
    """
    if season.kind == "none":
        return np.empty((len(positions), 0)), ()
    if season.kind == "harmonics":
        return harmonics(positions, per_year, season.pairs)
    return dummies([min(place, per_year - 1) for place in positions], per_year, name)


def automatic_season(n_used: int, per_year: int) -> tuple[str, int]:
    """Return the seasonal form for a series of this length: kind and number of harmonic pairs.

    Decided by the length alone, never by looking at the data (methods §0). Quarterly data use dummies
    from five years on and one pair of harmonics from two; weekly data two pairs from three years on and one
    from two; yearly data have no season.
    """
    if per_year == 1:
        return "none", 0
    if per_year == 4:
        return ("dummies", 0) if n_used >= 20 else ("harmonics", 1) if n_used >= 8 else ("none", 0)
    if per_year == 12 and n_used >= DUMMIES_FROM:
        return "dummies", 0
    months = n_used * 12 / per_year
    if months >= TWO_HARMONICS_FROM:
        return "harmonics", 2
    return ("harmonics", 1) if months >= ONE_HARMONIC_FROM else ("none", 0)


def dummies(
    positions: Sequence[int], per_year: int, name: str
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return sum-to-zero columns, one for each season but the last.

    Parameters
    ----------
    positions : sequence of int
        Place of each period in its year, 0 to ``per_year`` - 1.
    per_year : int
        Seasons in a year.
    name : str
        Prefix of the term names, e.g. ``month``.

    Returns
    -------
    columns : ndarray, shape (n, per_year - 1)
        Column s is 1 in season s, -1 in the last season and 0 else.
    terms : tuple of str
        ``month_1`` is January.
    """
    place = np.asarray(positions)
    columns = (place[:, None] == np.arange(per_year - 1)).astype(np.float64)
    columns[place == per_year - 1] = -1.0
    return columns, tuple(f"{name}_{season + 1}" for season in range(per_year - 1))


def harmonics(
    positions: Sequence[int], per_year: int, pairs: int
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return sine and cosine columns of the first harmonics of the year.

    The sine of the highest frequency, which is zero at every period when ``2 pairs = per_year``, is left
    out. Over whole years each column sums to zero.
    """
    angle = 2.0 * np.pi * np.asarray(positions, dtype=np.float64) / per_year
    columns: list[NDArray[np.float64]] = []
    terms: list[str] = []
    for pair in range(1, pairs + 1):
        if 2 * pair != per_year:
            columns.append(np.sin(pair * angle))
            terms.append(f"season_sin_{pair}")
        columns.append(np.cos(pair * angle))
        terms.append(f"season_cos_{pair}")
    return np.column_stack(columns), tuple(terms)


class Design(Struct, frozen=True):
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
        return self._switched_off(self.columns[number])

    @property
    def before_all(self) -> NDArray[np.float64]:
        """The matrix with every interruption switched off, shape (n, k)."""
        return self._switched_off(tuple(column for own in self.columns for column in own))

    def _switched_off(self, columns: Sequence[int]) -> NDArray[np.float64]:
        matrix = self.matrix.copy()
        matrix[:, list(columns)] = 0.0
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
        """Return P, the usable periods with an effect, over which effects are averaged and summed."""
        time, interruption = np.arange(self.n_periods), self.interruptions[number]
        return self.usable & (time >= interruption.first_effect) & (time < interruption.end)


def informing(interruptions: Sequence[Interruption], used: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the used periods that say something of the course of a series, shape (n,).

    Those of a shape of single periods do not: each has a term that takes it up.
    """
    time, told = np.arange(len(used)), used.copy()
    for item in interruptions:
        if item.form.by_period:
            told &= time < item.full
    return told


def usable_periods(
    n: int, interruptions: Sequence[Interruption], masked: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return the periods that may enter a fit: not masked and in no excluded phase-in."""
    usable = ~masked
    for interruption in interruptions:
        usable &= ~unused_periods(n, interruption)
    return usable


def time_terms(
    n: int,
    interruptions: Sequence[Interruption],
    trend: Trend = "linear",
    observed: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.float64], tuple[str, ...], tuple[tuple[int, ...], ...]]:
    """Return constant, trend and interruption columns (methods §1, model 1).

    Parameters
    ----------
    n : int
        Periods of the window.
    interruptions : sequence of Interruption
        The intervention first.
    trend : {"none", "linear", "quadratic"}
        A level alone has no ``pre_slope``; of a parabola ``pre_curvature`` ((C/n)^2) stands behind the other
        columns.
    observed : ndarray of bool, shape (n,), optional
        Periods with a value: a shape of single periods has a term for each of these; all by default.

    Returns
    -------
    matrix : ndarray, shape (n, terms)
    terms : tuple of str
    columns : tuple of tuple of int
        Those of each interruption.
    """
    time = np.arange(n, dtype=np.float64)
    since = time - interruptions[0].start
    parts, terms = [np.ones(n)], ["counterfactual_at_start"]
    if trend != "none":
        parts.append(since)
        terms.append("pre_slope")
    columns = []
    for number, interruption in enumerate(interruptions):
        own, names = interruption_terms(n, interruption, observed)
        columns.append(tuple(range(len(parts), len(parts) + len(own))))
        parts += own
        terms += [name if number == 0 else f"{name}: {interruption.name}" for name in names]
    if trend == "quadratic":
        parts.append((since / n) ** 2)
        terms.append("pre_curvature")
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
    *,
    trend: Trend = "linear",
    observed: NDArray[np.bool_] | None = None,
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
    trend : {"none", "linear", "quadratic"}
        As for ``time_terms``.
    observed : ndarray of bool, shape (n,), optional
        Periods with a value, of a shape that has a term for each; all by default.
    """
    n = len(positions)
    usable = usable_periods(n, interruptions, masked)
    if covariates is not None:
        usable &= ~np.isnan(covariates).any(axis=1)
    with_value = usable if observed is None else usable & observed
    resolved = season.resolve(int(informing(interruptions, with_value).sum()), per_year)
    matrix, terms, columns = time_terms(n, interruptions, trend, with_value)
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
