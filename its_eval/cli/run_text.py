"""What a run says: what it would do, how far a batch is, and a summary that a manager can read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from its_eval.cli.console import WIDTH, data_console, message_console
from its_eval.evaluation import records
from its_eval.pipeline.planning import make_plan, require_detail
from its_eval.pipeline.sources import load_sources
from its_eval.words.blind import WITHHELD, blind_lines, is_blind, unblinded_sentences
from its_eval.words.labels import estimand_words
from its_eval.words.numbers import counted, digits_for, p_number, rounded
from its_eval.words.protocol import protocol_line
from its_eval.words.screen import Line, screen
from its_eval.words.sentences import (
    attention,
    data_sentences,
    overall_sentences,
    peers_sentence,
    selection_sentences,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from its_eval.batch.run import BatchResult
    from its_eval.config import Config
    from its_eval.evaluation import Evaluation
    from its_eval.pipeline.cost import Cost
    from its_eval.pipeline.plan import OutcomePlan


def print_summary(evaluation: Evaluation, target: Path, *, report: bool, verbose: bool) -> None:
    """Print the answers: the set first, a line a unit, what weakens them, and where the report is.

    Parameters
    ----------
    evaluation : Evaluation
        The result.
    target : Path
        Where it was written.
    report : bool
        Whether a report was written.
    verbose : bool
        Also print each unit in sentences, its peers and every estimand of the primary estimator.
    """
    console = data_console()
    if is_blind(evaluation):
        for words in (evaluation.title, *WITHHELD, *blind_lines(evaluation), protocol_line(evaluation)):
            _print(console, Line(words))
        console.print(f"{_place(target, report=report)}", soft_wrap=True)
        return
    for line in screen(evaluation, verbose=verbose):
        _print(console, line)
    for outcome in evaluation.outcomes if verbose else ():
        for unit in sorted(set(evaluation.rows_of("effects", outcome)["unit"])):
            _everything(console, evaluation, outcome, unit)
    compared = [words for words, _ in overall_sentences(evaluation)]
    _listed(console, "Before and after, all units together", compared)
    if verbose:
        _listed(console, "To know", [*evaluation.notes, *data_sentences(evaluation)])
    console.print()
    if evaluation.tables["verdicts"]["attribution_low"].notna().any():
        _print(
            console, Line("Intervals of units allow for how much other units change by themselves.", "note")
        )
    for words in selection_sentences(evaluation):
        _print(console, Line(words, "note"))
    for words in unblinded_sentences(evaluation):
        _print(console, Line(words, "note"))
    where = _place(target, report=report)
    more = "" if verbose else "   (-v: every unit, peers, checks)"
    console.print(f"{where}{more}", soft_wrap=True)


def _place(target: Path, *, report: bool) -> str:
    return f"Report: {target / 'report.html'}" if report else f"Tables: {target / 'tables'}"


_STYLES = {"title": "bold", "head": "bold", "plain": "", "note": "dim"}


def _print(console: Console, line: Line) -> None:
    """Print a line, wrapped under itself; the rows of a table as they are."""
    if line.table or not line.text:
        for row in line.text.split("\n"):
            console.print(Text(row, style=_STYLES[line.style]), soft_wrap=True)
        return
    deeper, text = line.indent + 2, Text(line.text)
    fits = text.cell_len + line.indent <= console.width
    for number, part in enumerate([text] if fits else text.wrap(console, console.width - deeper)):
        part.rstrip()
        blanks = " " * (line.indent if number == 0 else deeper)
        console.print(Text(f"{blanks}{part.plain}", style=_STYLES[line.style]))


def _listed(console: Console, title: str, sentences: Sequence[str]) -> None:
    """Print sentences under a title; nothing without any."""
    if sentences:
        console.print()
        console.print(Text(title, style="bold"))
    for words in sentences:
        _print(console, Line(words, indent=2))


def _everything(console: Console, evaluation: Evaluation, outcome: str, unit: str) -> None:
    """Print every estimand of a unit, its peers and what asks for attention."""
    console.print()
    console.print(Text(f"{unit}, all quantities", style="bold"))
    with console.capture() as held:
        console.print(Padding(_estimands(evaluation, outcome, unit), (0, 0, 0, 2)))
    for row in held.get().splitlines():
        console.print(Text(row.rstrip()), soft_wrap=True)
    for words in filter(None, [peers_sentence(evaluation, outcome, unit)]):
        _print(console, Line(words, indent=2))
    for warning in attention(evaluation, outcome, unit):
        _print(console, Line(f"Attention, {warning}.", indent=2))


def _estimands(evaluation: Evaluation, outcome: str, unit: str) -> Table:
    about = evaluation.outcomes[outcome]
    effects = evaluation.rows_of("effects", outcome, unit)
    table = Table(box=None, pad_edge=False)
    several = effects["interruption"].nunique() > 1
    for column in (
        "design",
        *(["interruption"] if several else []),
        "quantity",
        "scale",
        "estimate",
        "low",
        "high",
        "p",
    ):
        table.add_column(column, justify="right" if column in ("estimate", "low", "high", "p") else "left")
    for _, row in records(effects[effects["role"] != "sensitivity"]):
        digits = digits_for({**row, "scale": ""})
        numbers = [rounded(row[name], digits) for name in ("estimate", "conf_low", "conf_high")]
        words = estimand_words(row["estimand"], about)
        which = [str(row["interruption"])] if several else []
        table.add_row(
            str(row["design"]), *which, words, str(row["scale"]), *numbers, p_number(row["p_value"])
        )
    return table


def planned(config: Config, path: Path, target: Path) -> dict[str, Any]:
    """Return what would be fitted, with which peers, and where the result would stand.

    Parameters
    ----------
    config : Config
        As loaded from `path`.
    path : Path
        The config.
    target : Path
        The result folder.
    """
    plan = make_plan(config, load_sources(config))
    require_detail(config, plan)
    return {
        "config": str(path),
        "out": str(target),
        "outcomes": [_outcome(outcome) for outcome in plan.outcomes],
        "notes": list(plan.notes),
        "settings": config.model_dump(mode="json", by_alias=True),
    }


def _outcome(plan: OutcomePlan) -> dict[str, Any]:
    periods, start = plan.panel.periods, plan.first_start
    chosen = {unit: plan.peer_sets.get(unit) for unit in plan.treated}
    return {
        "outcome": plan.outcome.name,
        "label": plan.outcome.label,
        "first": periods[0],
        "last": periods[-1],
        "start": plan.start_in_words,
        "periods_before": start,
        "periods_after": len(periods) - start,
        "peers": {unit: [] if peers is None else list(peers.peers) for unit, peers in chosen.items()},
    }


def print_plan(plan: dict[str, Any]) -> None:
    """Print a plan on one screen: what is long is counted.

    Parameters
    ----------
    plan : dict
        As `planned` returns it.
    """
    _print_lines(
        [f"{plan['config']} would be written to {plan['out']}"],
        [line for outcome in plan["outcomes"][:_SHOWN_OUTCOMES] for line in _outcome_lines(outcome)],
        len(plan["outcomes"]) - _SHOWN_OUTCOMES,
        plan["notes"],
    )


#: Of a plan are shown so many outcomes, of each the peers of so many units, so many notes; lines in all.
_SHOWN_OUTCOMES, _SHOWN_UNITS, _SHOWN_NOTES, _SHOWN_LINES = 5, 5, 5, 40


def _outcome_lines(outcome: dict[str, Any]) -> list[str]:
    peers = outcome["peers"]
    span = f"{outcome['label']}: {outcome['first']} to {outcome['last']}"
    before_after = f"{outcome['periods_before']} periods before and {outcome['periods_after']} from"
    lines = [f"  {span}, {before_after} {outcome['start']}; {counted(len(peers), 'treated unit')}"]
    lines += [
        f"    {unit}: {_some(codes) or 'no peers'}" for unit, codes in list(peers.items())[:_SHOWN_UNITS]
    ]
    return lines + ([f"    … {len(peers) - _SHOWN_UNITS:,} more units"] if len(peers) > _SHOWN_UNITS else [])


def _some(codes: Sequence[str], most: int = 10) -> str:
    return ", ".join(codes[:most]) + (f", … {len(codes) - most:,} more" if len(codes) > most else "")


def _print_lines(head: list[str], outcomes: list[str], more: int, notes: Sequence[str]) -> None:
    """Print lines of at most the width of a page, cut where they are longer, and few enough for a screen."""
    lines = [*head, *outcomes]
    lines += [f"  … {more:,} more outcomes"] if more > 0 else []
    lines += [f"  note: {note}" for note in notes[:_SHOWN_NOTES]]
    lines += [f"  … {len(notes) - _SHOWN_NOTES:,} more notes"] if len(notes) > _SHOWN_NOTES else []
    for line in lines[:_SHOWN_LINES]:
        typer.echo(line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…")


class _Rate(ProgressColumn):
    """Series a second, as of late."""

    def render(self, task: Task) -> Text:
        """Return the rate in words; nothing before there is one."""
        return Text(f"{task.speed:,.0f} series/s" if task.speed else "")


def cost_sentences(cost: Cost) -> str:
    """Return what a run is expected to take and to leave, and what would be quicker."""
    return (
        f"{duration(cost.seconds)} for {cost.series:,} series are to be expected, some {cost.files:,} files "
        f"and {cost.size / 1e6:.0f} MB. `output: {{detail: estimates}}` gives estimates and intervals alone, "
        "without checks, figures and report, in far less."
    )


def duration(seconds: float) -> str:
    """Return a span of time as one would say it.

    Examples
    --------
    >>> duration(42.0), duration(200.0), duration(8000.0)
    ('about 40 seconds', 'about 3 minutes', 'about 2.2 hours')
    """
    if seconds < 90.0:
        return f"about {max(round(seconds, -1), 10.0):.0f} seconds"
    if seconds < 5400.0:
        return f"about {seconds / 60.0:.0f} minutes"
    return f"about {seconds / 3600.0:.1f} hours"


@contextmanager
def series_bar(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Give a function (phrase, done, total) that moves a bar on stderr; on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield lambda _phrase, _done, _total: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
        _Rate(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=message_console(), transient=True, speed_estimate_period=60) as bar:
        task = bar.add_task("", total=1)

        def move(phrase: str, done: int, total: int) -> None:
            bar.update(task, description=phrase, completed=done, total=max(total, 1))

        yield move


def print_batch(result: BatchResult, target: Path) -> None:
    """Print how many series have estimates, and where they are."""
    typer.echo(result.title)
    typer.echo(f"  · {result.estimated:,} series estimated, {result.flagged:,} of them with warnings")
    typer.echo(f"  · {result.failed:,} rows in not_estimated, with reasons")
    if result.resumed:
        typer.echo(f"  · {result.resumed:,} of {result.blocks:,} blocks were done before the interruption")
    typer.echo(f"Tables:  {target / 'tables'}")


def planned_batch(config: Config, path: Path, target: Path) -> dict[str, Any]:
    """Return what a batch run would do, for ``--dry-run``."""
    from its_eval.batch.blocks import plan_batch  # noqa: PLC0415

    plan = plan_batch(config)
    return {
        "config": str(path),
        "out": str(target),
        "outcomes": [
            {"outcome": outcome.name, "label": outcome.label}
            for block in plan.blocks
            for outcome in block.config.outcomes
        ],
        "units": plan.n_units,
        "series": plan.n_series,
        "blocks": len(plan.blocks),
        "settings": config.model_dump(mode="json", by_alias=True),
    }


def print_batch_plan(plan: dict[str, Any]) -> None:
    """Print how many series a batch has, and in how many blocks."""
    size = (
        f"  {plan['series']:,} series at most: {plan['units']:,} units, "
        f"{len(plan['outcomes']):,} outcomes, in {plan['blocks']:,} blocks"
    )
    _print_lines([f"{plan['config']} would be written to {plan['out']}", size], [], 0, [])
