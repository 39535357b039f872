"""``its-eval calibrate``."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    import pandas as pd


def calibrate(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="Config to calibrate.", show_default=False)
    ],
    reps: Annotated[
        int, typer.Option("--reps", min=20, help="Simulated series per treated unit, design and truth.")
    ] = 1000,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Also write the table to this folder.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing result.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    format_: Annotated[
        Literal["text", "csv", "json"], typer.Option("--format", help="Form of the output.")
    ] = "text",
) -> int:
    """Measure size, coverage and power of the configured estimators on series like yours.

    Series are simulated from the fitted design (same periods, gaps, season, autocorrelation, weights) without
    an effect, then with one, and under worlds that the model does not know; real donors are tested too.
    A size above the nominal one means intervals that are too narrow.

    \b
    Examples:
      its-eval calibrate configs/sample.yaml
      its-eval calibrate config.yaml --reps 5000 --format csv > calibration.csv
    """  # noqa: D301  (a backspace keeps the lines of the help apart)
    from its_eval.cli.console import progress_bar  # noqa: PLC0415  (start-up time)
    from its_eval.cli.table_result import print_csv, print_json, write_result  # noqa: PLC0415
    from its_eval.config import load_config  # noqa: PLC0415
    from its_eval.pipeline.calibration import calibrate as run_calibration  # noqa: PLC0415
    from its_eval.report.write import require_free  # noqa: PLC0415

    loaded = load_config(config)
    if out is not None:
        require_free(out, force=force)
    with progress_bar(quiet=quiet) as progress:
        table = run_calibration(loaded, reps, progress)
    if out is not None:
        write_result(out, config, {"calibration": table}, [], None, force=force)
    if format_ == "csv":
        print_csv(table)
    elif format_ == "json":
        print_json({"calibration": table}, [])
    else:
        _print(table)
    return 0


def _print(table: pd.DataFrame) -> None:
    """Print size and power of each estimator side by side, a block per outcome and design."""
    from rich.table import Table  # noqa: PLC0415  (start-up time)

    from its_eval.cli.console import data_console  # noqa: PLC0415

    console = data_console()
    for (outcome, design), rows in table.groupby(["outcome", "design"], sort=False):
        nominal = 100.0 * float(rows["nominal"].iloc[0])
        console.print(f"{outcome}, {design}: false positives in per cent (nominal {nominal:g}), power beside")
        shown = Table(box=None, pad_edge=False)
        shown.add_column("truth")
        shown.add_column("estimand")
        labels = list(dict.fromkeys(rows["estimator"]))
        for label in labels:
            shown.add_column(str(label), justify="right")
        for (truth, estimand), cells in rows.groupby(["truth", "estimand"], sort=False):
            by_label = {str(row["estimator"]): row for row in cells.to_dict("records")}
            shown.add_row(str(truth), str(estimand), *(_cell(by_label.get(str(label))) for label in labels))
        console.print(shown)
        console.print()


def _cell(row: Mapping[Hashable, object] | None) -> str:
    if row is None:
        return "–"
    size, low, high, power = (
        100.0 * float(str(row[name])) for name in ("size", "size_low", "size_high", "power")
    )
    text = f"{size:.1f} ({low:.1f}–{high:.1f})"
    return text if power != power else f"{text}; {power:.0f}"  # noqa: PLR0124  (NaN)
