"""``its-eval power``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from its_eval.evaluation import Evaluation


def power(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="Config of the design.", show_default=False)
    ],
    target: Annotated[
        float, typer.Option("--power", min=0.5, max=0.99, help="Probability of finding the effect.")
    ] = 0.8,
    sd: Annotated[
        float | None,
        typer.Option("--sd", help="Residual standard deviation of a unit, to show effects in its units."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the table and a figure.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing folder.")] = False,
    format_: Annotated[
        Literal["text", "csv", "json"], typer.Option("--format", help="Form of the output.")
    ] = "text",
) -> int:
    """Show the smallest effect that a design can detect.

    For planning, before any data exist.

    By number of periods and autocorrelation, in residual standard deviations of one unit; a change of
    slope is per year. Units of other starts, masks or events have rows of their own. For the configured
    length also what is found by the question itself, with all units and interruptions tested. Nothing but
    the config is read.

    \b
    Examples:
      its-eval power configs/sample.yaml
      its-eval power config.yaml --sd 1.8 -o power
    """  # noqa: D301  (a backspace keeps the lines of the help apart)
    from its_eval.cli.table_result import deliver  # noqa: PLC0415  (start-up time)
    from its_eval.config import load_config  # noqa: PLC0415
    from its_eval.errors import UsageError  # noqa: PLC0415
    from its_eval.pipeline.design_power import design_power  # noqa: PLC0415
    from its_eval.report.write import require_free  # noqa: PLC0415

    if out is not None:
        require_free(out, force=force)
    if sd is not None and not sd > 0:
        raise UsageError(f"--sd {sd:g}: expected a standard deviation above 0")
    evaluation = design_power(load_config(config), power=target)
    table = evaluation.tables["power_curve"]
    if sd is not None:
        table["in_units"] = table["minimum_detectable"] * sd
        table["in_units_label"] = table["minimum_detectable_label"] * sd
    draw, show = partial(_draw, evaluation), partial(_print, evaluation, in_units=sd is not None)
    tables = evaluation.tables
    deliver(tables, [], source=config, out=out, draw=draw, form=format_, show=show, force=force)
    return 0


def _draw(evaluation: Evaluation, folder: Path) -> None:
    """Draw the power curves into a new folder."""
    from its_eval.figures.catalogue import draw, figure_tasks  # noqa: PLC0415  (start-up time)
    from its_eval.figures.style import save_figure  # noqa: PLC0415

    folder.mkdir()
    for task in figure_tasks(evaluation):
        figure, frame, stem = draw(evaluation, task)
        save_figure(figure, frame, folder, stem, ("svg", "png"))


def _print(evaluation: Evaluation, *, in_units: bool) -> None:
    """Print a block per outcome, design, start and estimand: rows are lengths, columns autocorrelations."""
    from rich.table import Table  # noqa: PLC0415  (start-up time)

    from its_eval.cli.console import data_console  # noqa: PLC0415
    from its_eval.words.labels import short_words  # noqa: PLC0415
    from its_eval.words.numbers import rounded  # noqa: PLC0415

    console = data_console()
    table = evaluation.tables["power_curve"]
    column = "in_units" if in_units else "minimum_detectable"
    several = table.groupby(["outcome", "design"])["unit"].nunique().max() > 1
    what = {"level_change": "jump", "slope_change": "change of slope per year"}
    keys = ["outcome", "design", "unit", "estimand"]
    for (outcome, design, unit, estimand), rows in table.groupby(keys, sort=False):
        about = evaluation.outcomes[str(outcome)]
        measure = str(about["unit"] or "units of the outcome") if in_units else "residual standard deviations"
        others = int(rows["n_units"].iloc[0]) - 1
        whom = f", {unit}{f' and {others} more' if others else ''}" if several else ""
        name = what.get(str(estimand), f"effect, {short_words(str(estimand), about)}")
        console.print(f"{about['label']}, {design}{whom}: smallest {name}, in {measure}")
        console.print(
            f"found with probability {rows['power'].iloc[0]:g} at level {rows['alpha'].iloc[0]:.3g}, "
            "by length and autocorrelation"
        )
        printed = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
        printed.add_column("periods before + from the start", no_wrap=True)
        values = sorted(set(rows["autocorrelation"]))
        for value in values:
            printed.add_column(f"{value:g}", justify="right", no_wrap=True)
        for (n_pre, n_post, configured), cells in rows.groupby(["n_pre", "n_post", "configured"]):
            by_value = cells.set_index("autocorrelation")
            mark = " (as configured)" if configured else ""
            numbers = by_value.loc[values, column]
            printed.add_row(f"{n_pre} + {n_post}{mark}", *map(rounded, numbers))
            labelled = by_value.loc[values, "in_units_label" if in_units else "minimum_detectable_label"]
            if labelled.notna().any():
                printed.add_row("  labelled, all units tested", *map(rounded, labelled))
        console.print(printed)
        if rows[column].isna().any():
            console.print("–: too few periods for this design")
        console.print()
