"""What the data are like: how much of them was used, what was missing, what was faulty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from its_eval.report.blocks import Folded, Section, Table, plain, text_cell
from its_eval.report.comparisons import compared_with
from its_eval.report.plain_words import message_words, season_words
from its_eval.report.sections.cells import columns, count_cell, records, shortened
from its_eval.report.source import anchor, in_order_of_designs

if TYPE_CHECKING:
    import pandas as pd

    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource

_GRAVEST_FIRST = {"error": 0, "warning": 1, "info": 2}


def data_quality(source: ReportSource) -> Section:
    """Return the periods used of every series, and the findings about the data."""
    blocks: list[Block] = []
    for outcome in source.outcomes:
        primary = source.primary_fits(outcome)
        if not primary.empty:
            blocks.append(_used(source, outcome, primary))
    blocks += _findings(source)
    return Section("data", "The data", blocks)


def _used(source: ReportSource, outcome: str, fits: pd.DataFrame) -> Table:
    about = source.about(outcome)
    series = source.rows("series", outcome)
    lines = []
    for place, row in records(in_order_of_designs(fits, "unit")):
        own = series[(series["unit"] == row["unit"]) & (series["design"] == row["design"])]
        lines.append(
            [
                text_cell(source.unit_name(str(row["unit"]))),
                text_cell(compared_with(str(row["design"]))),
                *(count_cell("fits", place, row, name) for name in ("n_pre", "n_post", "n_missing")),
                text_cell(_unused(own)),
                text_cell(season_words(str(row["season"]), str(about["frequency"]))),
            ]
        )
    window = f", {series['period'].min()} to {series['period'].max()}" if len(series) else ""
    titles = columns(
        *("Unit", "Compared with", "Before the start#", "From the start#", "Missing#", "Not used", "Season")
    )
    caption = f"{about['label']}: {about['frequency']}s used{window}"
    return Table(anchor("table-data", outcome), caption, titles, lines)


def _unused(series: pd.DataFrame) -> str:
    """Return why periods of a series are not used, with how many."""
    reasons = series.loc[~series["used"].astype(bool), "used_reason"].value_counts().sort_index()
    return ", ".join(f"{reason} ({count})" for reason, count in reasons.items()) or "–"


def _findings(source: ReportSource) -> list[Block]:
    table = source.table("data_quality")
    if table.empty:
        return [plain("The checks of the data found nothing to report.", "quiet")]
    order = table["severity"].map(_GRAVEST_FIRST).fillna(0)
    shown, more = shortened(table.assign(order=order).sort_values("order", kind="stable"), "data_quality")
    lines = [
        [
            text_cell(str(row["severity"])),
            text_cell(str(row["indicator"])),
            text_cell(source.unit_name(str(row["unit"]))),
            text_cell(str(row["period"])),
            text_cell(str(row["check"]).replace("_", " ")),
            text_cell(message_words(str(row["message"]))),
        ]
        for _, row in records(shown)
    ]
    kinds = table["check"].str.replace("_", " ").value_counts().sort_index()
    counted = ", ".join(f"{kind} ({count})" for kind, count in kinds.items())
    findings = f"{len(table)} finding{'s' if len(table) > 1 else ''}"
    titles = columns("Gravity", "Indicator", "Unit", "Period", "Kind", "In words")
    caption = f"Findings about the data, the gravest first.{more}"
    return [
        plain(f"{findings} about the data of all units, peers and others: {counted}."),
        Folded("Findings about the data", [Table("table-findings", caption, titles, lines)]),
    ]
