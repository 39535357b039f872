"""``its-eval init``, ``validate`` and ``schema``: configs before they are run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from its_eval.data.load import IndicatorRows
    from its_eval.data.opening import Recognised
    from its_eval.pipeline.plan import OutcomePlan
    from its_eval.pipeline.sheet import NotEstimated
    from its_eval.starter import Question


#: So many units with the same reason are named.
_SHOWN = 6


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write.")] = Path(),
    demo: Annotated[
        bool, typer.Option("--demo", help="Lay out the sample data and configs, ready to run.")
    ] = False,
    indicators: Annotated[Path | None, typer.Option(help="Your indicator table.")] = None,
    characteristics: Annotated[
        Path | None, typer.Option(help="Your characteristics table, for peers.")
    ] = None,
    unit: Annotated[list[str] | None, typer.Option(help="A treated unit. Repeatable.")] = None,
    indicator: Annotated[
        str | None, typer.Option(help="The indicator to evaluate, or the column that holds it.")
    ] = None,
    date: Annotated[
        list[str] | None,
        typer.Option(help="First affected period, e.g. 2018-10. Repeatable: each further one is an event."),
    ] = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook.")] = None,
    header_row: Annotated[
        int | None, typer.Option(min=1, help="Row in which the names of the columns stand.")
    ] = None,
    kind: Annotated[
        Literal["percentage", "rate", "count", "number"] | None, typer.Option(help="What the values are.")
    ] = None,
    better: Annotated[
        Literal["higher", "lower"] | None, typer.Option(help="Which direction is an improvement.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
) -> None:
    """Write a commented config, or lay out the demonstration.

    The table is looked at: sheet, header, layout, columns, frequency and kind are written down with the
    reasons. Nothing is written when the config would not be valid on the data.

    \b
    Examples:
      its-eval init --demo demo
      its-eval init study --indicators data.csv --unit ABC --indicator waits --date 2018-10
      its-eval init study --indicators book.xlsx --unit ABC --date 2018-10 --better lower
    """  # noqa: D301  (a backspace keeps the lines of the help apart)
    from its_eval.starter import demo_files, write_files  # noqa: PLC0415  (start-up time)

    if demo:
        from its_eval.errors import UsageError  # noqa: PLC0415

        given = (indicators, characteristics, unit, indicator, date, sheet, header_row, kind, better)
        if any(value is not None for value in given):
            raise UsageError("--demo lays out the sample as it is; leave the other options out")
        for path in write_files(folder, demo_files(), force=force):
            typer.echo(str(path))
        typer.echo(f"next: its-eval run {folder / 'configs' / 'sample.yaml'}", err=True)
        return
    from its_eval.data.opening import Asked  # noqa: PLC0415
    from its_eval.starter import Question, recognised_table, starter_config  # noqa: PLC0415

    asked = Asked(tuple(unit or ()), tuple(date or ()), indicator, sheet, kind, header_row)
    question = Question(indicators, characteristics, asked, better)
    found = recognised_table(question)
    target = folder / "its-eval.yaml"
    if found is not None:
        _require_valid(question, found, target)
    files = {Path(target.name): starter_config(folder, question, found).encode()}
    for path in write_files(folder, files, force=force):
        typer.echo(str(path))
    if found is None:
        typer.echo(f"next: edit {target}, then its-eval validate {target}", err=True)
        return
    for key, reason in found.reasons.items():
        typer.echo(f"{key}: {reason}", err=True)
    if better is None:
        typer.echo("better: not said; write `better: higher` or `better: lower` with the outcome", err=True)
    typer.echo(f"next: its-eval run {target}", err=True)


def _require_valid(question: Question, found: Recognised, target: Path) -> None:
    """Refuse a config that would not be valid on its data; nothing is written then."""
    from tempfile import TemporaryDirectory  # noqa: PLC0415

    from its_eval.errors import ConfigError, DataError  # noqa: PLC0415
    from its_eval.starter import starter_config  # noqa: PLC0415

    with TemporaryDirectory() as folder:
        draft = Path(folder).resolve() / target.name
        draft.write_text(starter_config(draft.parent, question, found), encoding="utf-8")
        try:
            _check(draft)
        except (ConfigError, DataError) as error:
            problems = [problem.replace(str(draft), str(target)) for problem in error.problems]
            error.problems, error.message = problems, "\n".join(problems)
            raise


def validate(
    configs: Annotated[
        list[Path], typer.Argument(metavar="CONFIG", help="Configs to check.", show_default=False)
    ],
    format_: Annotated[Literal["text", "json"], typer.Option("--format", help="Output form.")] = "text",
) -> int:
    """Check configs and their data: all faults in one pass.

    What a run would refuse is refused here. Nothing is written.

    Example: its-eval validate configs/sample.yaml
    """
    from its_eval.errors import ConfigError, DataError, NothingEstimatedError  # noqa: PLC0415  (start-up time)

    code = 0
    reports = []
    for path in configs:
        problems: list[str] = []
        notes: list[str] = []
        hint: str | None = None
        stage, exit_code = "ok", 0
        try:
            notes = _check(path)
        except ConfigError as error:
            stage, problems, hint, exit_code = "config", error.problems, error.hint, error.exit_code
        except DataError as error:
            stage, problems, hint, exit_code = "data", error.problems, error.hint, error.exit_code
        except NothingEstimatedError as error:
            stage, problems, exit_code = "fit", error.message.splitlines()[1:], error.exit_code
        code = max(code, exit_code)
        reports.append(
            {"config": str(path), "valid": not problems, "stage": stage, "problems": problems, "notes": notes}
        )
        if format_ == "text":
            _print(path, stage, problems, notes, hint)
    if format_ == "json":
        typer.echo(json.dumps(reports, indent=1, ensure_ascii=False))
    return code


def _check(path: Path) -> list[str]:
    from its_eval.config import load_config  # noqa: PLC0415
    from its_eval.pipeline.foresight import foreseen  # noqa: PLC0415
    from its_eval.pipeline.planning import make_plan, require_detail  # noqa: PLC0415
    from its_eval.pipeline.sources import load_sources  # noqa: PLC0415

    config = load_config(path)
    sources = load_sources(config)
    plan = make_plan(config, sources)
    require_detail(config, plan)
    used = set(plan.treated)
    for outcome in plan.outcomes:
        used |= {peer for chosen in outcome.peer_sets.values() for peer in chosen.peers}
    covered = [message for outcome in plan.outcomes for message in _coverage(sources.rows, outcome)]
    shown = [item for item in plan.findings if item.unit in used or not item.unit or item.severity != "info"]
    told = [item.message for item in shown]
    if others := len(plan.findings) - len(shown):
        told.append(f"{others} more about units that are neither treated nor peers; a run lists them")
    notes = [*sources.rows.notes, *plan.notes, *covered, *told]
    said = "\n".join(notes)
    # a batch has too many series to try those that an estimator may refuse
    tried = [] if config.output.detail == "estimates" else foreseen(config, plan)
    lost = _lost([item for item in tried if item.message not in said])
    return list(dict.fromkeys([*notes, *(f"not estimated: {item}" for item in lost)]))


def _lost(failed: Sequence[NotEstimated]) -> Iterator[str]:
    """Yield what a run will not estimate: each reason once, with its units."""
    units: dict[tuple[str, str, str], list[str]] = {}
    for item in failed:
        units.setdefault((item.outcome, item.design, item.message), []).append(item.unit)
    for (outcome, design, message), named in units.items():
        distinct = list(dict.fromkeys(named))
        more = f" and {len(distinct) - _SHOWN} more" if len(distinct) > _SHOWN else ""
        yield f"{outcome}, {', '.join(distinct[:_SHOWN])}{more}, {design}: {message}"


def _coverage(rows: IndicatorRows, outcome: OutcomePlan) -> Iterator[str]:
    """Yield what the coverage of the treated units and peers of an outcome is like within its window.

    Periods without a row are left to the findings of the plan, which tell gaps of either kind.
    """
    from its_eval.config.outcomes import source_names  # noqa: PLC0415
    from its_eval.data.coverage import coverage_findings  # noqa: PLC0415

    units = set(outcome.treated).union(*(chosen.peers for chosen in outcome.peer_sets.values()))
    first, last = outcome.panel.periods[0], outcome.panel.periods[-1]
    names = source_names(outcome.outcome)
    not_shown = {"missing_rows"}
    own = rows.frame["indicator"].isin(names)
    if outcome.outcome.kind != "count" and rows.frame.loc[own, "denominator"].isna().all():
        # a percentage alone does not say how large a unit is
        not_shown.add("jump")
    # how sizes move would tell those below `min_denominator`
    panel = outcome.panel
    masked = {unit for unit in panel.units if panel.small_denominator[:, panel.column(unit)].any()}
    for finding in coverage_findings(rows, names, units):
        told = finding.check not in not_shown and not (finding.check == "jump" and finding.unit in masked)
        if told and first <= finding.period <= last:
            yield finding.message


def _print(path: Path, stage: str, problems: list[str], notes: list[str], hint: str | None) -> None:
    if not problems:
        typer.echo(f"{path}: valid")
    else:
        total = getattr(problems, "total", len(problems))
        count = f"{total} fault{'s' if total > 1 else ''}"
        what = "no series could be estimated" if stage == "fit" else f"{count} in the {stage}"
        typer.echo(f"{path}: {what}")
    for problem in problems:
        typer.echo(f"  {problem}")
    if hint and problems:
        typer.echo(f"  hint: {hint}")
    for note in notes:
        typer.echo(f"  note: {note}")


def schema() -> None:
    """Print the JSON Schema of the config.

    Saved beside the configs, it lets editors complete and check keys. A config then begins with

    \b
      # yaml-language-server: $schema=its-eval.schema.json

    Example: its-eval schema > its-eval.schema.json
    """  # noqa: D301  (a backspace keeps the lines of the help apart)
    from its_eval.config import json_schema  # noqa: PLC0415  (start-up time)

    typer.echo(json.dumps(json_schema(), indent=1, ensure_ascii=False))
