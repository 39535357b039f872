"""The primary estimand of many series, for ranks, curves and pools, without everything else."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from its_eval.effects.columns import Question
from its_eval.effects.estimands import linear_contrasts
from its_eval.pipeline.estimate import Ask, Estimates
from its_eval.scales import NONE, PER_CENT, Scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Config
    from its_eval.pipeline.plan import Target

    FloatArray = NDArray[np.float64]


_NUMBERS = ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")


@dataclass(frozen=True)
class PrimaryEstimate:
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

    @property
    def unit(self) -> str:
        """Its unit."""
        return self.target.unit

    def shown(self, value: float) -> float:
        """Return a number as a summary shows it: a ratio for a log or logit scale, or per cent."""
        return float(self.scale.effect(np.array(value)))

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


@dataclass(frozen=True)
class PrimaryColumns:
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

    def __len__(self) -> int:
        """Return how many series have it."""
        return len(self.targets)

    def __iter__(self) -> Iterator[PrimaryEstimate]:
        """Yield one series after the other."""
        numbers = zip(*(getattr(self, name).tolist() for name in _NUMBERS), strict=True)
        for target, values, stuck in zip(self.targets, numbers, self.stuck.tolist(), strict=True):
            named = dict(zip(_NUMBERS, values, strict=True))
            yield PrimaryEstimate(target=target, stuck=stuck, scale=self.scale, **named)

    def by_unit(self) -> dict[str, PrimaryEstimate]:
        """Return the estimates by unit."""
        return {item.unit: item for item in self}


def primary_columns(estimates: Sequence[Estimates], estimand: str, question: Question) -> PrimaryColumns:
    """Return the primary estimand of every series that has it, sheet by sheet in the order of the series."""
    parts = [part for item in estimates for part in _of(item, estimand, question)]
    if not parts:
        nothing = dict.fromkeys(_NUMBERS, np.empty(0))
        return PrimaryColumns(targets=(), stuck=np.empty(0, dtype=np.bool_), scale=NONE, **nothing)
    numbers = [np.concatenate([part[1][place] for part in parts]) for place in range(7)]
    stuck = np.concatenate([part[2] for part in parts])
    targets = [target for part in parts for target, _ in part[0]]
    columns = np.array([column for part in parts for _, column in part[0]])
    order = np.argsort(columns, kind="stable")
    return PrimaryColumns(
        targets=tuple(targets[place] for place in order),
        stuck=stuck[order],
        scale=parts[0][3],
        **{name: array[order] for name, array in zip(_NUMBERS, numbers, strict=True)},
    )


_Part = tuple[list[tuple["Target", int]], tuple["FloatArray", ...], "NDArray[np.bool_]", Scale]


def _of(item: Estimates, estimand: str, question: Question) -> Iterator[_Part]:
    """Yield targets with their places, numbers and scale of the series of one fit."""
    name, scale = estimand, item.scale
    if name == "relative_average_effect" and scale.name == "log" and not item.is_family:
        # 100 (exp(average) - 1): pooled and ranked as the average, whose standard error it has
        name, scale = "average_effect", PER_CENT
    who = [(item.sheet.targets[column], int(column)) for column in item.columns]
    row = linear_contrasts(item.design, item.observed, question.at).get(name)
    if row is not None:
        if item.fit is not None:
            read = item.fit.contrasts(row[None])
        else:
            place = item.reading.names.index((0, name))
            read = item.statistics.estimates.take(np.s_[:, [place]])
        low, high = read.interval(question.confidence)
        arrays = (read.estimate, read.std_error, read.df, read.statistic, read.p_value, low, high)
        numbers = tuple(array[:, 0] for array in arrays)
        yield who, numbers, item.stuck, scale
        return
    effects = item.effects(question)
    taken = np.zeros(len(who), dtype=np.bool_)
    for place in effects.places(estimand):
        if effects.kinds[place].scale == "ratio":
            continue
        chosen = effects.present[:, place] & ~taken
        taken |= chosen
        numbers = tuple(getattr(effects, column)[chosen, place] for column in _NUMBERS)
        yield (
            [pair for pair, here in zip(who, chosen, strict=True) if here],
            numbers,
            item.stuck[chosen],
            NONE,
        )


@dataclass(frozen=True)
class Analysis:
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
        return cls(config.estimands.primary, Question(config.estimands.at, config.confidence), config.seed)

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

    def primary(self, estimates: Sequence[Estimates]) -> PrimaryColumns:
        """Return the primary estimand of every series that has it."""
        return primary_columns(estimates, self.estimand, self.question)

    def stream(self, *names: str) -> np.random.Generator:
        """Return random numbers of a purpose's own, the same in every run and order."""
        return np.random.default_rng([self.seed, zlib.crc32("|".join(names).encode())])
