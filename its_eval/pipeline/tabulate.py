"""Writing fits down as rows of the contract's tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from its_eval.effects import Effect, bands, effects
from its_eval.peers.balance import balance, contributions
from its_eval.pipeline.weighting import WEIGHTED_ESTIMATORS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Config
    from its_eval.pipeline.estimation import Block
    from its_eval.pipeline.plan import OutcomePlan

Row = dict[str, Any]


def block_keys(plan: OutcomePlan, block: Block, position: int) -> Row:
    """Return the columns that name a series: outcome, unit, design, estimator."""
    return {
        "outcome": plan.outcome.name,
        "unit": block.series.units[block.columns[position]],
        "design": block.series.design_name,
        "estimator": block.estimator.label,
    }


def series_effects(config: Config, plan: OutcomePlan, block: Block, position: int) -> list[Effect]:
    """Return the estimands of one series of a block."""
    column = block.columns[position]
    percentage = plan.outcome.kind == "percentage"
    denominators = block.series.denominators[:, column]
    counted = percentage and not np.isnan(denominators[block.observed]).any()
    weights = denominators / 100.0 if counted else None
    if not percentage:
        weights = np.ones(len(denominators))
    offset = block.series.peer_means[:, column]
    return effects(
        block.design,
        block.fit,
        position,
        block.observed,
        at=config.estimands.at,
        confidence=config.confidence,
        log=plan.outcome.transform == "log",
        offset=None if block.series.design_name == "single" else offset,
        weights=weights,
    )


def effect_rows(config: Config, plan: OutcomePlan, block: Block, first: str) -> Iterator[Row]:
    """Yield the rows of ``effects``; `first` is the label of the primary estimator."""
    primary = config.estimands.primary
    for position in range(len(block.columns)):
        keys = block_keys(plan, block, position)
        for effect in series_effects(config, plan, block, position):
            role = "primary" if effect.estimand == primary else "secondary"
            yield keys | {
                "role": role if block.estimator.label == first else "sensitivity",
                "interruption": plan.interruption.name,
                "interruption_period": plan.start_period,
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
        weightable = block.estimator.name in WEIGHTED_ESTIMATORS and not np.isnan(sampling).all()
        if weightable and block.relative_variance is None:
            own.add("unweighted")
        yield block_keys(plan, block, position) | {
            "n": int(block.fit.n_used[position]),
            "n_pre": int((before & block.observed).sum()),
            "n_post": int((after & block.observed).sum()),
            "n_missing": int((block.design.usable & ~block.observed).sum()),
            "n_terms": len(block.design.terms),
            "ar_order": partial.shape[1],
            "rho1": partial[position, 0] if partial.shape[1] > 0 else None,
            "rho2": partial[position, 1] if partial.shape[1] > 1 else None,
            "sigma": block.fit.sigma[position],
            "log_likelihood": block.fit.log_likelihood[position],
            "flags": "; ".join(sorted(own | flags.get(position, set()))),
            "season": block.design.season.label,
            "weights": "none" if block.relative_variance is None else "sampling variance",
        }


def series_rows(config: Config, plan: OutcomePlan, block: Block) -> Iterator[Row]:
    """Yield the rows of ``series``: data, fit and counterfactual of the primary estimator, response scale.

    A difference of logarithms becomes the ratio of the unit to the geometric mean of its peers.
    """
    log = plan.outcome.transform == "log"

    def response(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.exp(values) if log else values

    for position, column in enumerate(block.columns):
        series = block.series
        keys = block_keys(plan, block, position)
        shown = bands(block.design, block.fit, position, config.confidence, block.relative_variance)
        start = plan.interruption.start
        counterfactual = np.where(np.arange(len(shown.fitted)) >= start, shown.counterfactual, np.nan)
        own_masks = plan.unit_masks.get(series.units[column], {})
        columns = {
            "observed": response(series.observed[:, column]),
            "unit_value": response(series.unit_values[:, column]),
            "peer_mean": response(series.peer_means[:, column]),
            "denominator": series.denominators[:, column],
            "fitted": response(shown.fitted),
            "counterfactual": response(counterfactual),
            "counterfactual_low": response(shown.confidence[0]),
            "counterfactual_high": response(shown.confidence[1]),
            "prediction_low": response(shown.prediction[0]),
            "prediction_high": response(shown.prediction[1]),
            "deseasonalised": response(series.observed[:, column] - shown.season),
        }
        for index, period in enumerate(plan.panel.periods):
            used = bool(block.observed[index])
            small = plan.panel.small_denominator[index, plan.panel.column(series.units[column])]
            reason = plan.mask_reasons[index] or own_masks.get(index, "")
            reason = reason or ("small denominator" if small else "missing")
            yield {
                **{name: keys[name] for name in ("outcome", "unit", "design")},
                "period": period,
                "used": used,
                "used_reason": "" if used else reason,
                **{name: values[index] for name, values in columns.items()},
            }


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
    return rows
