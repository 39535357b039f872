"""The primary estimand of many series, for ranks, curves and pools, without everything else."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.effects.columns import Question
from its_eval.effects.estimands import CHANGE, linear_contrasts, year_effect
from its_eval.estimators.quantiles import t_quantile
from its_eval.pipeline.estimate import Ask, Estimates
from its_eval.scales import NONE, PER_CENT, Scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Config
    from its_eval.design.matrix import Design
    from its_eval.pipeline.plan import Target

    FloatArray = NDArray[np.float64]


_NUMBERS = ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")


class PrimaryEstimate(Struct, frozen=True):
    """The primary estimand of one series, on the scale of the fit.

    Attributes
    ----------
    target : Target
        Unit and peers.
    estimate, std_error, df, statistic, p_value, conf_low, conf_high : float
        `statistic` is NaN where the standard error is 0 or has no meaning.
    stuck : bool
        The series is fitted exactly, so that rounding would decide: no p-value counts.
    scale : Scale
        The scale of these numbers: plain for outcome units and per cent.
    estimand : str
        What it is an estimate of.
    """

    target: Target
    estimate: float
    std_error: float
    df: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float
    stuck: bool
    scale: Scale
    estimand: str

    @property
    def unit(self) -> str:
        """Its unit."""
        return self.target.unit

    def shown(self, value: float) -> float:
        """Return a number as a summary shows it: a ratio for a log or logit scale, or per cent."""
        return float(self.scale.effect(np.array(value)))

    @property
    def shown_scale(self) -> str:
        """What a shown number is: in outcome units or per cent, or a ratio."""
        return "response" if self.scale.is_plain or self.scale is PER_CENT else "ratio"

    def limits_at(self, alpha: float) -> tuple[float, float]:
        """Return the interval at another level, on the scale of the fit."""
        reach = float(t_quantile(1.0 - alpha / 2.0, np.array(self.df))) * self.std_error
        return self.estimate - reach, self.estimate + reach

    def cells(self) -> dict[str, object]:
        """Return the cells of a table's row: numbers as shown, the p-value where it counts."""
        return {
            "estimate": self.shown(self.estimate),
            "std_error": self.std_error,
            "df": self.df,
            "p_value": np.nan if self.stuck else self.p_value,
            "conf_low": self.shown(self.conf_low),
            "conf_high": self.shown(self.conf_high),
        }

    @property
    def limits(self) -> tuple[float, float]:
        """The interval in the units of a margin: per cent for a change in per cent."""
        if self.scale is not PER_CENT:
            return self.conf_low, self.conf_high
        return self.shown(self.conf_low), self.shown(self.conf_high)


class PrimaryColumns(Struct, frozen=True, dict=True):
    """The primary estimand of S series.

    Attributes
    ----------
    targets : tuple of Target
        Unit and peers of each.
    estimate, std_error, df, statistic, p_value, conf_low, conf_high : ndarray, shape (S,)
        On the scale of the fit.
    stuck : ndarray of bool, shape (S,)
        As that of one series.
    scale : Scale
        The scale of these numbers.
    estimands : tuple of str
        What each is an estimate of: the effect one year after the start has other names in short series.
    """

    targets: tuple[Target, ...]
    estimate: FloatArray
    std_error: FloatArray
    df: FloatArray
    statistic: FloatArray
    p_value: FloatArray
    conf_low: FloatArray
    conf_high: FloatArray
    stuck: NDArray[np.bool_]
    scale: Scale
    estimands: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return how many series have it."""
        return len(self.targets)

    def __iter__(self) -> Iterator[PrimaryEstimate]:
        """Yield one series after the other."""
        numbers = zip(*(getattr(self, name).tolist() for name in _NUMBERS), strict=True)
        every = zip(self.targets, numbers, self.stuck.tolist(), self.estimands, strict=True)
        for target, values, stuck, estimand in every:
            named = dict(zip(_NUMBERS, values, strict=True))
            yield PrimaryEstimate(target=target, stuck=stuck, scale=self.scale, estimand=estimand, **named)

    @cached_property
    def by_unit(self) -> dict[str, PrimaryEstimate]:
        """The estimates by unit."""
        return {item.unit: item for item in self}


def primary_columns(
    estimates: Sequence[Estimates], estimand: str, question: Question, interruption: str = ""
) -> PrimaryColumns:
    """Return an estimand of every series that has it, sheet by sheet in the order of the series.

    Parameters
    ----------
    estimates : sequence of Estimates
        Fits.
    estimand : str
        Which; of ``change`` the effect one year after the start, which is what is shown of it.
    question : Question
        Effects and level of the intervals.
    interruption : str
        Name of a fitted event instead of the intervention.
    """
    parts = [part for item in estimates for part in _of(item, estimand, question, interruption)]
    if not parts:
        nothing: dict[str, Any] = dict.fromkeys(_NUMBERS, np.empty(0))
        return PrimaryColumns(targets=(), stuck=np.empty(0, dtype=np.bool_), scale=NONE, **nothing)
    numbers = [np.concatenate([part[1][place] for part in parts]) for place in range(7)]
    stuck = np.concatenate([part[2] for part in parts])
    targets = [target for part in parts for target, _ in part[0]]
    columns = np.array([column for part in parts for _, column in part[0]])
    names = [part[4] for part in parts for _ in part[0]]
    order = np.argsort(columns, kind="stable")
    return PrimaryColumns(
        targets=tuple(targets[place] for place in order),
        stuck=stuck[order],
        scale=parts[0][3],
        estimands=tuple(names[place] for place in order),
        **{name: array[order] for name, array in zip(_NUMBERS, numbers, strict=True)},
    )


_Part = tuple[list[tuple["Target", int]], tuple["FloatArray", ...], "NDArray[np.bool_]", Scale, str]


def interruption_number(design: Design, name: str) -> int | None:
    """Return the place of an interruption by its name, blank for the intervention; None without it."""
    if not name:
        return 0
    events = [item.name for item in design.interruptions[1:]]
    return 1 + events.index(name) if name in events else None


def _of(item: Estimates, estimand: str, question: Question, interruption: str) -> Iterator[_Part]:
    """Yield targets with their places, numbers and scale of the series of one fit."""
    number = interruption_number(item.design, interruption)
    if number is None:
        return
    if estimand == CHANGE:
        estimand = shown_estimand(item.design, question, number)
    name = contrast_of(item, estimand)
    scale = item.scale if name == estimand else PER_CENT
    who = [(item.sheet.targets[column], int(column)) for column in item.columns]
    at = question.at_of(item.design, number)
    row = linear_contrasts(item.design, item.observed, at, number).get(name)
    if row is not None:
        if item.fit is not None:
            read = item.fit.contrasts(row[None])
        else:
            place = item.reading.names.index((number, name))
            read = item.statistics.estimates.take(np.s_[:, [place]])
        low, high = read.interval(question.confidence)
        arrays = (read.estimate, read.std_error, read.df, read.statistic, read.p_value, low, high)
        numbers = tuple(array[:, 0] for array in arrays)
        yield who, numbers, item.stuck, scale, estimand
        return
    effects = item.effects(question)
    taken = np.zeros(len(who), dtype=np.bool_)
    for place in effects.places(estimand, number):
        if effects.kinds[place].scale == "ratio":
            continue
        chosen = effects.present[:, place] & ~taken
        taken |= chosen
        numbers = tuple(getattr(effects, column)[chosen, place] for column in _NUMBERS)
        kept = [pair for pair, here in zip(who, chosen, strict=True) if here]
        yield kept, numbers, item.stuck[chosen], NONE, estimand


def contrast_of(item: Estimates, estimand: str) -> str:
    """Return the contrast whose standard error an estimand has.

    Of a logarithm the average effect in per cent is 100 (exp(average) - 1): pooled and ranked as the average.
    """
    of_average = estimand == "relative_average_effect" and item.scale.name == "log" and not item.is_family
    return "average_effect" if of_average else estimand


def shown_estimand(design: Design, question: Question, number: int = 0) -> str:
    """Return the estimand whose estimate answers ``change``: the effect one year after the start.

    A slope alone has no effect in its first period: a start in the last period leaves its change of trend. Of
    an effect that has ended by then its size is told.
    """
    interruption = design.interruptions[number]
    if not interruption.form.has_level and interruption.full >= design.n_periods - 1:
        return "slope_change"
    if interruption.end <= interruption.full + question.year:
        return "level_change"
    return year_effect(design, number, question.year)


class Analysis(Struct, frozen=True):
    """What a config asks of every fit.

    Attributes
    ----------
    estimand : str
        The primary one.
    question : Question
        All of them, with their intervals.
    seed : int
        Of all random numbers.
    """

    estimand: str
    question: Question
    seed: int

    @classmethod
    def of(cls, config: Config) -> Analysis:
        """Return what a config asks."""
        year = config.data.calendar.per_year
        question = Question(config.estimands.at, config.confidence, year)
        return cls(config.estimands.primary, question, config.seed)

    @property
    def confidence(self) -> float:
        """Level of the intervals."""
        return self.question.confidence

    @property
    def alpha(self) -> float:
        """Level of the tests: 0.1 and not 0.09999999999999998."""
        return round(1.0 - self.question.confidence, 12)

    @property
    def ask(self) -> Ask:
        """Everything, with whole fits."""
        return Ask(self.question)

    def of_estimand(self, name: str) -> Analysis:
        """Return the same with another primary estimand."""
        return replace(self, estimand=name)

    def shown_estimand(self, design: Design, number: int = 0) -> str:
        """Return the estimand whose estimate is shown as the answer: the primary one, or that of a change."""
        if self.estimand != CHANGE:
            return self.estimand
        return shown_estimand(design, self.question, number)

    def primary(self, estimates: Sequence[Estimates], interruption: str = "") -> PrimaryColumns:
        """Return the primary estimand of every series that has it, of the intervention or a fitted event."""
        return primary_columns(estimates, self.estimand, self.question, interruption)

    def stream(self, *names: str) -> np.random.Generator:
        """Return random numbers of a purpose's own, the same in every run and order."""
        return np.random.default_rng([self.seed, zlib.crc32("|".join(names).encode())])
