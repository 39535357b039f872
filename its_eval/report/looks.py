"""The section about repeated looks: which one this is, and what was said at earlier ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from its_eval.columns import LOOKS, THE_SET
from its_eval.report.blocks import Bullets, Section, plain
from its_eval.report.cells import count, estimate, p_value, picture, shortened, table_of, text, told, value
from its_eval.words.labels import compared_with
from its_eval.words.looks import looks_sentences

if TYPE_CHECKING:
    from its_eval.evaluation import Row
    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource


def looks(source: ReportSource) -> tuple[Section, ...]:
    """Return the section, without blocks for a run that declared no looks and has no history."""
    said = looks_sentences(source.evaluation)
    blocks: list[Block] = [Bullets([plain(sentence) for sentence in said])] if said else []
    if said:
        blocks += [picture(source, item) for item in source.figures if item.task.kind == LOOKS]
        blocks.append(_table(source))
    return (Section("looks", "Which look is this?", blocks),)


def _table(source: ReportSource) -> Block:
    rows, more = shortened(source.table(LOOKS), LOOKS)

    def unit(row: Row) -> str:
        return "all together" if row["unit"] == THE_SET else source.unit_name(str(row["unit"]))

    makers = {
        "Outcome": told(lambda row: source.label(str(row["outcome"]))),
        "Unit": told(unit),
        "Compared with": told(lambda row: compared_with(str(row["design"]), several=row["unit"] == THE_SET)),
        "Interruption": text("interruption"),
        "Run#": count(LOOKS, "run"),
        "Look": told(lambda row: "not declared" if pd.isna(row["look"]) else str(int(row["look"]))),
        "Data to": text("end"),
        "Estimate#": estimate(LOOKS),
        "p#": p_value(LOOKS),
        "Level#": value(LOOKS, "level", 4),
        "p over all looks#": p_value(LOOKS, "p_adjusted"),
        "Answer": text("label"),
    }
    return table_of(rows, "table-looks", f"What was said at each look.{more}", makers)
