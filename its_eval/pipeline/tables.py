"""Fits as rows of the contract's tables, and the primary estimand without everything else."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from its_eval.effects import Effect, Question, Setting, bands, effects, linear_contrasts
from its_eval.estimators.fit import DF_FLOOR
from its_eval.peers.balance import balance, contributions
from its_eval.pipeline.peer_choice import pre_period_balance
from its_eval.scales import from_link, to_link

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Config
    from its_eval.design.interruption import Interruption
    from its_eval.pipeline.estimate import Block
    from its_eval.pipeline.plan import OutcomePlan


Row = dict[str, Any]


def block_keys(plan: OutcomePlan, block: Block, position: int) -> Row:
    """Return the columns that name a series: outcome, unit, design, estimator."""
    return {
        "outcome": plan.outcome.name,
        "unit": block.series.units[block.columns[position]],
        "design": block.series.design_name,
        "estimator": block.estimator,
    }


def fit_setting(plan: OutcomePlan, block: Block, position: int) -> Setting:
    """Return how one series of a block was fitted, for its effects."""
    column = block.columns[position]
    outcome = plan.outcome
    denominators = block.series.denominators[:, column]
    known = not np.isnan(denominators[block.observed]).any()
    weights: NDArray[np.float64] | None = np.ones(len(denominators))
    if outcome.kind == "percentage":
        weights = denominators / 100.0 if known else None
    elif outcome.kind == "count" and known:
        weights = denominators / (outcome.per or 1.0)
    return Setting(
        block.observed,
        block.link,
        block.is_family,
        None if block.own_level else block.series.peer_means[:, column],
        weights,
    )


def series_effects(config: Config, plan: OutcomePlan, block: Block, position: int) -> list[Effect]:
    """Return the estimands of one series of a block, those of every interruption."""
    setting = fit_setting(plan, block, position)
    question = Question(config.estimands.at, config.confidence)
    found: list[Effect] = []
    for number in range(len(block.design.interruptions)):
        found += effects(block.design, block.fit, position, setting, question, number)
    return found


def effect_rows(config: Config, plan: OutcomePlan, block: Block, first: str) -> Iterator[Row]:
    """Yield the rows of ``effects``; `first` is the label of the primary estimator."""
    primary = config.estimands.primary
    for position in range(len(block.columns)):
        keys = block_keys(plan, block, position)
        for effect in series_effects(config, plan, block, position):
            role = "primary" if effect.estimand == primary and effect.interruption == 0 else "secondary"
            interruption = block.design.interruptions[effect.interruption]
            yield keys | {
                "role": role if block.estimator == first else "sensitivity",
                "interruption": interruption.name,
                "interruption_period": plan.period(interruption.start),
                "estimand": effect.estimand,
                "scale": effect.scale,
                "inference_scale": effect.inference_scale,
                "estimate": effect.estimate,
                "std_error": effect.std_error,
                "df": effect.df,
                "statistic": effect.statistic,
                "p_value": effect.p_value,
                "conf_low": effect.conf_low,
                "conf_high": effect.conf_high,
                "conf_level": config.confidence,
                # not columns of the table, but what the summary has to know
                "df_floor": effect.df_floor,
            }


def coefficient_rows(config: Config, plan: OutcomePlan, block: Block) -> Iterator[Row]:
    """Yield the rows of ``coefficients``, one per term, on the scale of the fit."""
    every = block.fit.contrasts(np.eye(len(block.design.terms)))
    low, high = every.interval(config.confidence)
    for position in range(len(block.columns)):
        keys = block_keys(plan, block, position)
        for index, term in enumerate(block.design.terms):
            yield keys | {
                "term": term,
                "estimate": every.estimate[position, index],
                "std_error": every.std_error[position, index],
                "df": every.df[position, index],
                "statistic": every.statistic[position, index],
                "p_value": every.p_value[position, index],
                "conf_low": low[position, index],
                "conf_high": high[position, index],
            }


def fit_rows(plan: OutcomePlan, block: Block, flags: dict[int, set[str]]) -> Iterator[Row]:
    """Yield the rows of ``fits``; `flags` holds words by position that estimators cannot know of."""
    before, after = block.design.segments()
    partial = block.fit.partial_autocorrelations
    for position in range(len(block.columns)):
        own = {name for name, raised in block.fit.flags.items() if raised[position]}
        sampling = block.series.sampling[:, block.columns[position]]
        if block.weightable and block.relative_variance is None and not np.isnan(sampling).all():
            own.add("unweighted")
        ratio, dispersion = block.fit.variance_ratio, block.fit.dispersion
        yield block_keys(plan, block, position) | {
            "n": int(block.fit.n_used[position]),
            "n_pre": int((before & block.observed).sum()),
            "n_post": int((after & block.observed).sum()),
            "n_missing": int((block.design.usable & ~block.observed).sum()),
            "n_terms": len(block.design.terms),
            "ar_order": partial.shape[1],
            "rho1": partial[position, 0] if partial.shape[1] > 0 else None,
            "rho2": partial[position, 1] if partial.shape[1] > 1 else None,
            "variance_ratio": None if ratio is None else ratio[position],
            "sigma": block.fit.sigma[position],
            "log_likelihood": block.fit.log_likelihood[position],
            "dispersion": None if dispersion is None else dispersion[position],
            "flags": "; ".join(sorted(own | flags.get(position, set()))),
            "season": block.design.season.label,
            "weights": "none" if block.relative_variance is None else "sampling variance",
        }


def series_rows(config: Config, plan: OutcomePlan, block: Block) -> Iterator[Row]:
    """Yield the rows of ``series``: data, fit and counterfactual of the primary estimator, response scale.

    A difference of logarithms becomes the ratio of the unit to the geometric mean of its peers, a difference
    of logits an odds ratio.
    """
    transform = block.series.transform

    def response(values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what was fitted in outcome units, or as a ratio."""
        if block.own_level:
            return from_link(values, block.link)
        return values if block.link == "none" else np.asarray(np.exp(values), dtype=np.float64)

    series = block.series
    for position, column in enumerate(block.columns):
        keys = block_keys(plan, block, position)
        shown = bands(block.design, block.fit, position, config.confidence, block.period_variance(position))
        prediction = shown.prediction
        if block.is_family:
            # a count varies around its mean in a way that no band on the link scale shows
            prediction = (np.full_like(shown.fitted, np.nan), np.full_like(shown.fitted, np.nan))
        start = block.design.interruption.start
        reasons = unused_reasons(plan, block.design.interruptions)
        observed = series.observed[:, column]
        if block.own_level:
            observed = from_link(observed, transform)
            on_link = to_link(observed, block.link, series.denominators[:, column])
        else:
            on_link, observed = observed, response(observed)
        counterfactual = np.where(np.arange(len(shown.fitted)) >= start, shown.counterfactual, np.nan)
        own_masks = plan.unit_masks.get(series.units[column], {})
        columns = {
            "observed": observed,
            "unit_value": from_link(series.unit_values[:, column], transform),
            "peer_mean": from_link(series.peer_means[:, column], transform),
            "denominator": series.denominators[:, column],
            "fitted": response(shown.fitted),
            "counterfactual": response(counterfactual),
            "counterfactual_low": response(shown.confidence[0]),
            "counterfactual_high": response(shown.confidence[1]),
            "prediction_low": response(prediction[0]),
            "prediction_high": response(prediction[1]),
            "deseasonalised": response(on_link - shown.season),
        }
        for index, period in enumerate(plan.panel.periods):
            used = bool(block.observed[index])
            small = plan.panel.small_denominator[index, plan.panel.column(series.units[column])]
            reason = reasons[index] or own_masks.get(index, "")
            reason = reason or ("small denominator" if small else "missing")
            yield {
                **{name: keys[name] for name in ("outcome", "unit", "design")},
                "period": period,
                "event_time": index - start,
                "used": used,
                "used_reason": "" if used else reason,
                **{name: values[index] for name, values in columns.items()},
            }


def unused_reasons(plan: OutcomePlan, interruptions: tuple[Interruption, ...]) -> list[str]:
    """Return why each period is not used by a series; blank when nothing takes it out."""
    reasons = list(plan.mask_reasons)
    for interruption in interruptions:
        for index in range(interruption.start, min(interruption.first_effect, len(reasons))):
            reasons[index] = reasons[index] or f"phase-in of {interruption.name}"
    return reasons


def peer_rows(plan: OutcomePlan) -> dict[str, list[Row]]:
    """Return the rows of the four tables about peers."""
    rows: dict[str, list[Row]] = {
        name: [] for name in ("peers", "peer_exclusions", "peer_contributions", "balance")
    }
    for unit, peer_set in plan.peer_sets.items():
        keys = {"outcome": plan.outcome.name, "unit": unit}
        for rank, peer in enumerate(peer_set.peers, start=1):
            known = int(peer_set.pool_ranks[rank - 1])
            place = {"peer": peer, "distance": peer_set.distances[rank - 1], "pool_rank": known or None}
            rows["peers"].append(keys | {"rank": rank} | place)
        for excluded in peer_set.exclusions:
            row = {"candidate": excluded.candidate, "distance": excluded.distance, "reason": excluded.reason}
            rows["peer_exclusions"].append(keys | row)
        rows["peer_contributions"] += [{"unit": unit} | vars(part) for part in contributions(peer_set)]
        rows["balance"] += [keys | vars(part) for part in balance(peer_set)]
        rows["balance"] += [keys | vars(part) for part in pre_period_balance(plan, unit)]
    return rows


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
