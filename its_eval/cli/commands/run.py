"""``its-eval run``."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from its_eval.config import Config
    from its_eval.evaluation import Evaluation

#: What ``--fail-on`` can name.
FAULTS = ("data", "fit", "checks")


def run(
    configs: Annotated[
        list[Path], typer.Argument(metavar="CONFIG...", help="Configs to evaluate.", show_default=False)
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Result folder; default results/<config name>.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes for drawing figures.")] = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be fitted, with which peers; write nothing.")
    ] = False,
    no_figures: Annotated[bool, typer.Option("--no-figures", help="Write tables only.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing result.")] = False,
    if_changed: Annotated[
        bool,
        typer.Option(
            "--if-changed", help="Do nothing when config, inputs and version are those of the result."
        ),
    ] = False,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on",
            metavar="WHAT",
            help="Exit 1 when a result has such faults: data, fit, checks; commas or repeated.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No summary, no progress.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="All estimands in the summary.")] = False,
    format_: Annotated[
        Literal["text", "json"], typer.Option("--format", help="Form of the summary.")
    ] = "text",
) -> int:
    """Evaluate configs: choose peers, fit, write tables and figures.

    Examples:
      its-eval run configs/sample.yaml
      its-eval run configs/*.yaml -o results/all --jobs 2
      its-eval run config.yaml --dry-run
    """
    from its_eval.config import load_config  # noqa: PLC0415  (start-up time)
    from its_eval.errors import UsageError  # noqa: PLC0415

    if quiet and verbose:
        raise UsageError("--quiet and --verbose exclude each other")
    if if_changed:
        force = True
    watched = _fail_on(fail_on or [])
    targets = _targets(configs, out)
    loaded = [load_config(path) for path in configs]
    code = 0
    summaries = []
    for path, config, target in zip(configs, loaded, targets, strict=True):
        if dry_run:
            _show_plan(config, path, target)
            continue
        evaluation = _run_one(
            config,
            path,
            target,
            figures=not no_figures,
            force=force,
            if_changed=if_changed,
            jobs=jobs,
            quiet=quiet,
        )
        if evaluation is None:
            continue
        code = max(code, _failures(evaluation, watched))
        if format_ == "json":
            summaries.append({"config": str(path), "out": str(target), **evaluation.to_dict()})
        elif not quiet:
            from its_eval.cli.summary import print_summary  # noqa: PLC0415

            print_summary(evaluation, target, figures=not no_figures, verbose=verbose)
    if format_ == "json" and not dry_run:
        json.dump(summaries, sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
    return code


def _fail_on(texts: list[str]) -> list[str]:
    """Return the kinds of faults that ``--fail-on`` names, in a fixed order."""
    from its_eval.errors import UsageError  # noqa: PLC0415

    named = {word.strip() for text in texts for word in text.split(",")}
    unknown = sorted(named - set(FAULTS))
    if unknown:
        raise UsageError(f"--fail-on {', '.join(map(repr, unknown))}: expected {', '.join(FAULTS)}")
    return [kind for kind in FAULTS if kind in named]


def _targets(configs: list[Path], out: Path | None) -> list[Path]:
    """Return a result folder for each config; two of one name are refused."""
    from its_eval.errors import UsageError  # noqa: PLC0415

    if len(configs) == 1 and out is not None:
        return [out]
    base = out if out is not None else Path("results")
    targets = [base / path.stem for path in configs]
    repeated = sorted({target.name for target in targets if targets.count(target) > 1})
    if repeated:
        raise UsageError(
            f"several configs are called {', '.join(repeated)}; their results would share a folder",
            "rename one, or run them one by one with --out",
        )
    return targets


def _run_one(
    config: Config,
    path: Path,
    target: Path,
    *,
    figures: bool,
    force: bool,
    if_changed: bool,
    jobs: int,
    quiet: bool,
) -> Evaluation | None:
    from its_eval.cli.console import progress_bar  # noqa: PLC0415
    from its_eval.pipeline.produce import produce  # noqa: PLC0415
    from its_eval.pipeline.sources import input_files  # noqa: PLC0415
    from its_eval.provenance import unchanged  # noqa: PLC0415

    if if_changed and unchanged(target, path, input_files(config)):
        if not quiet:
            typer.echo(f"{target}: unchanged, nothing done", err=True)
        return None
    with progress_bar(quiet=quiet) as progress:
        return produce(
            config,
            path,
            target,
            command=shlex.join(["its-eval", *sys.argv[1:]]),
            figures=figures,
            force=force,
            jobs=jobs,
            progress=progress,
        )


def _failures(evaluation: Evaluation, watched: list[str]) -> int:
    """Return 1 when the result has faults of a kind that the caller does not accept."""
    quality = evaluation.tables["data_quality"]
    found = {
        "data": bool((quality["severity"] != "info").any()),
        "fit": bool(
            len(evaluation.tables["not_estimated"]) or evaluation.tables["fits"]["flags"].ne("").any()
        ),
        "checks": "checks" in evaluation.tables
        and bool(evaluation.tables["checks"]["status"].eq("attention").any()),
    }
    raised = [kind for kind in watched if found[kind]]
    for kind in raised:
        typer.echo(f"--fail-on {kind}: the result has such faults", err=True)
    return int(bool(raised))


def _show_plan(config: Config, path: Path, target: Path) -> None:
    """Print what would be done."""
    from its_eval.config import to_yaml  # noqa: PLC0415
    from its_eval.pipeline.plan import make_plan  # noqa: PLC0415
    from its_eval.pipeline.sources import load_sources  # noqa: PLC0415

    sources = load_sources(config)
    plan = make_plan(config, sources)
    typer.echo(f"# {path} would be written to {target}")
    for outcome in plan.outcomes:
        panel = outcome.panel
        before = outcome.interruption.start
        typer.echo(
            f"# {outcome.outcome.label}: {panel.periods[0]} to {panel.periods[-1]}, {before} periods "
            f"before and {panel.n_periods - before} from {outcome.start_in_words}"
        )
        for unit in outcome.treated:
            peers = outcome.peer_sets.get(unit)
            listed = ", ".join(peers.peers) if peers is not None and peers.peers else "no peers"
            typer.echo(f"#   {unit}: {listed}")
    for note in plan.notes:
        typer.echo(f"# note: {note}")
    typer.echo(to_yaml(config), nl=False)
