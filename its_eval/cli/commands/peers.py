"""``its-eval peers``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def peers(
    source: Annotated[
        Path | None,
        typer.Argument(metavar="SOURCE", help="Characteristics table, or a config.", show_default=False),
    ] = None,
    unit: Annotated[list[str] | None, typer.Option(help="For whom: a code, repeatable, or `all`.")] = None,
    unit_column: Annotated[str | None, typer.Option(help="Column of unit codes.")] = None,
    units: Annotated[Path | None, typer.Option(help="Table with names and types of the units.")] = None,
    number: Annotated[
        int | None, typer.Option("--peers", "-k", min=1, help="How many peers; default 10.")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="A published recipe; see --list-presets.")] = None,
    list_presets: Annotated[bool, typer.Option("--list-presets", help="List the recipes and stop.")] = False,
    variables: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES", help="Use these variables only; commas or repeated. Text counts as a category."
        ),
    ] = None,
    weight: Annotated[
        list[str] | None, typer.Option(metavar="NAME=W", help="Weight of a variable. Repeatable.")
    ] = None,
    scale: Annotated[
        Literal["zscore", "minmax", "robust", "none"] | None, typer.Option(help="Scaling; default zscore.")
    ] = None,
    metric: Annotated[
        Literal["euclidean", "mahalanobis"] | None, typer.Option(help="Distance; default euclidean.")
    ] = None,
    log: Annotated[
        list[str] | None, typer.Option(metavar="NAMES", help="Skewed variables to compare by logarithm.")
    ] = None,
    missing: Annotated[
        Literal["available", "zero", "refuse"] | None,
        typer.Option(help="What a missing cell means; default available."),
    ] = None,
    within: Annotated[
        list[str] | None, typer.Option(metavar="COL", help="Peers agree on this column of --units.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="Never a peer. Repeatable.")
    ] = None,
    caliper: Annotated[
        str | None, typer.Option(metavar="D", help="Largest distance, or p90 of the pool's k-th nearest.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="What each variable adds to each distance.")
    ] = False,
    stability: Annotated[
        bool, typer.Option("--stability", help="Which peers stay under other choices.")
    ] = False,
    format_: Annotated[
        Literal["text", "csv", "json"], typer.Option("--format", help="Output form.")
    ] = "text",
) -> None:
    """Show the nearest units by characteristics, and why.

    \b
    Examples:
      its-eval peers characteristics.csv --unit ABC -k 5
      its-eval peers appendix_a.csv --unit RR8 --preset nhs-trust-peer-finder --explain
      its-eval peers config.yaml --unit all --stability
      its-eval peers config.yaml --unit all --format csv > peers.csv
    """  # noqa: D301  (a backspace keeps the lines of the help apart)
    from its_eval.cli.peer_text import print_peers, print_presets  # noqa: PLC0415  (start-up time)
    from its_eval.errors import UsageError  # noqa: PLC0415

    if list_presets:
        print_presets()
        return
    from its_eval.cli.peer_search import PeerQuestion, peers_of_table  # noqa: PLC0415

    if source is None or not unit:
        raise UsageError("needs a SOURCE and --unit", "its-eval peers --help shows examples")
    if variables and not _names(variables):
        raise UsageError(f"--variables {','.join(variables)!r} names no variable")
    if explain and stability and format_ == "csv":
        raise UsageError("--explain and --stability are two tables, and CSV holds one", "take one of the two")
    if source.suffix in (".yaml", ".yml"):
        chosen = (unit_column, units, number, preset, variables, weight, scale, metric)
        if any(value is not None for value in (*chosen, log, missing, within, exclude, caliper)):
            raise UsageError(
                f"{source} is a config, and the config rules: only --unit, --explain, --stability and "
                "--format go with it",
                "change `peers` in the config, or give its characteristics table as SOURCE",
            )
        # what plans a run is not needed for a table, and takes its time to load
        from its_eval.cli.peer_search import peers_of_config  # noqa: PLC0415

        answer = peers_of_config(source, unit, stability=stability, explain=explain)
    else:
        asked = PeerQuestion(
            units=tuple(unit),
            unit_column=unit_column,
            units_path=units,
            k=number or 10,
            preset=preset,
            variables=_names(variables) if variables else None,
            weights=_weights(weight or []),
            scale=scale,
            metric=metric,
            missing=missing,
            log=_names(log or []),
            within=tuple(within or ()),
            exclude=tuple(exclude or ()),
            caliper=_caliper(caliper),
            stability=stability,
        )
        answer = peers_of_table(source, asked)
    print_peers(answer, format_, explain=explain)
    if format_ == "csv":
        for caution in answer.cautions:
            typer.echo(f"note: {caution}", err=True)


def _names(texts: list[str]) -> tuple[str, ...]:
    """Return the names in a list with commas; two spellings of one variable count once."""
    from its_eval.data.tables import normalise_name  # noqa: PLC0415

    names = (name.strip() for text in texts for name in text.split(","))
    return tuple({normalise_name(name): name for name in names if name}.values())


def _weights(texts: list[str]) -> dict[str, float]:
    from its_eval.errors import UsageError  # noqa: PLC0415

    weights: dict[str, float] = {}
    for text in texts:
        name, separator, value = text.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not separator or not name.strip() or not 0 <= number < float("inf"):
            raise UsageError(
                f"--weight {text!r}: expected NAME=W with W a number of 0 or more, e.g. --weight Urban=2"
            )
        weights[name.strip()] = number
    return weights


def _caliper(text: str | None) -> float | str | None:
    """Return a caliper by the rule of the config."""
    if text is None:
        return None
    from its_eval.config.faults import CustomError  # noqa: PLC0415
    from its_eval.config.peers import read_caliper  # noqa: PLC0415
    from its_eval.errors import UsageError  # noqa: PLC0415

    try:
        return read_caliper(text)
    except CustomError as error:
        raise UsageError(f"--caliper {error.message()}") from None
