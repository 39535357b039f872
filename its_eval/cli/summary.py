"""The summary of a run that a manager can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from its_eval.cli.console import data_console
from its_eval.report.before_after import overall_sentences
from its_eval.report.gaps import gap_sentences
from its_eval.report.narrative import (
    attention,
    data_sentences,
    digits_for,
    estimand_words,
    headline,
    p_words,
    peers_sentence,
    rounded,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from its_eval.evaluation import Evaluation


def print_summary(evaluation: Evaluation, target: Path, *, figures: bool, verbose: bool) -> None:
    """Print, per outcome and unit: the answer with its interval, the peers, what needs attention.

    Parameters
    ----------
    evaluation : Evaluation
        The result.
    target : Path
        Where it was written.
    figures : bool
        Whether figures were drawn.
    verbose : bool
        Also print every estimand of the primary estimator.
    """
    console = data_console()
    console.print(Text(evaluation.title, style="bold"))
    for outcome, about in evaluation.outcomes.items():
        console.print()
        console.print(
            Text(f"{about['label']}: {about['interruption']}, {about['start_in_words']}", style="bold")
        )
        summary = evaluation.rows_of("summary", outcome)
        failed = evaluation.rows_of("not_estimated", outcome)
        for unit in sorted(set(summary["unit"]) | set(failed["unit"])):
            console.print()
            name = evaluation.unit_names.get(unit, "")
            console.print(Text(f"{unit}  {name}".rstrip(), style="bold"))
            # the controlled answer last: it is the one that speaks about the unit
            for row in (
                summary[summary["unit"] == unit].sort_values("design", ascending=False).to_dict("records")
            ):
                _bullet(console, headline({str(key): value for key, value in row.items()}, about))
            if verbose:
                console.print(Padding(_estimands(evaluation, outcome, unit), (0, 0, 0, 4)))
            said = [*gap_sentences(evaluation, outcome, unit), peers_sentence(evaluation, outcome, unit)]
            for words in filter(None, said):
                _bullet(console, words)
            for warning in attention(evaluation, outcome, unit):
                _bullet(console, f"Attention, {warning}.")
    compared = [words for words, _ in overall_sentences(evaluation)]
    _listed(console, "Before and after, all units together", compared)
    _listed(console, "To know", [*evaluation.notes, *data_sentences(evaluation)])
    console.print()
    console.print(f"Tables:  {target / 'tables'}", soft_wrap=True)
    if figures:
        console.print(f"Figures: {target / 'figures'}", soft_wrap=True)


def _listed(console: Console, title: str, sentences: Sequence[str]) -> None:
    """Print sentences under a title; nothing without any."""
    if sentences:
        console.print()
        console.print(Text(title, style="bold"))
    for words in sentences:
        _bullet(console, words)


def _bullet(console: Console, sentence: str) -> None:
    """Print a sentence behind a dot, its lines under each other and without blanks at their ends."""
    indent = 4
    for number, line in enumerate(Text(sentence).wrap(console, console.width - indent)):
        line.rstrip()
        console.print(Text("  · " if number == 0 else " " * indent) + line)


def _estimands(evaluation: Evaluation, outcome: str, unit: str) -> Table:
    about = evaluation.outcomes[outcome]
    effects = evaluation.rows_of("effects", outcome, unit)
    table = Table(box=None, pad_edge=False)
    for column in ("design", "quantity", "scale", "estimate", "low", "high", "p"):
        table.add_column(column, justify="right" if column in ("estimate", "low", "high", "p") else "left")
    for row in effects[effects["role"] != "sensitivity"].to_dict("records"):
        digits = digits_for({str(key): value for key, value in row.items()} | {"scale": ""})
        numbers = [rounded(row[name], digits) for name in ("estimate", "conf_low", "conf_high")]
        words = estimand_words(str(row["estimand"]), about)
        p_value = p_words(row["p_value"]).removeprefix("p ").removeprefix("= ")
        table.add_row(str(row["design"]), words, str(row["scale"]), *numbers, p_value)
    return table
