"""Estimands: contrasts of the parameters that answer what people ask, by the names of the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.catalogue import Catalogue
from its_eval.design.shapes import SHAPES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.design.matrix import Design

    FloatArray = NDArray[np.float64]


class Segment:
    """One interruption of a design, as estimands see it: all others stay on (methods §11.1).

    Parameters
    ----------
    design : Design
        The design.
    observed : ndarray of bool, shape (n,) or (S, n)
        Periods that entered the fit; averages run over those from T1 on. With the second form rows that
        depend on them are of shape (S, k).
    number : int
        Which interruption; its effects are relative to the segment before.
    """

    def __init__(self, design: Design, observed: NDArray[np.bool_], number: int) -> None:
        self.design = design
        self.observed = observed
        self.number = number
        self.interruption = design.interruptions[number]

    @cached_property
    def switched_off(self) -> FloatArray:
        """The matrix without this interruption, shape (n, k)."""
        return self.design.without(self.number)

    @cached_property
    def difference(self) -> FloatArray:
        """What the interruption adds to the linear predictor, shape (n, k)."""
        return np.asarray(self.design.matrix - self.switched_off, dtype=np.float64)

    @cached_property
    def periods(self) -> NDArray[np.bool_]:
        """The periods over which effects are averaged and summed."""
        return self.design.effect_periods(self.number) & self.observed

    @cached_property
    def trend(self) -> FloatArray:
        """The slope of the segment before, shape (k,)."""
        row = np.zeros(len(self.design.terms))
        if "pre_slope" in self.design.terms:
            row[self.design.column("pre_slope")] = 1.0
        for other, columns in zip(self.design.interruptions, self.design.columns, strict=True):
            if other.start < self.interruption.start and other.form.has_slope:
                row[columns[-1]] = 1.0
        return row

    def own(self, place: int) -> FloatArray:
        """Return the first (0) or last (-1) coefficient of the interruption, shape (k,)."""
        row = np.zeros(len(self.design.terms))
        row[self.design.columns[self.number][place]] = 1.0
        return row

    def sums(self, weights: FloatArray) -> FloatArray | None:
        """Return the sum of effects, each times the weight of its period; None without such periods.

        Parameters
        ----------
        weights : ndarray, shape (n,) or (S, n)

        Returns
        -------
        ndarray, shape (k,) or (S, k)
        """
        if not self.periods.any():
            return None
        if self.periods.ndim == 2:
            return np.asarray(np.where(self.periods, np.nan_to_num(weights), 0.0) @ self.difference)
        chosen = np.nan_to_num(weights[..., self.periods])
        return np.asarray(chosen @ self.difference[self.periods], dtype=np.float64)


class Estimand(Struct, frozen=True):
    """Something that is asked of an interruption.

    Attributes
    ----------
    name : str
        Its name in configs and tables.
    row : callable or None
        From a segment the row over the terms whose product with the coefficients it is, or None where the
        shape or the window has none. Estimands that are not linear, or need weights, have no row.
    in_words : str
        What it is called in a sentence; ``{period}`` stands for the word of the frequency.
    has_ratio : bool
        Whether a log or logit scale also shows it as a ratio.
    """

    name: str
    row: Callable[[Segment], FloatArray | None] | None = None
    in_words: str = ""
    has_ratio: bool = False


def _start(segment: Segment) -> FloatArray:
    row = segment.switched_off[segment.interruption.start].copy()
    row[list(segment.design.nuisance)] = 0.0
    return np.asarray(row, dtype=np.float64)


def _average(segment: Segment) -> FloatArray | None:
    chosen = segment.periods
    if not chosen.any():
        return None
    if chosen.ndim == 2:
        return np.asarray(chosen @ segment.difference / chosen.sum(axis=1, keepdims=True))
    return np.asarray(segment.difference[chosen].mean(axis=0))


COUNTERFACTUAL_AT_START = Estimand("counterfactual_at_start", _start, "level expected at the start")
PRE_SLOPE = Estimand(
    "pre_slope",
    lambda segment: segment.trend if segment.trend.any() else None,
    "trend before, per {period}",
    has_ratio=True,
)
LEVEL_CHANGE = Estimand(
    "level_change",
    lambda segment: segment.own(0) if segment.interruption.form.has_level else None,
    "immediate change in level",
    has_ratio=True,
)
SLOPE_CHANGE = Estimand(
    "slope_change",
    lambda segment: segment.own(-1) if segment.interruption.form.has_slope else None,
    "change of trend, per {period}",
    has_ratio=True,
)
POST_SLOPE = Estimand(
    "post_slope",
    lambda segment: segment.trend + segment.own(-1) if segment.interruption.form.has_slope else None,
    "trend after, per {period}",
    has_ratio=True,
)
AVERAGE_EFFECT = Estimand("average_effect", _average, "average effect", has_ratio=True)
CUMULATIVE_EFFECT = Estimand("cumulative_effect", in_words="cumulative effect")
RELATIVE_AVERAGE_EFFECT = Estimand("relative_average_effect", in_words="average effect, relative")

_HOME = "its_eval.effects.estimands"
#: In the order in which a fit is asked for them.
ESTIMANDS: Catalogue[Estimand] = Catalogue(
    "an estimand",
    {
        name.lower(): f"{_HOME}:{name}"
        for name in (
            *("COUNTERFACTUAL_AT_START", "PRE_SLOPE", "LEVEL_CHANGE", "SLOPE_CHANGE", "POST_SLOPE"),
            *("AVERAGE_EFFECT", "CUMULATIVE_EFFECT", "RELATIVE_AVERAGE_EFFECT"),
        )
    },
)


def effect_at(after: int) -> Estimand:
    """Return the effect so many periods after the first full period.

    One beyond the window is left out, because the data cannot show it, and one that the shape makes 0: that
    of a slope is 0 at its own start, which no data can contradict.
    """

    def row(segment: Segment) -> FloatArray | None:
        index = segment.interruption.full + after
        if index < segment.design.n_periods and segment.difference[index].any():
            return np.asarray(segment.difference[index])
        return None

    words = f"effect {after} {{period}}{'' if after == 1 else 's'} after the start"
    return Estimand(f"effect_at_{after}", row, words, has_ratio=True)


#: The question whether anything changed: the joint test of all terms of an interruption.
CHANGE = "change"


def terms_of(question: str, shape: str) -> tuple[str, ...]:
    """Return the estimands that a question tests together: the terms of the shape for ``change``."""
    if question != CHANGE:
        return (question,)
    return SHAPES[shape].terms


def joint_rows(design: Design, number: int, per_year: int) -> FloatArray:
    """Return what is tested together of an interruption, as rows over the terms, shape (m, k).

    Its own terms. Of more single periods than a year has, the average of each year after the start, of which
    the last may be shorter: a test of dozens of periods at once finds hardly any effect that lasts.
    """
    own = list(design.columns[number])
    rows = np.eye(len(design.terms))[own]
    if not design.interruptions[number].form.by_period or len(own) <= per_year:
        return rows
    years = np.array([int(design.terms[place].rpartition("_")[2]) // per_year for place in own])
    return np.array([rows[years == year].mean(axis=0) for year in np.unique(years)])


def year_effect(design: Design, number: int, per_year: int) -> str:
    """Return the effect one year after the start of an interruption, or in the last period of a shorter one.

    Nothing is carried on beyond the data: with fewer periods after the first full one the effect in the last
    of them stands for it, under its own name; of an effect that ends sooner that in its last period. Of
    single periods it is that of the last one with a value up to then.
    """
    interruption = design.interruptions[number]
    if interruption.form.by_period and design.columns[number]:
        own = [int(design.terms[place].rpartition("_")[2]) for place in design.columns[number]]
        return f"effect_at_{max([k for k in own if k <= per_year] or own[:1])}"
    end = min(float(design.n_periods), np.ceil(interruption.end))
    return f"effect_at_{max(min(per_year, int(end) - 1 - interruption.full), 0)}"


def periods_after(name: str) -> int | None:
    """Return k of ``effect_at_k``; None for any other estimand."""
    prefix = "effect_at_"
    return int(name.removeprefix(prefix)) if name.startswith(prefix) else None


def estimand_of(name: str) -> Estimand:
    """Return an estimand by its name, that at k periods among them."""
    after = periods_after(name)
    return ESTIMANDS[name] if after is None else effect_at(after)


def asked(at: Sequence[int]) -> Iterator[Estimand]:
    """Yield every estimand, those at k periods before the one over all of them."""
    for name, estimand in ESTIMANDS.items():
        if name == AVERAGE_EFFECT.name:
            yield from map(effect_at, at)
        yield estimand


def linear_contrasts(
    design: Design, observed: NDArray[np.bool_], at: Sequence[int], number: int = 0
) -> dict[str, FloatArray]:
    """Return the estimands of an interruption that are linear in the parameters, as rows over the terms.

    Parameters
    ----------
    design, observed, number
        As for `Segment`.
    at : sequence of int
        k of ``effect_at_k``.
    """
    segment = Segment(design, observed, number)
    rows = {item.name: item.row(segment) for item in asked(at) if item.row is not None}
    return {name: row for name, row in rows.items() if row is not None}
