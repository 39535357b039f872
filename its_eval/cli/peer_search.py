"""The peers that a command line asks for, from a table of characteristics or from a config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from its_eval.data.attributes import Units, load_characteristics, load_units
from its_eval.data.tables import code_column, nearest, read_table
from its_eval.errors import UsageError
from its_eval.peers.balance import type_notes
from its_eval.peers.distance import caliper_distance
from its_eval.peers.pool import Pool
from its_eval.peers.recipes import PRESETS, MetricName, MissingRule, ScaleName, recipe_for
from its_eval.peers.scaling import scale_characteristics
from its_eval.peers.select import PeerSet, select_all

if TYPE_CHECKING:
    from pathlib import Path

    from its_eval.peers.distance import Scaled
    from its_eval.pipeline.plan import OutcomePlan
    from its_eval.pipeline.variants import StabilityOfUnit


_CODE_NAMES = frozenset({"unit", "code", "unit_code", "trust_code", "org_code", "procode"})
_NAME_NAMES = frozenset({"name", "unit_name", "trust_name", "org_name"})
_TYPE_NAMES = frozenset({"type", "org_type", "unit_type", "trust_type"})


class PeerQuestion(Struct, frozen=True):
    """What was asked of a table of characteristics.

    Attributes
    ----------
    units : tuple of str
        For whom; ``("all",)`` for every unit.
    unit_column : str or None
        Column of codes; recognised when None.
    units_path : Path or None
        Table of names and types.
    k : int
        Number of peers.
    preset : str or None
        A published recipe, which brings all of the following.
    variables, weights, scale, metric, missing, log
        As in a config.
    within, exclude : tuple of str
        Columns to agree on, and units that are never peers.
    caliper : float, str or None
        Largest distance, or a percentile such as ``p90``.
    stability : bool
        Whether other choices are tried too.
    """

    units: tuple[str, ...]
    unit_column: str | None = None
    units_path: Path | None = None
    k: int = 10
    preset: str | None = None
    variables: tuple[str, ...] | None = None
    weights: dict[str, float] = field(default_factory=dict)
    scale: ScaleName | None = None
    metric: MetricName | None = None
    missing: MissingRule | None = None
    log: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    caliper: float | str | None = None
    stability: bool = False


class Answer(Struct, frozen=True):
    """Peers, and what is known of them.

    Attributes
    ----------
    sets : list of PeerSet
        One per unit.
    units : Units
        Names and types.
    k : int or None
        How many were asked for; None for all.
    notes : list of str
        Sentences for a reader, about all units.
    stability : list of StabilityOfUnit
        Where asked for.
    donor_weights : list of mapping
        Rows of the table of that name, where reasons are asked for and a design weighs donors.
    cautions : list of str
        Those of the notes without which the list itself would mislead, such as a script that reads CSV.
    own_notes : dict of str to list of str
        Sentences about one unit.
    """

    sets: list[PeerSet]
    units: Units
    k: int | None
    notes: list[str]
    stability: list[StabilityOfUnit] = field(default_factory=list)
    donor_weights: list[Mapping[str, Any]] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)
    own_notes: dict[str, list[str]] = field(default_factory=dict)


def peers_of_table(source: Path, asked: PeerQuestion) -> Answer:
    """Search the peers of units in a table of characteristics.

    Raises
    ------
    UsageError
        For a preset, column or code that is not there.
    DataError
        When the table is faulty.
    """
    if asked.preset is not None and asked.preset not in PRESETS:
        raise UsageError(
            f"--preset {asked.preset!r}: there is no such preset; {nearest(asked.preset, PRESETS)}"
        )
    own = (asked.variables, asked.weights, asked.scale, asked.metric, asked.missing, asked.log)
    if asked.preset is not None and any(own):
        raise UsageError(
            "--preset brings its own variables and weights; leave --variables, --weight, --scale, --metric, "
            "--missing and --log out"
        )
    recipe = recipe_for(
        asked.preset,
        asked.variables,
        asked.weights,
        asked.missing or "available",
        asked.scale or "zscore",
        asked.metric or "euclidean",
        asked.log,
    )
    preset = PRESETS[asked.preset] if asked.preset is not None else None
    units = Units() if asked.units_path is None else _load_units(asked.units_path)
    _require_columns(asked.within, units, asked.units_path)
    column = asked.unit_column or (preset.unit_column if preset is not None else None)
    variables = None if recipe.weights is None else list(recipe.weights)
    table = load_characteristics(source, column or code_column(source), variables)
    scaled = scale_characteristics(table, recipe, str(source))
    codes = _chosen(asked.units, scaled)
    _require_codes("--exclude", asked.exclude, scaled)
    pool = Pool(dict.fromkeys(asked.exclude, "excluded"), asked.within, units)
    calipers = [caliper_distance(asked.caliper, scaled, code, asked.k) for code in codes]
    sets = select_all(codes, scaled, asked.k, pool, calipers)
    notes = [*scaled.constant, *scaled.notes]
    if preset is not None and preset.dated:
        notes.append(f"The characteristics of the {preset.title} describe {preset.dated}.")
    answer = Answer(sets, units, asked.k, notes, own_notes=_own_notes(sets, units))
    if asked.stability:
        answer.stability.extend(_stability(sets, scaled))
    return answer


def _own_notes(sets: Sequence[PeerSet], units: Units) -> dict[str, list[str]]:
    return {chosen.unit: type_notes(chosen.unit, chosen, units) for chosen in sets}


def _stability(sets: Sequence[PeerSet], scaled: Scaled) -> list[StabilityOfUnit]:
    from its_eval.peers.stability import other_scalings, stability  # noqa: PLC0415  (start-up time)
    from its_eval.pipeline.variants import StabilityOfUnit  # noqa: PLC0415

    found = [chosen for chosen in sets if chosen.peers]
    return [
        StabilityOfUnit(chosen, alternatives, None, (None,) * len(alternatives))
        for chosen, alternatives in zip(found, stability(found, other_scalings(scaled)), strict=True)
    ]


def _load_units(path: Path) -> Units:
    """Read a units table of any common layout: the columns of codes and names are recognised."""
    names = [str(name) for name in read_table(path).columns]
    code = next((name for name in names if name.casefold() in _CODE_NAMES), names[0])
    mapping = {"unit": code}
    for key, usual in (("name", _NAME_NAMES), ("type", _TYPE_NAMES)):
        column = next((name for name in names if name.casefold() in usual and name != code), None)
        if column is not None:
            mapping[key] = column
    return load_units(path, mapping)


def _require_columns(within: tuple[str, ...], units: Units, path: Path | None) -> None:
    """Refuse a column that the units table does not have: no unit at all would agree on it."""
    if within and path is None:
        raise UsageError("--within needs --units, the table with the column")
    for name in within:
        if units.column(name) is None:
            raise UsageError(f"--within {name!r}: {path} has no such column; {nearest(name, units.columns)}")


def _require_codes(option: str, codes: tuple[str, ...], scaled: Scaled) -> None:
    """Refuse codes that the table does not have."""
    unknown = [code for code in codes if code not in scaled.places]
    if unknown:
        every = sorted(scaled.units)
        lines = (f"{option} {code!r} is not in the table; {nearest(code, every)}" for code in unknown)
        raise UsageError("\n".join(lines))


def _chosen(asked: tuple[str, ...], scaled: Scaled) -> list[str]:
    if asked == ("all",):
        return sorted(scaled.units)
    _require_codes("--unit", asked, scaled)
    return list(dict.fromkeys(asked))


def peers_of_config(source: Path, asked: Sequence[str], *, stability: bool, explain: bool = False) -> Answer:
    """Return the peers that a run of a config would use, those of its first outcome with data.

    Raises
    ------
    UsageError
        When the config has no peers, or a unit is not treated.
    """
    from its_eval.config import load_config  # noqa: PLC0415  (start-up time)
    from its_eval.pipeline.notes import dated_after  # noqa: PLC0415  (start-up time)
    from its_eval.pipeline.planning import make_plan  # noqa: PLC0415  (start-up time)
    from its_eval.pipeline.sources import load_sources  # noqa: PLC0415  (start-up time)
    from its_eval.pipeline.variants import peer_stability  # noqa: PLC0415  (start-up time)

    config = load_config(source)
    if config.peers is None:
        raise UsageError(f"{source} has no `peers`", "add `peers:` to the config")
    sources = load_sources(config)
    plan = make_plan(config, sources)
    codes = list(plan.treated) if list(asked) == ["all"] else list(dict.fromkeys(asked))
    sets = []
    for code in codes:
        if code not in plan.treated:
            raise UsageError(f"--unit {code!r} is not treated in {source}; {nearest(code, plan.treated)}")
        sets += [
            chosen_set
            for outcome in plan.outcomes[:1]
            if (chosen_set := outcome.peer_sets.get(code)) is not None
        ]
    k = None if config.peers.k == "all" else int(config.peers.k)
    cautions = _cautions(plan.outcomes, codes)
    scalings = [chosen.scaled for chosen in sets if chosen.scaled]
    notes = list(dict.fromkeys(note for found in scalings for note in (*found.constant, *found.notes)))
    notes += dated_after(config, plan.outcomes)
    own = _own_notes(sets, sources.units)
    answer = Answer(sets, sources.units, k, [*cautions, *notes], cautions=cautions, own_notes=own)
    if stability:
        answer.stability.extend(peer_stability(config, sources, plan.outcomes[0], codes))
    if explain:
        from its_eval.pipeline.tables import donor_weights  # noqa: PLC0415  (start-up time)

        answer.donor_weights.extend(donor_weights(plan.outcomes[0], codes, config.designs))
    return answer


def _cautions(outcomes: Sequence[OutcomePlan], codes: Sequence[str]) -> list[str]:
    """Return the units that have no peers, and the outcomes for which peers are others than those shown."""
    first, *others = outcomes
    cautions = []
    for code in codes:
        if code not in first.peer_sets or not first.peer_sets[code].peers:
            why = first.no_peers.get(code, f"{code} has no data for {first.outcome.indicator}")
            cautions.append(f"{first.outcome.label}, {code}: {why}.")
    differing = [
        outcome.outcome.label
        for outcome in others
        if any(_peers(outcome, code) != _peers(first, code) for code in codes)
    ]
    if differing:
        named = ", ".join(differing)
        cautions.append(
            f"These are the peers for {first.outcome.label}. For {named} some are others; "
            "the table `peers` of a run has those of every outcome."
        )
    return cautions


def _peers(outcome: OutcomePlan, code: str) -> tuple[str, ...]:
    chosen = outcome.peer_sets.get(code)
    return () if chosen is None else chosen.peers
