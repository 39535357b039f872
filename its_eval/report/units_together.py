"""What is found of all treated units together: the conclusion in words, then its numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from its_eval.report.blocks import Sentence, Strong
from its_eval.report.comparisons import compared_with
from its_eval.report.figures.words import counted
from its_eval.report.narrative import detectable_words, estimand_words, interval_words, p_words, quantity
from its_eval.report.sections.cells import records
from its_eval.report.source import in_order_of_designs
from its_eval.report.verdicts import LABEL_WORDS, conclusion_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from its_eval.report.sections.cells import Row
    from its_eval.report.source import ReportSource


def set_sentences(source: ReportSource, outcome: str) -> list[Sentence]:
    """Return a sentence per design: what is concluded of all treated units as a set, and the estimate."""
    about = source.about(outcome)
    pooled, checks = source.rows("pooled", outcome), source.rows("checks", outcome, "")
    found = []
    together = in_order_of_designs(pooled[pooled["method"] == "set"].assign(scale=source.scale(outcome)))
    for place, row in records(together):
        own = checks[checks["design"] == row["design"]]
        label = _label(row, own)
        said = conclusion_words(label, _direction(row, about)).removesuffix(",")
        size = int(row["n_units"])
        everyone = "Both units" if size == 2 else f"All {counted(size, 'unit')}"
        against = f"{everyone} together, compared with {compared_with(str(row['design']), several=True)}: "
        numbers = (
            f"; {estimand_words(str(row['estimand']), about)} {quantity(row['estimate'], row, about)} "
            f"({_statistics(row, own, about)}).{_detectable(label, row, about)}"
        )
        found.append(Sentence((against, Strong(said), numbers), f"pooled:{place}", "answer"))
    return found


def _null(row: Row) -> float:
    return 1.0 if row["scale"] == "ratio" else 0.0


def _label(row: Row, checks: pd.DataFrame) -> str:
    """Return the label of the set: the one that its check concludes, else what its interval says."""
    if math.isnan(row["p_value"]):
        return "not estimable"
    for message in checks.loc[checks["check"] == "set_conclusion", "message"]:
        for label in LABEL_WORDS:
            if str(message).endswith(f": {label}."):
                return label
    if row["conf_low"] <= _null(row) <= row["conf_high"]:
        return "no clear evidence"
    return "differs from before" if row["design"] == "single" else "gap to peers changed"


def _direction(row: Row, about: Mapping[str, Any]) -> str:
    better = about.get("better")
    if not better:
        return "unclear"
    return "better" if (row["estimate"] > _null(row)) == (better == "higher") else "worse"


def _statistics(row: Row, checks: pd.DataFrame, about: Mapping[str, Any]) -> str:
    """Return interval and p-values; the placebo p-value is the place among sets of other units."""
    p_values = [p_words(float(row["p_value"]))]
    for value in checks.loc[checks["check"] == "joint_placebo", "p_value"]:
        words = p_words(float(value))
        p_values.append(f"placebo {words}" if words else "")
    listed = ", ".join(filter(None, p_values))
    return "; ".join(filter(None, [interval_words(row, about), listed]))


def _detectable(label: str, row: Row, about: Mapping[str, Any]) -> str:
    """Return what would have been found of all units together, after a result that leaves it open."""
    # a result that is rendered again may be older than this column
    if label != "no clear evidence" or not math.isfinite(row.get("minimum_detectable", math.nan)):
        return ""
    return f" A change of {detectable_words(row, about)} would be found four times in five."
