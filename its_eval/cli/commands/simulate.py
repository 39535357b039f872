"""``its-eval simulate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def simulate(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="Config with `simulation`.", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="File of the series: .csv or .parquet.", show_default=False)
    ],
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Instead of the seed of the config.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
) -> int:
    """Make up series with a planted effect, from a config alone.

    Nothing but the config is read. Its key `simulation` says what level, season, errors and effect the series
    have, the rest of it which units and periods. The file is one that `its-eval run` reads with the same
    config; beside it, FILE_truth has the effects that a run should find. One seed gives the same bytes.

    \b
    Examples:
      its-eval simulate study.yaml -o indicators.csv
      its-eval simulate study.yaml -o many/series_2.parquet --seed 2
    """  # noqa: D301  (a backspace keeps the lines of the help apart)
    from its_eval.config import load_config  # noqa: PLC0415  (start-up time)
    from its_eval.importers.collect import require_free_file, write_table  # noqa: PLC0415
    from its_eval.pipeline.simulated_panel import simulate_panel  # noqa: PLC0415

    loaded = load_config(config)
    truth = out.with_name(f"{out.stem}_truth{out.suffix}")
    for target in (out, truth):
        require_free_file(target, force=force)
    if seed is not None:
        loaded = loaded.model_copy(update={"seed": seed})
    made = simulate_panel(loaded)
    write_table(made.indicators, out, force=force)
    write_table(made.truth, truth, force=force)
    typer.echo(str(out))
    typer.echo(str(truth))
    return 0
