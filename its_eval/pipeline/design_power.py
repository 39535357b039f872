"""What a design could detect, from its config alone: before any data exist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from its_eval.checks.power import power_by_length
from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.errors import ConfigError
from its_eval.estimators.kind import autoregressive_order
from its_eval.evaluation import Evaluation
from its_eval.pipeline.planning import season_of

if TYPE_CHECKING:
    from its_eval.config import Config, Outcome


#: Lengths that are tried, as shares of the configured ones, and the shortest segment among them.
LENGTHS = (0.5, 0.75, 1.0, 1.5, 2.0)
SHORTEST = 8
#: First autocorrelations that are tried.
AUTOCORRELATIONS = (0.0, 0.2, 0.4, 0.6, 0.8)
#: Columns of the table, in order.
COLUMNS = (
    *("outcome", "design", "estimand", "autocorrelation", "n_pre", "n_post", "configured"),
    *("minimum_detectable", "df", "power", "alpha"),
)


def design_power(
    config: Config, autocorrelations: Sequence[float] = AUTOCORRELATIONS, power: float = 0.8
) -> Evaluation:
    """Return the smallest effects that a config could detect, by number of periods and autocorrelation.

    Parameters
    ----------
    config : Config
        Every outcome needs ``start`` and ``end``: the data that would tell may not exist yet. Of the designs
        those of one series per treated unit are shown.
    autocorrelations : sequence of float
        First partial autocorrelations of the errors.
    power : float
        Probability with which the effect is to be found.

    Returns
    -------
    Evaluation
        With the one table ``power_curve``; effects in standard deviations of a unit's residuals, the change
        of slope per year.

    Raises
    ------
    ConfigError
        For outcomes without a window, and without such a design.
    """
    problems = [
        f"outcomes[{place}]: {item.indicator} needs `start` and `end`, so that the periods can be counted "
        "without data"
        for place, item in enumerate(config.outcomes)
        if item.start is None or item.end is None
    ]
    hint = "give them with the outcome or in outcome_defaults"
    # one series per treated unit, whose standard error is known beforehand
    able = [name for name, item in COMPARISONS.items() if item.has_mean_series]
    if not set(config.designs) & set(able):
        problems.append(f"designs: {', '.join(config.designs)}; power knows {' and '.join(able)}")
        hint = "use a copy of the config with `designs: [single, difference]`"
    if problems:
        raise ConfigError(problems, hint)
    rows = [row for item in config.outcomes for row in _outcome_rows(config, item, autocorrelations, power)]
    table = pd.DataFrame.from_records(rows, columns=list(COLUMNS))
    outcomes = {
        item.name: {
            "label": item.label,
            "unit": item.unit,
            "kind": item.kind,
            "better": item.better,
            "transform": item.transform,
            "frequency": config.data.frequency,
            "confidence": config.confidence,
        }
        for item in config.outcomes
    }
    return Evaluation(config.title, {"power_curve": table}, (), outcomes)


def _outcome_rows(
    config: Config, outcome: Outcome, autocorrelations: Sequence[float], power: float
) -> list[dict[str, object]]:
    calendar = config.data.calendar
    start = calendar.parse(str(outcome.start))
    end = calendar.parse(str(outcome.end))
    dates = config.treated_dates.values() or [config.intervention.date]
    first = min(calendar.parse(str(date)) for date in dates)
    own = (first - start, end - first + 1)
    lengths = {
        (max(round(own[0] * share), SHORTEST), max(round(own[1] * share), SHORTEST)) for share in LENGTHS
    } | {own}
    estimator = outcome.estimators[0]
    k = config.peers.k if config.peers is not None else None
    rows: list[dict[str, object]] = []
    for design in (name for name in config.designs if COMPARISONS[name].has_mean_series):
        for length in sorted(lengths):
            found = power_by_length(
                [length],
                autocorrelations,
                order=autoregressive_order(estimator.order, sum(length)),
                shape=config.intervention.shape,
                season=season_of(outcome.seasonality, calendar.frequency).resolve(
                    sum(length), calendar.per_year
                ),
                per_year=calendar.per_year,
                n_peers=k if isinstance(k, int) and COMPARISONS[design].subtracts else None,
                alpha=round(1.0 - config.confidence, 12),
                power=power,
            )
            for item in found:
                rows.append(
                    {
                        "outcome": outcome.name,
                        "design": design,
                        **vars(item),
                        "configured": length == own,
                        "power": power,
                        "alpha": round(1.0 - config.confidence, 12),
                    }
                )
    return rows
