"""The primary estimand of fitted series, for ranks, curves and pools, without everything else."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from its_eval.effects import linear_contrasts
from its_eval.estimate.fit import DF_FLOOR
from its_eval.pipeline.tabulate import series_effects

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Config
    from its_eval.pipeline.estimation import Block
    from its_eval.pipeline.plan import OutcomePlan

#: Flags of a fit whose p-value would be decided by a bound or by rounding, not by the data.
NO_INFERENCE = frozenset({"at_bound", "degenerate"})


@dataclass(frozen=True)
class PrimaryEstimate:
    """The primary estimand of one series, on the scale of the fit.

    Attributes
    ----------
    column : int
        Position of the series in its set.
    unit : str
        Its unit.
    estimate, std_error, df, statistic, p_value, conf_low, conf_high : float
        `statistic` is NaN where the standard error is 0 or has no meaning.
    stuck : bool
        The fit sits on a bound or is degenerate, or has too few degrees of freedom: no p-value counts.
    link : {"none", "log", "logit", "percent"}
        The scale of these numbers, for `on_summary_scale`: none for outcome units and per cent; ``percent`` a
        logarithm whose exponential the summary shows as a change in per cent.
    """

    column: int
    unit: str
    estimate: float
    std_error: float
    df: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float
    stuck: bool
    link: str

    @property
    def limits(self) -> tuple[float, float]:
        """The interval in the units of a margin: per cent for a change in per cent."""
        if self.link != "percent":
            return self.conf_low, self.conf_high
        return on_summary_scale(self.conf_low, self.link), on_summary_scale(self.conf_high, self.link)


def primary_estimates(config: Config, plan: OutcomePlan, blocks: Iterable[Block]) -> list[PrimaryEstimate]:
    """Return the primary estimand of every series of some blocks that has it, in the order of the series."""
    found = [estimate for block in blocks for estimate in _of_block(config, plan, block)]
    return sorted(found, key=lambda item: item.column)


def _of_block(config: Config, plan: OutcomePlan, block: Block) -> Iterator[PrimaryEstimate]:
    primary, link = config.estimands.primary, block.link
    rows = linear_contrasts(block.design, block.observed, config.estimands.at)
    if primary == "relative_average_effect" and link == "log" and not block.is_family:
        # 100 (exp(average) - 1): pooled and ranked as the average, whose standard error it has
        primary, link = "average_effect", "percent"
    raised = np.zeros(len(block.columns), dtype=bool)
    for name in NO_INFERENCE & set(block.fit.flags):
        raised |= block.fit.flags[name]
    if primary in rows:
        read = block.fit.contrasts(rows[primary][None])
        low, high = read.interval(config.confidence)
        for position, column in enumerate(block.columns):
            yield PrimaryEstimate(
                column,
                block.series.units[column],
                float(read.estimate[position, 0]),
                float(read.std_error[position, 0]),
                float(read.df[position, 0]),
                float(read.statistic[position, 0]),
                float(read.p_value[position, 0]),
                float(low[position, 0]),
                float(high[position, 0]),
                bool(raised[position] or read.df_unclipped[position, 0] < DF_FLOOR),
                link,
            )
        return
    for position, column in enumerate(block.columns):
        for effect in series_effects(config, plan, block, position):
            if effect.estimand == primary and effect.interruption == 0 and effect.scale != "ratio":
                yield PrimaryEstimate(
                    column,
                    block.series.units[column],
                    effect.estimate,
                    effect.std_error,
                    effect.df,
                    effect.statistic,
                    effect.p_value,
                    effect.conf_low,
                    effect.conf_high,
                    bool(raised[position] or effect.df_floor),
                    "none",
                )
                break


def random_stream(config: Config, *names: str) -> np.random.Generator:
    """Return a stream of random numbers of its own for a purpose, the same in every run and order."""
    return np.random.default_rng([config.seed, zlib.crc32("|".join(names).encode())])


def from_summary_scale(values: NDArray[np.float64], link: str) -> NDArray[np.float64]:
    """Return estimates as `on_summary_scale` was given them."""
    if link == "percent":
        return np.log1p(values / 100.0)
    return values if link == "none" else np.log(values)


def on_summary_scale(value: float, link: str) -> float:
    """Return an estimate on the scale of the summary: a ratio for a log or logit link, or per cent."""
    if link == "percent":
        return float(100.0 * np.expm1(value))
    return value if link == "none" else float(np.exp(value))
