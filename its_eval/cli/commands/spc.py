"""``its-eval spc``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from its_eval.calendar import Calendar
    from its_eval.improvement.xmr import ChartSettings, RuleSettings

#: What a reader of every chart has to know.
_NOTE = (
    "Limits are mean ± 2.66 mean moving ranges. They take points to be independent and without season: "
    "r is the autocorrelation of the baseline."
)


def spc(
    source: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A row per period, unit and indicator.", show_default=False),
    ],
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE=NAME",
            help="Column of a role: period, value (or numerator and denominator), unit, indicator, "
            "stratum, target. Repeatable.",
        ),
    ] = None,
    unit: Annotated[list[str] | None, typer.Option(help="Only this unit. Repeatable.")] = None,
    indicator: Annotated[list[str] | None, typer.Option(help="Only this indicator. Repeatable.")] = None,
    stratum: Annotated[list[str] | None, typer.Option(help="Only this stratum. Repeatable.")] = None,
    per: Annotated[
        float | None,
        typer.Option(metavar="N", help="Without values: numerators per N of the denominator; default 100."),
    ] = None,
    frequency: Annotated[
        Literal["month", "quarter", "year", "week"], typer.Option(help="How far apart periods are.")
    ] = "month",
    dates: Annotated[
        str,
        typer.Option(
            metavar="HOW",
            help="How dates are written: iso, dmy, mdy, financial, or a pattern such as %d/%m/%Y.",
        ),
    ] = "iso",
    better: Annotated[
        Literal["higher", "lower", "neither"], typer.Option(help="Which direction is an improvement.")
    ] = "neither",
    target: Annotated[float | None, typer.Option(help="Target of all series.")] = None,
    intervention: Annotated[
        str | None,
        typer.Option(
            metavar="PERIOD",
            help="First affected period: marked, and the points before it are the baseline.",
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="PERIOD", help="Last period of the baseline that fixes the limits."),
    ] = None,
    recalculate: Annotated[
        list[str] | None,
        typer.Option(metavar="PERIOD", help="First period of new limits. Repeatable."),
    ] = None,
    rules: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES", help="Only these: outside, trend, two-of-three, shift; commas or repeated."
        ),
    ] = None,
    shift: Annotated[int, typer.Option(min=2, help="Points on one side of the mean.")] = 7,
    trend: Annotated[int, typer.Option(min=3, help="Points strictly rising or falling.")] = 6,
    inner_only: Annotated[
        bool,
        typer.Option("--inner-only", help="A point beyond the limits is none of the two of three."),
    ] = False,
    screen_ranges: Annotated[
        bool, typer.Option("--screen-ranges", help="Leave outlying moving ranges out of the limits.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Also write tables and charts to this folder.")
    ] = None,
    grid_only: Annotated[
        bool, typer.Option("--grid-only", help="With --out: the page of all units, no single charts.")
    ] = False,
    no_figures: Annotated[bool, typer.Option("--no-figures", help="With --out: tables only.")] = False,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=1, help="With --out: processes that draw charts.")
    ] = 1,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing result.")] = False,
    format_: Annotated[
        Literal["text", "csv", "json"], typer.Option("--format", help="Output form.")
    ] = "text",
) -> None:
    """Make XmR charts, and a page of all units.

    Limits from a baseline, the rules of NHS England for special causes, improvement or concern.

    \b
    Examples:
      its-eval spc data/sample/indicators.csv --indicator leaver_rate --better lower
      its-eval spc waits.csv --intervention 2015-07 --target 95 --better higher -o results/waits
      its-eval spc waits.csv --recalculate 2015-07 --trend 7 --screen-ranges --format csv
      its-eval spc waits.csv -o results/waits --jobs 4
    """  # noqa: D301  (a backspace keeps the lines of the help apart)
    from its_eval.cli.improvement_text import print_spc  # noqa: PLC0415
    from its_eval.cli.table_result import column_mapping, deliver  # noqa: PLC0415
    from its_eval.errors import UsageError  # noqa: PLC0415
    from its_eval.improvement.xmr_load import load_series  # noqa: PLC0415
    from its_eval.improvement.xmr_tables import spc_tables  # noqa: PLC0415
    from its_eval.report.write import require_free  # noqa: PLC0415

    if out is None and (force or no_figures or grid_only):
        raise UsageError(
            "--force, --no-figures and --grid-only are about a result folder", "name one with --out"
        )
    columns = column_mapping(column or [])
    if target is not None and "target" in columns:
        raise UsageError("--target is one number for all, --column target=NAME a column: choose one")
    chosen = _rules(rules or [], shift, trend, inner_only)
    settings = _settings(
        frequency, dates, better, intervention, baseline, recalculate or [], screen_ranges, chosen
    )
    if out is not None:
        require_free(out, force=force)
    series = load_series(
        source,
        columns,
        calendar=settings.calendar,
        dates=dates,
        units=unit or (),
        indicators=indicator or (),
        strata=stratum or (),
        per=per,
    )
    frame = series.frame if target is None else series.frame.assign(target=target)
    tables = spc_tables(frame, settings, series.n_missing)
    tables = {"summary": tables["summary"], "points": tables["points"]}
    drawer = _drawer(tables, intervention, settings, dates, jobs, grid_only=grid_only)
    deliver(
        tables,
        [_NOTE],
        source=source,
        out=out,
        draw=None if no_figures else drawer,
        form=format_,
        show=lambda: print_spc(tables, [_NOTE]),
        force=force,
    )
    if out is not None:
        typer.echo(f"written to {out}", err=True)


def _rules(texts: Sequence[str], shift: int, trend: int, inner_only: bool) -> RuleSettings:
    """Return the rules that hold."""
    from its_eval.data.tables import nearest  # noqa: PLC0415
    from its_eval.errors import UsageError  # noqa: PLC0415
    from its_eval.improvement.xmr import RULES, RuleSettings  # noqa: PLC0415

    named = [word.strip() for text in texts for word in text.split(",") if word.strip()]
    unknown = [word for word in named if word not in RULES]
    if unknown:
        raise UsageError(
            "\n".join(f"--rules {word!r}: there is no such rule; {nearest(word, RULES)}" for word in unknown)
        )
    kept = tuple(rule for rule in RULES if rule in named) if named else RULES
    return RuleSettings(rules=kept, shift=shift, trend=trend, outside_counts=not inner_only)


def _settings(
    frequency: str,
    dates: str,
    better: Literal["higher", "lower", "neither"],
    intervention: str | None,
    baseline: str | None,
    recalculate: Sequence[str],
    screen: bool,
    rules: RuleSettings,
) -> ChartSettings:
    """Return how charts are made; every fault of the periods at once."""
    from its_eval.calendar import Calendar  # noqa: PLC0415
    from its_eval.errors import UsageError  # noqa: PLC0415
    from its_eval.improvement.xmr import ChartSettings  # noqa: PLC0415

    calendar = Calendar(frequency)
    problems = _faulty_dates(dates, calendar)

    def ordinal(option: str, text: str) -> int:
        try:
            return calendar.parse(text, _of_options(dates))
        except ValueError as error:
            problems.append(f"{option}: {error}")
            return 0

    start = None if intervention is None else ordinal("--intervention", intervention)
    last = None if baseline is None else ordinal("--baseline", baseline)
    anew = tuple(sorted({ordinal("--recalculate", text) for text in recalculate}))
    if not problems and last is not None and anew and anew[0] <= last:
        problems.append("--recalculate lies within the --baseline: new limits begin after it")
    if problems:
        raise UsageError("\n".join(problems))
    if last is None and start is not None and not anew:
        last = start - 1
    return ChartSettings(
        calendar=calendar,
        better=better,
        baseline_last=last,
        recalculate=anew,
        screen=screen,
        rules=rules,
    )


def _faulty_dates(dates: str, calendar: Calendar) -> list[str]:
    """Return what is wrong with the way in which dates are said to be written."""
    from its_eval.config.data import DATES  # noqa: PLC0415
    from its_eval.data.tables import nearest  # noqa: PLC0415

    if "%" in dates:
        fault = calendar.pattern_fault(dates)
        return [f"--dates {dates!r}: {fault}"] if fault else []
    if dates in DATES:
        return []
    pattern = "a pattern has codes such as %d/%m/%Y"
    return [f"--dates {dates!r} is no way to write dates; {nearest(dates, DATES)}; {pattern}"]


def _of_options(dates: str) -> str:
    """Return how periods of options are written: as those of the table, and not by a pattern."""
    return "iso" if "%" in dates else dates


def _drawer(
    tables: Mapping[str, Any],
    intervention: str | None,
    settings: ChartSettings,
    dates: str,
    jobs: int,
    *,
    grid_only: bool,
) -> Callable[[Path], None]:
    """Return a function that draws the pages and charts into a folder."""
    start, words = "", ""
    if intervention is not None:
        ordinal = settings.calendar.parse(intervention, _of_options(dates))
        start = settings.calendar.format(ordinal)
        words = f"Intervention, from {settings.calendar.describe(ordinal)}"

    def draw(folder: Path) -> None:
        from its_eval.cli.progress import progress_bar  # noqa: PLC0415
        from its_eval.figures.chart_pages import ChartPages, write_charts  # noqa: PLC0415

        pages = ChartPages(tables["summary"], tables["points"], folder, start, words, grid_only)
        with progress_bar(quiet=False) as progress:
            write_charts(pages, jobs, progress)

    return draw
