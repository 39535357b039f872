"""The numbers of the figure of two strata and the gap between them, and what it says in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from its_eval.report.figures.main_its_data import main_its_data
from its_eval.report.gaps import gap_in_words, mean_gap_before
from its_eval.report.narrative import rounded

if TYPE_CHECKING:
    from its_eval.evaluation import Evaluation
    from its_eval.report.figures.main_its_labels import MainItsLabels

#: How the column of a stratum begins.
STRATUM = "stratum: "
_OF_GAP = (
    *("period", "date", "segment", "used", "used_reason", "observed", "unit_value", "deseasonalised"),
    *("season", "trend_fitted", "trend_counterfactual", "trend_low", "trend_high"),
)


def strata_gap_data(evaluation: Evaluation, outcome: str, unit: str, design: str) -> pd.DataFrame:
    """Return two strata of a unit and their gap, one row per period of the gap.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome : str
        The gap.
    unit, design : str
        Which series of it.

    Returns
    -------
    DataFrame
        ``period``, ``date``, ``segment``, ``used``; ``unit_value`` the gap of the unit; ``observed`` what is
        fitted, which for a controlled design is the gap minus that of the peers; ``deseasonalised`` and
        ``trend_*`` as in `main_its_data`; ``stratum: <name>`` for each of the two, in the order of the gap.

    Raises
    ------
    KeyError
        When the tables have no such series.
    """
    frame = main_its_data(evaluation, outcome, unit, design)
    shown = frame[[name for name in _OF_GAP if name in frame]].copy()
    for name, stratum in evaluation.outcomes[outcome]["gap_of"]:
        rows = evaluation.rows_of("series", str(name), unit)
        values = rows.drop_duplicates("period").set_index("period")["unit_value"]
        shown[f"{STRATUM}{stratum}"] = values.reindex(shown["period"]).to_numpy(dtype="float64")
    return shown


def strata_columns(frame: pd.DataFrame) -> list[str]:
    """Return the columns of the two strata, in the order of the gap."""
    return [name for name in frame.columns if name.startswith(STRATUM)]


def strata_gap_text(frame: pd.DataFrame, labels: MainItsLabels) -> str:
    """Return the alt text: both strata before and after, and the gap."""
    before, after = (frame[frame["segment"] == segment] for segment in ("before", "after"))
    means = [
        f"{name.removeprefix(STRATUM)} {rounded(before[name].mean())} before and "
        f"{rounded(after[name].mean())} after"
        for name in strata_columns(frame)
    ]
    gap = gap_in_words(mean_gap_before(frame, log=labels.log), labels.measure, log=labels.log)
    last = frame[frame["trend_fitted"].notna() & frame["trend_counterfactual"].notna()].tail(1)
    ending = ""
    for row in last.to_dict("records"):
        fitted, line, low, high = (
            rounded(float(row[f"trend_{name}"])) for name in ("fitted", "counterfactual", "low", "high")
        )
        what = "the gap minus that of the peers" if labels.controlled else "the gap"
        ending = f" At the end the fit puts {what} at {fitted}, "
        ending += f"the earlier trend at {line} ({low} to {high})."
    return (
        f"{labels.outcome} of {labels.unit_name}: means of {'; '.join(means)} the start. "
        f"Before the start the gap was {gap}.{ending}"
    )
