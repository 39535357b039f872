"""``its-eval peers``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from its_eval.data.attributes import Units
    from its_eval.peers.distance import DistanceRecipe, Scaled
    from its_eval.peers.presets import MissingRule, Preset
    from its_eval.peers.select import PeerSet


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
        list[str] | None, typer.Option(metavar="NAMES", help="Use these variables only; commas or repeated.")
    ] = None,
    weight: Annotated[
        list[str] | None, typer.Option(metavar="NAME=W", help="Weight of a variable. Repeatable.")
    ] = None,
    scale: Annotated[
        Literal["zscore", "minmax", "robust", "none"] | None, typer.Option(help="Scaling.")
    ] = None,
    metric: Annotated[Literal["euclidean", "mahalanobis"] | None, typer.Option(help="Distance.")] = None,
    within: Annotated[
        list[str] | None, typer.Option(metavar="COL", help="Peers agree on this column of --units.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="Never a peer. Repeatable.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="What each variable adds to each distance.")
    ] = False,
    format_: Annotated[
        Literal["text", "csv", "json"], typer.Option("--format", help="Output form.")
    ] = "text",
) -> None:
    """Show the nearest units by Euclidean distance on standardised characteristics.

    \b
    Examples:
      its-eval peers characteristics.csv --unit ABC -k 5
      its-eval peers appendix_a.csv --unit RR8 --preset nhs-trust-peer-finder --explain
      its-eval peers config.yaml --unit all --format csv
    """  # noqa: D301  (a backspace keeps the lines of the help apart)
    from its_eval.cli.peer_tables import print_peers, print_presets  # noqa: PLC0415  (start-up time)
    from its_eval.errors import UsageError  # noqa: PLC0415

    if list_presets:
        print_presets()
        return
    if source is None or not unit:
        raise UsageError("needs a SOURCE and --unit", "its-eval peers --help shows examples")
    if source.suffix in (".yaml", ".yml"):
        science = (unit_column, units, number, preset, variables, weight, scale, metric, within, exclude)
        if any(value is not None for value in science):
            raise UsageError(
                f"{source} is a config, and the config rules: only --unit, --explain and --format go with it",
                "change `peers` in the config, or give its characteristics table as SOURCE",
            )
        sets, known = _from_config(source, unit)
    else:
        if scale not in (None, "zscore") or metric not in (None, "euclidean"):
            asked = f"--scale {scale}" if scale not in (None, "zscore") else f"--metric {metric}"
            raise UsageError(
                f"{asked} is not available in this version; there are --scale zscore and --metric euclidean"
            )
        sets, known = _from_table(
            source,
            tuple(unit),
            unit_column,
            units,
            number or 10,
            preset,
            _names(variables) if variables else None,
            _weights(weight or []),
            tuple(within or ()),
            tuple(exclude or ()),
        )
    print_peers(sets, known, format_, explain=explain)


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


def _recipe(
    preset: Preset | None, variables: tuple[str, ...] | None, weights: dict[str, float]
) -> DistanceRecipe:
    from its_eval.errors import UsageError  # noqa: PLC0415
    from its_eval.peers.distance import recipe_for  # noqa: PLC0415

    if preset is not None and (variables or weights):
        raise UsageError("--preset brings its own variables and weights; leave --variables and --weight out")
    missing: MissingRule = "available"
    if weights and variables is None:
        # a weight alone changes one variable among all
        return recipe_for(None, None, {}, missing)
    return recipe_for(preset.name if preset else None, variables, weights, missing)


def _from_table(
    source: Path,
    wanted: tuple[str, ...],
    unit_column: str | None,
    units_path: Path | None,
    k: int,
    preset_name: str | None,
    variables: tuple[str, ...] | None,
    weights: dict[str, float],
    within: tuple[str, ...],
    exclude: tuple[str, ...],
) -> tuple[list[PeerSet], Units]:
    from its_eval.data.attributes import Units, load_characteristics  # noqa: PLC0415
    from its_eval.data.tables import nearest  # noqa: PLC0415
    from its_eval.errors import UsageError  # noqa: PLC0415
    from its_eval.peers.distance import DistanceRecipe, scale_characteristics  # noqa: PLC0415
    from its_eval.peers.presets import PRESETS  # noqa: PLC0415
    from its_eval.peers.select import select_peers, within_reasons  # noqa: PLC0415

    if preset_name is not None and preset_name not in PRESETS:
        raise UsageError(
            f"--preset {preset_name!r}: there is no such preset; {nearest(preset_name, PRESETS)}"
        )
    preset = PRESETS[preset_name] if preset_name is not None else None
    recipe = _recipe(preset, variables, weights)
    known = Units() if units_path is None else _load_units(units_path)
    _require_columns(within, known, units_path)
    column = unit_column or (preset.unit_column if preset is not None else None)
    asked = None if recipe.weights is None else list(recipe.weights)
    table = load_characteristics(source, column or _unit_column(source), asked)
    if recipe.weights is None and weights:
        merged = dict.fromkeys(table.variables, 1.0)
        for name, value in weights.items():
            merged[_matching(name, table.variables)] = value
        recipe = DistanceRecipe(merged, recipe.missing)
    scaled = scale_characteristics(table, recipe, str(source))
    chosen = _chosen(wanted, scaled)
    _require_codes("--exclude", exclude, scaled)
    sets = []
    for code in chosen:
        reasons = within_reasons(code, scaled.units, within, known) | dict.fromkeys(exclude, "excluded")
        sets.append(select_peers(code, scaled, k, reasons))
    return sets, known


def _matching(name: str, variables: tuple[str, ...]) -> str:
    from its_eval.data.tables import find_column  # noqa: PLC0415

    return find_column(variables, name, "--weight")


def _unit_column(source: Path) -> str:
    """Return the column of codes when none is named: ``unit``, else the first one."""
    from its_eval.data.tables import normalise_name, read_table  # noqa: PLC0415

    names = [str(name) for name in read_table(source).columns]
    return next((name for name in names if normalise_name(name) == "unit"), names[0])


def _load_units(path: Path) -> Units:
    """Read a units table of any common layout: the columns of codes and names are recognised."""
    from its_eval.data.attributes import load_units  # noqa: PLC0415
    from its_eval.data.tables import read_table  # noqa: PLC0415

    names = [str(name) for name in read_table(path).columns]
    code = next((name for name in names if name.casefold() in _CODE_NAMES), names[0])
    mapping = {"unit": code}
    for key, known in (("name", _NAME_NAMES), ("type", _TYPE_NAMES)):
        found = next((name for name in names if name.casefold() in known and name != code), None)
        if found is not None:
            mapping[key] = found
    return load_units(path, mapping)


_CODE_NAMES = frozenset({"unit", "code", "unit_code", "trust_code", "org_code", "procode"})
_NAME_NAMES = frozenset({"name", "unit_name", "trust_name", "org_name"})
_TYPE_NAMES = frozenset({"type", "org_type", "unit_type", "trust_type"})


def _require_columns(within: tuple[str, ...], known: Units, path: Path | None) -> None:
    """Refuse a column that the units table does not have: no unit at all would agree on it."""
    from its_eval.data.tables import nearest  # noqa: PLC0415
    from its_eval.errors import UsageError  # noqa: PLC0415

    if within and path is None:
        raise UsageError("--within needs --units, the table with the column")
    for name in within:
        if known.column(name) is None:
            raise UsageError(f"--within {name!r}: {path} has no such column; {nearest(name, known.columns)}")


def _require_codes(option: str, codes: tuple[str, ...], scaled: Scaled) -> None:
    """Refuse codes that the table does not have."""
    from its_eval.data.tables import nearest  # noqa: PLC0415
    from its_eval.errors import UsageError  # noqa: PLC0415

    every = sorted(scaled.units)
    unknown = [code for code in codes if code not in scaled.units]
    if unknown:
        lines = (f"{option} {code!r} is not in the table; {nearest(code, every)}" for code in unknown)
        raise UsageError("\n".join(lines))


def _chosen(wanted: tuple[str, ...], scaled: Scaled) -> list[str]:
    if wanted == ("all",):
        return sorted(scaled.units)
    _require_codes("--unit", wanted, scaled)
    return list(dict.fromkeys(wanted))


def _from_config(source: Path, wanted: list[str]) -> tuple[list[PeerSet], Units]:
    """Return the peers that a run of the config would use, those of its first outcome with data."""
    from its_eval.config import load_config  # noqa: PLC0415
    from its_eval.data.tables import nearest  # noqa: PLC0415
    from its_eval.errors import UsageError  # noqa: PLC0415
    from its_eval.pipeline.planning import make_plan  # noqa: PLC0415
    from its_eval.pipeline.sources import load_sources  # noqa: PLC0415

    config = load_config(source)
    if config.peers is None:
        raise UsageError(f"{source} has no `peers`", "add `peers:` to the config")
    sources = load_sources(config)
    plan = make_plan(config, sources)
    codes = list(plan.treated) if wanted == ["all"] else list(dict.fromkeys(wanted))
    sets = []
    for code in codes:
        if code not in plan.treated:
            raise UsageError(f"--unit {code!r} is not treated in {source}; {nearest(code, plan.treated)}")
        sets += [found for outcome in plan.outcomes[:1] if (found := outcome.peer_sets.get(code)) is not None]
    return sets, sources.units
