"""What a run says: what it would do, how far a batch is, and a summary that a manager can read."""

from __future__ import annotations

import shlex
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

from its_eval.cli.console import data_console, message_console
from its_eval.config import to_yaml
from its_eval.evaluation import records
from its_eval.pipeline.planning import make_plan
from its_eval.pipeline.sources import load_sources
from its_eval.words.labels import estimand_words
from its_eval.words.numbers import digits_for, p_number, rounded
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

    from its_eval.batch.run import BatchResult, Means
    from its_eval.config import Config
    from its_eval.evaluation import Evaluation
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
    where = f"Report: {target / 'report.html'}" if report else f"Tables: {target / 'tables'}"
    more = "" if verbose else "   (-v: every unit, peers, checks)"
    console.print(f"{where}{more}", soft_wrap=True)


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


def print_plan(config: Config, plan: dict[str, Any], *, first: bool) -> None:
    """Print a plan as comments above the settings with every default: a YAML document.

    Parameters
    ----------
    config : Config
        The settings.
    plan : dict
        As `planned` returns it.
    first : bool
        Whether it is the first document printed.
    """
    if not first:
        typer.echo("---")
    typer.echo(f"# {plan['config']} would be written to {plan['out']}")
    for outcome in plan["outcomes"]:
        typer.echo(
            f"# {outcome['label']}: {outcome['first']} to {outcome['last']}, "
            f"{outcome['periods_before']} periods before and {outcome['periods_after']} "
            f"from {outcome['start']}"
        )
        for unit, peers in outcome["peers"].items():
            typer.echo(f"#   {unit}: {', '.join(peers) or 'no peers'}")
    for note in plan["notes"]:
        typer.echo(f"# note: {note}")
    typer.echo(to_yaml(config), nl=False)


class _Rate(ProgressColumn):
    """Series a second, as of late."""

    def render(self, task: Task) -> Text:
        """Return the rate in words; nothing before there is one."""
        return Text(f"{task.speed:,.0f} series/s" if task.speed else "")


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


def print_batch_plan(config: Config, plan: dict[str, Any], *, first: bool) -> None:
    """Print a plan as comments above the settings: a YAML document."""
    from its_eval.config import to_yaml  # noqa: PLC0415

    if not first:
        typer.echo("---")
    typer.echo(f"# {plan['config']} would be written to {plan['out']}")
    typer.echo(
        f"# {plan['series']:,} series at most: {plan['units']:,} units, {len(plan['outcomes']):,} outcomes, "
        f"in {plan['blocks']:,} blocks"
    )
    typer.echo(to_yaml(config), nl=False)


def run_one_batch(
    config: Config, path: Path, target: Path, *, means: Means, if_changed: bool, quiet: bool
) -> BatchResult | None:
    """Carry out a batch run; None when the result is there already and nothing has changed."""
    from its_eval.batch.run import run_batch  # noqa: PLC0415
    from its_eval.config import to_yaml  # noqa: PLC0415
    from its_eval.pipeline.sources import input_files  # noqa: PLC0415
    from its_eval.provenance import unchanged  # noqa: PLC0415

    if if_changed and unchanged(target, path, input_files(config), resolved=to_yaml(config), figures=False):
        if not quiet:
            typer.echo(f"{target}: unchanged, nothing done", err=True)
        return None
    command = shlex.join(["its-eval", *sys.argv[1:]])
    try:
        with series_bar(quiet=quiet) as progress:
            return run_batch(config, path, target, command=command, means=means, progress=progress)
    except KeyboardInterrupt:
        typer.echo(f"its-eval: the blocks of {target} that are done stay; --resume goes on", err=True)
        raise


def batch_failures(path: Path, failed: int, flagged: int, watched: list[str]) -> int:
    """Return 1 when series of a batch run have no estimate or a warning, and the caller watches for that."""
    if "fit" not in watched or not failed + flagged:
        return 0
    found = f"{failed} series not estimated, {flagged} fits with flags"
    typer.echo(f"its-eval: {path}: --fail-on fit: {found}", err=True)
    return 1
