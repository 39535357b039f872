"""The numbers of the cumulative effect: period by period, and the total with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from its_eval.data.periods import parse_period, period_start
from its_eval.report.figures.main_its_data import PHASE_IN, series_of, start_index

if TYPE_CHECKING:
    from its_eval.evaluation import Evaluation

CUMULATIVE = "cumulative_effect"


def cumulative_rows(evaluation: Evaluation, outcome: str, unit: str, design: str) -> pd.DataFrame:
    """Return the rows of ``effects`` with the total by the primary estimator."""
    effects = evaluation.rows_of("effects", outcome, unit)
    primary = evaluation.primary_estimators(outcome)
    return effects[
        (effects["design"] == design)
        & (effects["estimand"] == CUMULATIVE)
        & effects["estimator"].isin(primary)
    ]


def cumulative_effect_data(evaluation: Evaluation, outcome: str, unit: str, design: str) -> pd.DataFrame:
    """Return the sum of the effect up to each period from the start, and the total.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome, unit, design : str
        Which series of it.

    Returns
    -------
    DataFrame
        ``period``, ``date``, ``used``, ``weight`` (what an effect is multiplied with), ``observed`` and
        ``fitted`` (the sums up to this period of observation, or fit, minus counterfactual); in the last
        row also ``total``, ``conf_low``, ``conf_high`` from ``effects``.

    Raises
    ------
    KeyError
        When there is no such series, or no cumulative effect of it.

    Notes
    -----
    A period that was not used adds nothing, nor does an excluded phase-in. For a percentage the weights
    are hundredths of the denominator, so that the sum is of people; for a count that was fitted per
    denominator, a multiple of it. For a model that is linear in its
    parameters the fitted sum ends at the total; its limits belong to the total alone, because limits of
    single periods do not add up.
    """
    totals = cumulative_rows(evaluation, outcome, unit, design)
    if totals.empty:
        raise KeyError(f"the table `effects` has no cumulative effect of {outcome}, {unit}, {design}")
    rows = series_of(evaluation, outcome, unit, design)
    rows = rows.iloc[start_index(rows) :].reset_index(drop=True)
    about = evaluation.outcomes[outcome]
    frequency = str(about["frequency"])
    counted = (rows["used"] & ~rows["used_reason"].str.startswith(PHASE_IN)).to_numpy()
    here = totals[totals["interruption_period"] == rows["period"].iloc[0]]
    total = (totals if here.empty else here).iloc[0]
    steps = (rows["fitted"] - rows["counterfactual"]).to_numpy(dtype=np.float64)
    denominator = rows["denominator"].to_numpy(dtype=np.float64)
    weight = np.ones(len(rows))
    if about["kind"] == "percentage":
        weight = denominator / 100.0
    elif about["kind"] == "count" and not np.isnan(denominator[counted]).any():
        # a count was fitted per so many of its denominator; how many, the total itself says
        whole = float(np.sum((denominator * steps)[counted]))
        weight = denominator * (float(total["estimate"]) / whole if whole else 1.0)
    frame = pd.DataFrame(
        {
            "period": rows["period"],
            "date": [
                period_start(parse_period(str(period), frequency), frequency).isoformat()
                for period in rows["period"]
            ],
            "used": counted,
            "weight": weight,
        }
    )
    for name in ("observed", "fitted"):
        distance = (rows[name] - rows["counterfactual"]).to_numpy(dtype=np.float64)
        sums = np.cumsum(np.where(counted, weight * distance, 0.0))
        frame[name] = np.where(counted, sums, np.nan) if name == "observed" else sums
    for name, source in (("total", "estimate"), ("conf_low", "conf_low"), ("conf_high", "conf_high")):
        frame[name] = np.nan
        frame.loc[len(frame) - 1, name] = float(total[source])
    return frame
