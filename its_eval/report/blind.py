"""The page of a blind run: what was withheld, and what can be said without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from its_eval.evaluation import in_order_of_designs
from its_eval.report.blocks import Bullets, Heading, Section, plain
from its_eval.report.cells import MESSAGE, count, table_of, told, value
from its_eval.report.checks import STATUS_WORDS
from its_eval.report.source import anchor
from its_eval.words.blind import WITHHELD, donors_words, unblinded_sentences
from its_eval.words.labels import check_words, compared_with, estimand_words
from its_eval.words.protocol import departures_sentences

if TYPE_CHECKING:
    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource


def blind(source: ReportSource) -> tuple[Section, ...]:
    """Return what a blind run withheld, and by outcome the time before, the donors and the power."""
    said = [*WITHHELD, *unblinded_sentences(source.evaluation), *departures_sentences(source.evaluation)]
    opening = Section("blind", "A blind run", [Bullets([plain(words) for words in said])])
    return opening, *(_outcome(source, outcome) for outcome in source.outcomes), _failed(source)


def _outcome(source: ReportSource, outcome: str) -> Section:
    about = source.about(outcome)
    whose = {
        "Unit": told(lambda row: source.unit_name(row["unit"]) if row["unit"] else "all together"),
        "Compared with": told(lambda row: compared_with(str(row["design"]))),
    }
    fits = in_order_of_designs(source.rows("fits", outcome), "unit")
    power = in_order_of_designs(source.rows("power", outcome), "unit")
    checks = in_order_of_designs(source.rows("checks", outcome), "unit")
    donors = [
        plain(f"Compared with {compared_with(design, several=True)}: {words}")
        for design in source.designs
        if (words := donors_words(source.evaluation, outcome, design))
    ]
    blocks: list[Block] = [
        Heading("The time before"),
        table_of(
            fits,
            anchor("table-before", outcome),
            "Fits of the time before the start",
            {
                **whose,
                "Periods#": count("fits", "n"),
                "Autocorrelation#": value("fits", "rho1"),
                "Spread#": value("fits", "sigma"),
            },
        ),
    ]
    if len(power):
        effect = told(lambda row: estimand_words(str(row["estimand"]), about))
        smallest = value("power", "minimum_detectable")
        makers = {**whose, "Effect": effect, "Smallest#": smallest}
        caption = "Smallest effects found with 80 % power"
        blocks += [
            Heading("What could be found"),
            table_of(power, anchor("table-power", outcome), caption, makers),
        ]
    if donors:
        blocks += [Heading("How much donors change by themselves"), Bullets(donors)]
    named = told(lambda row: check_words(str(row["check"])))
    makers = {
        **whose,
        "Check": named,
        "Status": told(lambda row: STATUS_WORDS[str(row["status"])]),
        "Result": MESSAGE,
    }
    if len(checks):
        caption = "Checks of the time before"
        blocks += [
            Heading("What was checked"),
            table_of(checks, anchor("table-checks", outcome), caption, makers),
        ]
    return Section(anchor("before", outcome), source.label(outcome), blocks)


def _failed(source: ReportSource) -> Section:
    """Return what could not be described; without blocks where all was."""
    table = source.table("not_estimated")
    makers = {
        "Outcome": told(lambda row: source.label(str(row["outcome"]))),
        "Unit": told(lambda row: row["unit"]),
    }
    makers |= {"Why": MESSAGE}
    shown = table_of(table, "table-not-described", "Not described", makers)
    return Section("not-described", "What is not shown here", [shown] if len(table) else [])
