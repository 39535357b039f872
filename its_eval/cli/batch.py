"""Batch runs on the command line: a bar with a rate and the time left, and what came of it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from its_eval.cli.console import message_console

if TYPE_CHECKING:
    from pathlib import Path

    from its_eval.config import Config
    from its_eval.pipeline.batch.run import BatchResult, Means


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
    from its_eval.pipeline.batch.blocks import plan_batch  # noqa: PLC0415

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
    from its_eval.config import to_yaml  # noqa: PLC0415
    from its_eval.pipeline.batch.run import run_batch  # noqa: PLC0415
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
