"""Whether the gap between two strata narrowed, read from the tables."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from its_eval.evaluation import NOT_ESTIMABLE, OPEN_LABELS, records
from its_eval.words.labels import compared_with, estimand_words
from its_eval.words.numbers import interval_words, p_words, quantity, rounded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from its_eval.evaluation import Evaluation


def is_gap(about: Mapping[str, Any]) -> bool:
    """Return whether an outcome is the gap between two strata."""
    return bool(about.get("gap_of"))


def mean_gap_before(rows: pd.DataFrame, *, log: bool) -> float:
    """Return the mean gap of a unit before the start: of ratios the geometric mean; NaN without any.

    Parameters
    ----------
    rows : DataFrame
        With ``unit_value``, ``used``, and ``segment`` or ``event_time``.
    log : bool
        Whether gaps are ratios.
    """
    before = rows["segment"].eq("before") if "segment" in rows else rows["event_time"].lt(0)
    values = rows.loc[before & rows["used"].astype(bool), "unit_value"].dropna().to_numpy(dtype=np.float64)
    if values.size == 0:
        return math.nan
    return float(np.exp(np.log(values).mean()) if log else values.mean())


def gap_in_words(gap: float, unit: str, *, log: bool) -> str:
    """Return a gap with its unit, a ratio as one."""
    return f"a ratio of {rounded(gap, 3)}" if log else f"{rounded(gap)} {unit}".strip()


def gap_sentence(evaluation: Evaluation, outcome: str, row: Mapping[str, Any]) -> str:
    """Return whether a gap narrowed, in one sentence.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome : str
        A gap.
    row : mapping
        Its row of ``summary``.

    Notes
    -----
    A gap narrows when its change points against the mean gap of the unit before the start, whichever stratum
    was ahead; one that changed by more than twice its size is the other way round and wider. Whether it
    changed at all is the label's to say.
    """
    about = evaluation.outcomes[outcome]
    log = about["transform"] == "log"
    series = evaluation.rows_of("series", outcome, str(row["unit"]))
    before = mean_gap_before(series[series["design"] == row["design"]], log=log)
    estimate = math.log(row["estimate"]) if row["scale"] == "ratio" else float(row["estimate"])
    size = math.log(before) if log else before
    against = compared_with(str(row["design"]))
    p_values = [f"{kind}{p_words(row[name])}" for kind, name in _P_VALUES if p_words(row[name])]
    numbers = (
        f"{estimand_words(row['estimand'], about)} {quantity(row['estimate'], row, about)} "
        f"({'; '.join([interval_words(row, about), *p_values])})"
    )
    stood = f"it stood at {gap_in_words(before, str(about['unit']), log=log)} before the start"
    if row["label"] == NOT_ESTIMABLE:
        found = "not estimable"
    elif row["label"] in OPEN_LABELS or not math.isfinite(size):
        found = "no clear evidence that it narrowed or widened"
    elif estimate * size < 0:
        # a jump of more than twice the gap leaves a larger one, the other way round
        turned = "slope" not in str(row["estimand"]) and abs(estimate) > 2.0 * abs(size)
        found = "it turned round, and is wider than before" if turned else "it narrowed"
    else:
        found = "it widened"
    return f"Did the gap narrow? {row['unit']}, compared with {against}: {found}; {stood}; {numbers}."


_P_VALUES = (("", "p_value"), ("placebo ", "p_placebo"))


def gap_sentences(evaluation: Evaluation, outcome: str, unit: str) -> list[str]:
    """Return a sentence per design on whether the gap of a unit narrowed; none for any other outcome."""
    if not is_gap(evaluation.outcomes.get(outcome, {})):
        return []
    rows = evaluation.rows_of("summary", outcome, unit).sort_values("design", ascending=False)
    return [gap_sentence(evaluation, outcome, row) for _, row in records(rows)]
