"""``its-eval calibrate``."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

#: Labels of estimators are folded to this width.
LONGEST_LABEL = 24


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
    """Measure size, coverage and power on series like yours.

    Series are simulated from the fitted design (same periods, gaps, season, autocorrelation; fresh counts of
    the denominators of a percentage, weights estimated again) without an effect, then with one, and under
    worlds that the model does not know, drift and bent trends among them; real donors are tested too, and
    how often a label would say of a change. A size above the nominal one means intervals that are too narrow.

    \b
    Examples:
      its-eval calibrate configs/sample.yaml
      its-eval calibrate config.yaml --reps 5000 --format csv > calibration.csv
    """  # noqa: D301  (a backspace keeps the lines of the help apart)
    from its_eval.cli.progress import progress_bar  # noqa: PLC0415  (start-up time)
    from its_eval.cli.table_result import deliver  # noqa: PLC0415
    from its_eval.config import load_config  # noqa: PLC0415
    from its_eval.pipeline.calibration import calibrate as run_calibration  # noqa: PLC0415
    from its_eval.report.write import require_free  # noqa: PLC0415

    loaded = load_config(config)
    if out is not None:
        require_free(out, force=force)
    with progress_bar(quiet=quiet) as progress:
        table = run_calibration(loaded, reps, progress)
    tables = {"calibration": table}
    show = partial(_print, table)
    deliver(tables, [], source=config, out=out, draw=None, form=format_, show=show, force=force)
    return 0


def _print(table: pd.DataFrame) -> None:
    """Print a block per outcome, design and estimand: truths down, estimators side by side."""
    from its_eval.cli.console import data_console  # noqa: PLC0415  (start-up time)

    console = data_console()
    words = {
        "level_change": "jump",
        "slope_change": "change of slope",
        "label_changed": "label says of a change",
        "label_changed_more": "label says of a change that other units do not have",
    }
    blocks = table.groupby(["outcome", "design", "estimand"], sort=False)
    for (outcome, design, estimand), rows in blocks:
        nominal = 100.0 * float(rows["nominal"].iloc[0])
        console.print(f"{outcome}, {design}, {words.get(str(estimand), str(estimand))}")
        console.print(f"found where there is none, % of series (95 % limits), nominal {nominal:g}; power, %")
        cells = {(str(row["truth"]), str(row["estimator"])): _cell(row) for row in rows.to_dict("records")}
        truths = [str(truth) for truth in dict.fromkeys(rows["truth"])]
        labels = [str(label) for label in dict.fromkeys(rows["estimator"])]
        for group in _side_by_side(labels, list(cells.values()), max(map(len, truths))):
            _print_columns(console, truths, group, cells)
        console.print()


def _side_by_side(labels: Sequence[str], cells: Sequence[str], taken: int) -> list[list[str]]:
    """Return the estimators in groups that fit beside each other into a line."""
    from its_eval.cli.console import WIDTH  # noqa: PLC0415  (start-up time)

    widest = max(map(len, cells))
    groups: list[list[str]] = []
    room = 0
    for label in labels:
        needed = 2 + max(widest, min(len(label), LONGEST_LABEL))
        if not groups or needed > room:
            groups.append([])
            room = WIDTH - taken
        groups[-1].append(label)
        room -= needed
    return groups


def _print_columns(
    console: Console, truths: Sequence[str], labels: Sequence[str], cells: Mapping[tuple[str, str], str]
) -> None:
    from rich.table import Table  # noqa: PLC0415  (start-up time)

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("simulated errors", no_wrap=True)
    for label in labels:
        table.add_column(label, justify="right", overflow="fold", max_width=max(LONGEST_LABEL, 21))
    for truth in truths:
        table.add_row(truth, *(cells.get((truth, label), "–") for label in labels))
    console.print(table)


def _cell(row: Mapping[Hashable, object]) -> str:
    size, low, high, power = (
        100.0 * float(str(row[name])) for name in ("size", "size_low", "size_high", "power")
    )
    text = f"{size:.1f} ({low:.1f}–{high:.1f})"
    return text if math.isnan(power) else f"{text}; {power:.0f}"
