"""The segmented regression design: trend, interruption, season, and the counterfactual beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from its_eval.design.season import automatic_season, dummies, harmonics

if TYPE_CHECKING:
    from numpy.typing import NDArray

Shape = Literal["step", "slope", "step_and_slope"]

#: Usable periods that a segment needs (methods §11.1).
SEGMENT_FOR_SLOPE = 8
SEGMENT_FOR_STEP = 3


class ShortSegmentError(ValueError):
    """A segment has too few usable periods for the shape of the interruption."""


@dataclass(frozen=True)
class Interruption:
    """When and how the series is thought to change.

    Attributes
    ----------
    name : str
        What happened.
    start : int
        T0, the first affected period, counted from 0; it belongs to the time after.
    shape : {"step", "slope", "step_and_slope"}
        What may change.
    phase_in : int
        Periods from T0 in which the change is under way.
    ramp : bool
        Phase-in as a linear ramp; otherwise its periods are left out (the time gap stays).
    """

    name: str
    start: int
    shape: Shape = "step_and_slope"
    phase_in: int = 0
    ramp: bool = False

    @property
    def full(self) -> int:
        """The first period after the phase-in."""
        return self.start + self.phase_in

    @property
    def first_effect(self) -> int:
        """T1, the first period whose effect counts: T0, or the end of an excluded phase-in."""
        return self.start if self.ramp else self.full


@dataclass(frozen=True)
class Season:
    """The seasonal form: ``none``, ``dummies`` or ``harmonics`` with a number of pairs."""

    kind: Literal["none", "dummies", "harmonics", "auto"] = "none"
    pairs: int = 0

    def resolve(self, n_used: int, per_year: int) -> Season:
        """Replace ``auto`` by the form that the number of usable periods asks for."""
        if self.kind != "auto":
            return self
        kind, pairs = automatic_season(n_used, per_year)
        return Season(kind, pairs)  # type: ignore[arg-type]

    @property
    def label(self) -> str:
        """Words for the report."""
        words = {"none": "no season", "dummies": "a term for each season", "auto": "chosen by length"}
        return words.get(self.kind, f"{self.pairs} pair{'s' if self.pairs > 1 else ''} of harmonics")


@dataclass(frozen=True)
class Design:
    """A design matrix with what it means.

    Attributes
    ----------
    matrix : ndarray, shape (n, k)
        A row for every period of the window, also for those not used.
    counterfactual : ndarray, shape (n, k)
        The same with the interruption switched off.
    terms : tuple of str
        Names of the columns. With C = t - T0, D = [t >= T1], R = max(t - T1, 0):
        ``counterfactual_at_start`` (constant: the level expected at T0 without the interruption, season
        averaged out), ``pre_slope`` (C), ``level_change`` (D), ``slope_change`` (R), then season.
    interruption : Interruption
        T0 and the shape.
    season : Season
        The form used, never ``auto``.
    usable : ndarray of bool, shape (n,)
        False in masked windows and an excluded phase-in.
    """

    matrix: NDArray[np.float64]
    counterfactual: NDArray[np.float64]
    terms: tuple[str, ...]
    interruption: Interruption
    season: Season
    usable: NDArray[np.bool_]

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
        own = ("counterfactual_at_start", "pre_slope", "level_change", "slope_change")
        return [index for index, term in enumerate(self.terms) if term not in own]

    def segments(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return the usable periods before and from the interruption on."""
        after = np.arange(self.n_periods) >= self.interruption.start
        return self.usable & ~after, self.usable & after

    def effect_periods(self) -> NDArray[np.bool_]:
        """Return P, the usable periods from T1 on, over which effects are averaged and summed."""
        return self.usable & (np.arange(self.n_periods) >= self.interruption.first_effect)


def usable_periods(n: int, interruption: Interruption, masked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the periods that may enter a fit: not masked and not in an excluded phase-in."""
    time = np.arange(n)
    excluded = (time >= interruption.start) & (time < interruption.first_effect)
    return ~masked & ~excluded


def time_terms(n: int, interruption: Interruption) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return constant, trend and interruption columns (methods §1, model 1).

    A ramp over m periods is ``D = clip((t - T0 + 1) / m, 0, 1)`` with R counted from T0 + m.
    """
    time = np.arange(n, dtype=np.float64)
    step = (time >= interruption.full).astype(np.float64)
    if interruption.ramp and interruption.phase_in > 0:
        step = np.clip((time - interruption.start + 1.0) / interruption.phase_in, 0.0, 1.0)
    slope = np.maximum(time - interruption.full, 0.0)
    columns = [np.ones(n), time - interruption.start]
    terms = ["counterfactual_at_start", "pre_slope"]
    if interruption.shape != "slope":
        columns.append(step)
        terms.append("level_change")
    if interruption.shape != "step":
        columns.append(slope)
        terms.append("slope_change")
    return np.column_stack(columns), tuple(terms)


def build_design(
    positions: Sequence[int],
    per_year: int,
    season_name: str,
    interruption: Interruption,
    season: Season,
    masked: NDArray[np.bool_],
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
    interruption : Interruption
        T0 and the shape.
    season : Season
        Seasonal form; ``auto`` is resolved by the number of usable periods.
    masked : ndarray of bool, shape (n,)
        Periods that the config takes out.
    """
    n = len(positions)
    usable = usable_periods(n, interruption, masked)
    resolved = season.resolve(int(usable.sum()), per_year)
    matrix, terms = time_terms(n, interruption)
    if resolved.kind == "dummies":
        seasonal, names = dummies(positions, per_year, season_name)
        matrix, terms = np.hstack([matrix, seasonal]), terms + names
    elif resolved.kind == "harmonics":
        seasonal, names = harmonics(positions, per_year, resolved.pairs)
        matrix, terms = np.hstack([matrix, seasonal]), terms + names
    counterfactual = matrix.copy()
    for term in ("level_change", "slope_change"):
        if term in terms:
            counterfactual[:, terms.index(term)] = 0.0
    return Design(matrix, counterfactual, terms, interruption, resolved, usable)


def require_segments(design: Design, observed: NDArray[np.bool_]) -> None:
    """Check that each segment has enough observations for the shape (methods §11.1).

    Parameters
    ----------
    design : Design
        The design.
    observed : ndarray of bool, shape (n,)
        Periods with a value.

    Raises
    ------
    ShortSegmentError
        With the counts and what would be possible.
    """
    for name, segment in zip(("before", "from"), design.segments(), strict=True):
        # a slope shows only after a ramp is over
        late = name == "from" and design.interruption.shape != "step"
        grown = np.arange(design.n_periods) >= (design.interruption.full if late else 0)
        count = int((segment & observed & grown).sum())
        needed = SEGMENT_FOR_STEP if design.interruption.shape == "step" else SEGMENT_FOR_SLOPE
        if count >= needed:
            continue
        hint = "extend the window" if count < SEGMENT_FOR_STEP else "extend the window, or use `shape: step`"
        raise ShortSegmentError(
            f"{count} usable periods {name} the start of {design.interruption.name!r}; "
            f"`shape: {design.interruption.shape}` needs {needed}: {hint}"
        )
