"""The numbers of the placebo figures: other units, and other dates, in place of the real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from its_eval.data.periods import parse_period, period_start
from its_eval.report.figures.labels import name_of, primary_rows

if TYPE_CHECKING:
    from its_eval.evaluation import Evaluation

#: Two statistics that differ by less than this share are equal.
_TIE = 1e-9


def placebo_units_data(evaluation: Evaluation, outcome: str, unit: str, design: str) -> pd.DataFrame:
    """Return the effect estimated for a unit and for every unit that had no intervention.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome, unit, design : str
        Which series of it.

    Returns
    -------
    DataFrame
        ``placebo`` (code), ``name``, ``treated`` (the unit itself), ``estimand``, ``estimate``,
        ``statistic`` (in standard errors), ``as_extreme`` (as far from zero as the unit, or farther),
        ``p_value`` (of the unit, from ``summary``). The unit comes first, then the others from the
        lowest statistic to the highest; those that could not be estimated are last and count as extreme.

    Raises
    ------
    KeyError
        When the tables have no placebos of this unit, or no estimate of its own beside them.
    """
    rows, own, estimand = _placebos(evaluation, "placebo_units", outcome, unit, design)
    rows = rows[rows["placebo"] != unit]
    frame = pd.DataFrame(
        {
            "placebo": [unit, *rows["placebo"].astype(str)],
            "name": [name_of(evaluation, str(code)) for code in (unit, *rows["placebo"])],
            "treated": [True] + [False] * len(rows),
            "estimand": estimand,
            "estimate": [own["estimate"], *rows["estimate"]],
            "statistic": [own["statistic"], *rows["statistic"]],
        }
    )
    size = frame["statistic"].abs()
    # ties count, and so does what could not be estimated
    frame["as_extreme"] = ~(size < size.iloc[0] * (1.0 - _TIE)) & ~frame["treated"]
    frame["p_value"] = frame["treated"].map({True: float(own["p_placebo"]), False: np.nan})
    order = ["treated", "statistic", "placebo"]
    return frame.sort_values(order, ascending=[False, True, True], kind="stable").reset_index(drop=True)


def placebo_dates_data(evaluation: Evaluation, outcome: str, unit: str, design: str) -> pd.DataFrame:
    """Return the effect estimated at the real start and at dates before it.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome, unit, design : str
        Which series of it.

    Returns
    -------
    DataFrame
        ``period``, ``date`` (its first day), ``actual`` (the real start), ``estimand``, ``estimate``,
        ``statistic`` (in standard errors), in order of time.

    Raises
    ------
    KeyError
        As for ``placebo_units_data``.
    """
    rows, own, estimand = _placebos(evaluation, "placebo_dates", outcome, unit, design)
    frequency = str(evaluation.outcomes[outcome]["frequency"])
    start = str(own["interruption_period"])
    rows = rows[rows["placebo"] != start]
    periods = [*rows["placebo"].astype(str), start]
    frame = pd.DataFrame(
        {
            "period": periods,
            "date": [
                period_start(parse_period(period, frequency), frequency).isoformat() for period in periods
            ],
            "actual": [False] * len(rows) + [True],
            "estimand": estimand,
            "estimate": [*rows["estimate"], own["estimate"]],
            "statistic": [*rows["statistic"], own["statistic"]],
        }
    )
    return frame.sort_values("date", kind="stable").reset_index(drop=True)


def _placebos(
    evaluation: Evaluation, table: str, outcome: str, unit: str, design: str
) -> tuple[pd.DataFrame, dict[str, Any], str]:
    """Return the placebos of the primary estimand, the unit's own estimate, and the estimand."""
    summary = primary_rows(evaluation, outcome, unit, design)
    rows = evaluation.rows_of(table, outcome, unit)
    rows = rows[(rows["design"] == design) & rows["estimand"].isin(summary["estimand"])]
    if rows.empty:
        raise KeyError(
            f"the table `{table}` has no rows of the primary estimand of {outcome}, {unit}, {design}"
        )
    estimand = str(rows["estimand"].iloc[0])
    effects = evaluation.rows_of("effects", outcome, unit)
    effects = effects[
        (effects["design"] == design) & (effects["estimand"] == estimand) & (effects["role"] == "primary")
    ]
    if effects.empty:
        raise KeyError(
            f"the table `effects` has no estimate of {outcome}, {unit}, {design} beside its placebos"
        )
    # a ratio has the statistic of its logarithm
    first: pd.Series[Any] = effects.sort_values("scale", kind="stable").iloc[0]
    own = {str(name): first[name] for name in ("estimate", "statistic", "interruption_period")}
    own["p_placebo"] = summary["p_placebo"].iloc[0]
    return rows.sort_values("placebo", kind="stable"), own, estimand
