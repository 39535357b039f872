"""The numbers of slope charts: every project before and after, and what they say in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from its_eval.evaluation import BEFORE_AFTER_PAIRS
from its_eval.report.narrative import rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from its_eval.evaluation import Evaluation

SLOPE_CHART = "slope_chart"
BEFORE = "before"
_NOT_TIMES = frozenset({"unit", "project", BEFORE, "complete"})


def measures(evaluation: Evaluation) -> list[str]:
    """Return what projects were measured in that at least one has both measurements of; none without any."""
    pairs = evaluation.tables.get(BEFORE_AFTER_PAIRS)
    return [] if pairs is None else sorted(pairs.loc[pairs["used"].astype(bool), "measure"].unique())


def slope_data(evaluation: Evaluation, measure: str) -> pd.DataFrame:
    """Return the numbers of the slope chart of a measure of a run; see `slope_chart_data`.

    Raises
    ------
    KeyError
        When the run has no such measure.
    """
    if measure not in measures(evaluation):
        raise KeyError(f"the table `{BEFORE_AFTER_PAIRS}` has no rows of {measure}")
    pairs = evaluation.tables[BEFORE_AFTER_PAIRS]
    # within a project follow-ups stand in order of time
    own = pairs[pairs["measure"] == measure]
    return slope_chart_data(pairs, measure, [str(time) for time in own["follow_up"].unique()])


def slope_times(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the follow-ups of a slope chart, in order of time."""
    return tuple(str(name) for name in frame.columns if name not in _NOT_TIMES)


def slope_text(frame: pd.DataFrame, measure: str) -> str:
    """Return the alt text of a slope chart: means of the projects measured every time."""
    whole = frame[frame["complete"]]
    start = f"{measure} of {len(frame)} projects before and after"
    if whole.empty:
        return f"{start}; none was measured every time."
    means = [f"{name} {rounded(float(whole[name].mean()))}" for name in (BEFORE, *slope_times(frame))]
    return f"{start}. Means of the {len(whole)} measured every time: {', '.join(means)}."


def slope_chart_data(pairs: pd.DataFrame, measure: str, times: Sequence[str]) -> pd.DataFrame:
    """Return a row per project: unit, project, ``before``, a column per follow-up, complete.

    Parameters
    ----------
    pairs : DataFrame
        The table ``pairs`` of a before-and-after comparison.
    measure : str
        Which measure.
    times : sequence of str
        Follow-ups in order of time.
    """
    rows = pairs[pairs["measure"].eq(measure)]
    first = rows.drop_duplicates(["unit", "project"]).set_index(["unit", "project"])
    frame = pd.DataFrame({BEFORE: first["baseline"]})
    for time in times:
        frame[time] = rows[rows["follow_up"].eq(time)].set_index(["unit", "project"])["value"]
    frame["complete"] = frame[[BEFORE, *times]].notna().all(axis=1)
    return frame.sort_index().reset_index()
