"""The chapter of peers and data: who the peers are and how alike, and what the data are like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from its_eval.evaluation import Row, in_order_of_designs, records
from its_eval.report.blocks import Cell, Folded, Heading, Picture, Section, Table, plain
from its_eval.report.cells import (
    BLANK,
    MESSAGE,
    count,
    number,
    pictures,
    shortened,
    table_of,
    text,
    told,
    value,
    who,
)
from its_eval.report.source import anchor
from its_eval.words.labels import CORRELATED_OUTCOMES, MATCHED_ON_OUTCOME, mixture_words, season_words
from its_eval.words.numbers import plural
from its_eval.words.sentences import peers_sentence

if TYPE_CHECKING:
    import pandas as pd

    from its_eval.report.blocks import Block, Part
    from its_eval.report.source import ReportSource


#: So many characteristics are named as those that set a peer apart.
_NAMED = 2


def peers(source: ReportSource) -> tuple[Section, ...]:
    """Return who the peers are, of what weighted comparisons are made, and what the data are like."""
    return _peers(source), _mixtures(source), _data(source)


def _mixtures(source: ReportSource) -> Section:
    """Return the donors of every mixture that have a weight, the heaviest first."""
    table = source.table("donor_weights")
    blocks: list[Block] = []
    designs = list(dict.fromkeys(table["design"]))
    for _, rows in table.groupby(["outcome", "unit", "design"], sort=True):
        outcome, unit, design = rows[["outcome", "unit", "design"]].iloc[0]
        parts = rows[rows["weight"] != 0].sort_values("weight", ascending=False, kind="stable")
        gaps = int((rows["role"] == "gaps").sum())
        left_out = f"; {plural(gaps, 'other')} with gaps could not be" if gaps else ""
        caption = (
            f"{source.label(outcome)}, {source.unit_name(unit)}: {len(parts)} of {len(rows)} donors are part "
            f"of its {mixture_words(design)}{left_out}"
        )
        drawn = [item for item in pictures(source, "mixtures", outcome, unit) if isinstance(item, Picture)]
        blocks += [item for item in drawn if item.figure.task.design == design]
        makers = {
            "Donor": told(lambda row: source.unit_name(row["donor"])),
            "Weight#": value("donor_weights", "weight"),
        }
        blocks.append(
            table_of(
                parts,
                anchor("table-donors", outcome, unit, *([design] if len(designs) > 1 else [])),
                caption,
                makers,
            )
        )
    made = mixture_words(designs[0]) if len(designs) == 1 else "weighted comparison"
    return Section("mixtures", f"What the {made or 'synthetic control'}s are made of", blocks)


def _peers(source: ReportSource) -> Section:
    """Return the peers of every unit; said once where all outcomes share them."""
    table = source.table("peers")
    if table.empty:
        words = "This run compares no unit with peers."
        if source.settings.get("peers"):
            words = "No unit has peers; the section on checks says why."
        return Section("peers", "Peers, and why these", [plain(words, "quiet")])
    blocks: list[Block] = []
    asked = source.settings.get("peers") or {}
    if asked.get("match") == "pre_period":
        by = CORRELATED_OUTCOMES if asked.get("metric") == "correlation" else MATCHED_ON_OUTCOME
        blocks.append(plain(f"Peers were chosen by {by}, not by characteristics."))
    for outcomes, unit in _sets(source):
        shown = "; ".join(source.label(outcome) for outcome in outcomes)
        whole = len(outcomes) == len(source.outcomes)
        title = source.unit_name(unit) if whole else f"{source.unit_name(unit)}: {shown}"
        blocks.append(Heading(title, ident=anchor("peers", outcomes[0], unit)))
        blocks.append(plain(peers_sentence(source.evaluation, outcomes[0], unit)))
        blocks.append(_nearest(source, outcomes[0], unit))
        blocks += [
            Folded(words, [made])
            for words, made in (
                ("How alike unit and peers are", _balance(source, outcomes[0], unit)),
                ("Nearer candidates set aside, and why", _excluded(source, outcomes[0], unit)),
            )
            if made.rows
        ]
        drawn = [block for outcome in outcomes for block in pictures(source, "peers", outcome, unit)]
        blocks += [Folded("In figures", drawn)] if drawn else []
    return Section("peers", "Peers, and why these", blocks)


def _sets(source: ReportSource) -> list[tuple[list[str], str]]:
    """Return units with the outcomes for which their peers are the same, by unit."""
    table = source.table("peers")
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for outcome in source.outcomes:
        for unit in sorted(set(table.loc[table["outcome"] == outcome, "unit"])):
            chosen = tuple(source.rows("peers", outcome, unit)["peer"])
            found.setdefault((unit, chosen), []).append(outcome)
    return [(outcomes, unit) for (unit, _), outcomes in sorted(found.items())]


def _nearest(source: ReportSource, outcome: str, unit: str) -> Table:
    shares = source.table("peer_contributions")
    own = shares[shares["unit"] == unit].sort_values("share", ascending=False, kind="stable")
    largest = dict(iter(own.groupby("peer").head(_NAMED).groupby("peer")))
    caption = (
        f"Peers of {source.unit_name(unit)}, with what sets each apart most: its share of the squared "
        "distance"
    )
    makers = {
        "Rank#": count("peers", "rank"),
        "Peer": told(lambda row: source.unit_name(row["peer"])),
        "Distance#": value("peers", "distance"),
        "Place among all#": count("peers", "pool_rank"),
        "What sets it apart most": lambda _, row: _apart(largest.get(row["peer"])),
    }
    return table_of(
        source.rows("peers", outcome, unit), anchor("table-peers", outcome, unit), caption, makers
    )


def _apart(largest: pd.DataFrame | None) -> Cell:
    if largest is None:
        return BLANK
    parts: list[Part] = []
    for place, row in records(largest):
        share = number("peer_contributions", place, row, "share", f"{100.0 * row['share']:.0f}")
        parts += [f"{', ' if parts else ''}{row['variable']} (", share, " %)"]
    return Cell(tuple(parts))


def _balance(source: ReportSource, outcome: str, unit: str) -> Table:
    caption = f"{source.unit_name(unit)}: unit, peers and all candidates; 0 in the last column is alike"
    makers = {
        "Characteristic": text("variable"),
        "Unit#": value("balance", "unit_value"),
        "Mean of peers#": value("balance", "peer_mean"),
        "Mean of all#": value("balance", "pool_mean"),
        "Unit minus peers, in sd#": value("balance", "smd"),
    }
    rows = source.rows("balance", outcome, unit)
    return table_of(rows, anchor("table-balance", outcome, unit), caption, makers)


def _excluded(source: ReportSource, outcome: str, unit: str) -> Table:
    rows = source.rows("peer_exclusions", outcome, unit)
    farthest = source.rows("peers", outcome, unit)["distance"].max()
    caption = f"{source.unit_name(unit)}: candidates nearer than its farthest peer that are set aside"
    # a result of 0.1 lists every candidate, and has no such column
    if rows["count"].notna().any():
        caption += f"; the table peer_exclusions counts all {rows['count'].sum()}"
    makers = {
        "Candidate": told(lambda row: source.unit_name(row["candidate"])),
        "Distance#": value("peer_exclusions", "distance"),
        "Reason": text("reason"),
    }
    nearer = rows[rows["distance"] <= farthest]
    return table_of(nearer, anchor("table-excluded", outcome, unit), caption, makers)


_GRAVEST_FIRST = {"error": 0, "warning": 1, "info": 2}


def _data(source: ReportSource) -> Section:
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
    window = f", {series['period'].min()} to {series['period'].max()}" if len(series) else ""
    caption = f"{about['label']}: {about['frequency']}s used{window}"
    makers = who(source) | {
        "Before the start#": count("fits", "n_pre"),
        "From the start#": count("fits", "n_post"),
        "Missing#": count("fits", "n_missing"),
        "Not used": told(lambda row: _unused(series, row)),
        "Season": told(lambda row: season_words(row["season"], about["frequency"])),
    }
    return table_of(in_order_of_designs(fits, "unit"), anchor("table-data", outcome), caption, makers)


def _unused(series: pd.DataFrame, row: Row) -> str:
    """Return why periods of the series of a fit are not used, with how many."""
    own = (series["unit"] == row["unit"]) & (series["design"] == row["design"])
    reasons = series.loc[own & ~series["used"].astype(bool), "used_reason"].value_counts().sort_index()
    return ", ".join(f"{reason} ({count})" for reason, count in reasons.items()) or "–"


def _findings(source: ReportSource) -> list[Block]:
    table = source.table("data_quality")
    if table.empty:
        return [plain("The checks of the data found nothing to report.", "quiet")]
    order = table["severity"].map(_GRAVEST_FIRST).fillna(0)
    shown, more = shortened(table.assign(order=order).sort_values("order", kind="stable"), "data_quality")
    makers = {
        "Gravity": text("severity"),
        "Indicator": text("indicator"),
        "Unit": told(lambda row: source.unit_name(row["unit"])),
        "Period": text("period"),
        "Kind": told(lambda row: row["check"].replace("_", " ")),
        "In words": MESSAGE,
    }
    kinds = table["check"].str.replace("_", " ").value_counts().sort_index()
    counted = ", ".join(f"{kind} ({count})" for kind, count in kinds.items())
    caption = f"Findings about the data, the gravest first.{more}"
    return [
        plain(f"{plural(len(table), 'finding')} about the data of all units, peers and others: {counted}."),
        Folded("Findings about the data", [table_of(shown, "table-findings", caption, makers)]),
    ]
