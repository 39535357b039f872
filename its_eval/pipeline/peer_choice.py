"""Choosing the peers of an outcome: who may serve, and who is set aside and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

from its_eval.config.outcomes import listed_as, source_names
from its_eval.data.successors import NOT_COMBINED
from its_eval.design.matrix import usable_periods
from its_eval.errors import DataError
from its_eval.peers.balance import outcome_balance, pre_period_characteristics
from its_eval.peers.distance import caliper_distance
from its_eval.peers.histories import histories
from its_eval.peers.pool import Donors, Pool
from its_eval.peers.recipes import DistanceRecipe
from its_eval.peers.scaling import scale_characteristics
from its_eval.peers.select import (
    PeerSet,
    coverage_reasons,
    given_peers,
    lifetime_reasons,
    select_all,
)
from its_eval.scales import SCALES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from its_eval.config import Config, Outcome
    from its_eval.data.panel import Panel
    from its_eval.design.matrix import Interruption
    from its_eval.peers.balance import Balance
    from its_eval.peers.distance import Scaled
    from its_eval.pipeline.plan import OutcomePlan, Treatment
    from its_eval.pipeline.sources import Sources


#: Units that matching on the outcome needs.
LEAST_UNITS = 3


class PeerChoice(Struct, frozen=True):
    """Peers of the treated units of one outcome.

    Attributes
    ----------
    peer_sets : mapping of str to PeerSet
        By treated unit.
    missing : mapping of str to str
        Treated units without peers and why.
    donors : mapping of str to tuple of str
        By treated unit: every candidate that may serve, sorted.
    """

    peer_sets: Mapping[str, PeerSet] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    donors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def donor_pool(config: Config, sources: Sources, treatment: Treatment) -> set[str]:
    """Return every unit that may serve as a peer."""
    if config.peers is None:
        return set()
    settings = config.peers
    pool = {
        peer
        for lists in (settings.given, *settings.given_by_outcome.values())
        for peers in lists.values()
        for peer in peers
    }
    # given lists say who the peers are; who may be a donor of a placebo is as wide as in a search, so that
    # the peers of a run, fed back as given, bring the same ranks
    if sources.scaled is not None:
        pool |= set(sources.scaled.units)
    elif settings.match == "pre_period" or settings.k == "all":
        pool |= set(sources.rows.frame["unit"].unique()) - {""}
    return pool - treatment.barred


def candidates_of(config: Config, sources: Sources, treatment: Treatment) -> tuple[str, ...]:
    """Return every unit of which it is said whether it can be a peer: donors and treated units, sorted."""
    return tuple(sorted(donor_pool(config, sources, treatment) | treatment.barred | {*treatment.units}))


def choose_peers(
    config: Config,
    sources: Sources,
    outcome: Outcome,
    panel: Panel,
    treatment: Treatment,
    interruptions: Mapping[str, Interruption],
    masked: NDArray[np.bool_],
) -> PeerChoice:
    """Choose the peers of every treated unit of an outcome.

    `interruptions` holds T0 of every treated unit: with staggered starts, a candidate needs data before and
    after the start of the unit that it would be a peer of.
    """
    settings = config.peers
    if settings is None:
        return PeerChoice()
    candidates = candidates_of(config, sources, treatment)
    given = settings.given_for(listed_as(outcome), outcome.name)
    k = None if settings.k == "all" else int(settings.k)
    by_start: dict[Interruption, list[str]] = {}
    for unit in treatment.units:
        if unit in panel.places:
            by_start.setdefault(interruptions[unit], []).append(unit)
    found: dict[str, PeerSet] = {}
    missing: dict[str, str] = {}
    pools: dict[str, Pool] = {}
    lifetimes = _lifetimes(config, sources, panel) if by_start else {}
    parts = {
        item.unit: f"the values of {item.value} cannot be added up"
        for item in sources.rows.findings
        if item.check == NOT_COMBINED and item.indicator in source_names(outcome)
    }
    for start, units in by_start.items():
        judged = masked
        if sources.cut == "everyone":
            # what came after the start of this unit is seen where another one starts later
            judged = masked | (np.arange(panel.n_periods) >= start.start)
        reasons = lifetimes | ineligible(config, outcome, panel, candidates, start, judged)
        reasons |= parts | dict.fromkeys(treatment.barred, "treated itself")
        pool = Pool(reasons, settings.within, sources.units)
        pools |= dict.fromkeys(units, pool)
        scaled = sources.scaled
        if settings.match == "pre_period":
            scaled = _pre_period(config, outcome, panel, start, masked)
        found |= {unit: given_peers(unit, given[unit], scaled, pool) for unit in units if unit in given}
        searched = [unit for unit in units if unit not in given]
        if scaled is not None:
            known = [unit for unit in searched if unit in scaled.places]
            calipers = [caliper_distance(settings.caliper, scaled, unit, k) for unit in known]
            found |= {item.unit: item for item in select_all(known, scaled, k, pool, calipers)}
        elif settings.k == "all":
            for unit in searched:
                others = tuple(code for code in candidates if code != unit)
                found[unit] = given_peers(unit, others, None, pool)
        table = "the characteristics table" if settings.match == "characteristics" else "the pre-period data"
        missing |= {
            unit: f"{unit} is not in {table}, so it has no peers; list them under peers.given"
            for unit in searched
            if unit not in found
        }
    missing |= {unit: _nobody(unit, chosen) for unit, chosen in found.items() if not chosen.peers}
    in_order = [unit for unit in treatment.units if unit in pools]
    return PeerChoice(
        {unit: found[unit] for unit in in_order if unit in found},
        {unit: missing[unit] for unit in in_order if unit in missing},
        Donors({unit: pools[unit] for unit in in_order}, candidates),
    )


def _nobody(unit: str, chosen: PeerSet) -> str:
    """Return why a unit has no peers: nothing is known by which it could be compared, or nobody qualifies."""
    scaled = chosen.scaled
    if scaled is not None and unit in scaled.places and np.isnan(scaled.scaled[scaled.places[unit]]).all():
        return (
            f"all characteristics of {unit} itself are missing, so nobody can be compared with it; "
            "fill them in, or list its peers under peers.given"
        )
    return f"no candidate can serve as a peer of {unit}; see peer_exclusions"


def _lifetimes(config: Config, sources: Sources, panel: Panel) -> dict[str, str]:
    """Return the units that were not one organisation throughout the window, and why."""
    table = config.data.units
    window = (panel.start, panel.start + panel.n_periods - 1)
    combined = bool(config.data.successions) or (table is not None and table.mergers == "combine")
    return lifetime_reasons(sources.lifetimes, window, panel.calendar, combined=combined)


def _pre_period(
    config: Config, outcome: Outcome, panel: Panel, start: Interruption, masked: NDArray[np.bool_]
) -> Scaled:
    """Return level and trend before a start, over all units with data for both; or whole histories."""
    settings = config.peers
    before = _before(panel, start, masked)
    on_link = SCALES[outcome.transform].to(panel.values, panel.denominators)
    where = f"{outcome.indicator} before the start"
    recipe = DistanceRecipe()
    if settings is not None:
        if settings.metric == "correlation":
            places = np.flatnonzero(before).tolist()
            periods = tuple(panel.calendar.format(panel.start + place) for place in places)
            # a level of nothing has no logarithm
            values = np.where(np.isfinite(on_link), on_link, np.nan)
            return histories(values[before], panel.units, periods, where)
        recipe = DistanceRecipe(scale=settings.scale, metric=settings.metric)
    table = pre_period_characteristics(on_link[before], panel.units)
    known = np.flatnonzero(~np.isnan(table.values).any(axis=1))
    kept = tuple(panel.units[row] for row in known)
    if len(kept) < LEAST_UNITS:
        what = f"{len(kept)} units have three values before the start"
        raise DataError(
            [f"outcome {outcome.indicator!r}: {what}; peers.match: pre_period needs {LEAST_UNITS}"],
            "begin the outcome earlier, or match on characteristics",
        )
    shown = replace(table, units=kept, values=table.values[known])
    return scale_characteristics(shown, recipe, where)


def _before(panel: Panel, start: Interruption, masked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    usable = usable_periods(panel.n_periods, (start,), masked)
    return usable & (np.arange(panel.n_periods) < start.start)


def pre_period_balance(plan: OutcomePlan, unit: str) -> list[Balance]:
    """Return how alike the outcome of a treated unit and of its peers was before its start.

    The pool is every unit with data before the start; nothing for a unit without peers.
    """
    chosen = plan.peer_sets.get(unit)
    if chosen is None or not chosen.peers:
        return []
    panel = plan.panel
    values = panel.values[_before(panel, plan.interruptions[unit][0], plan.masked)]
    own = panel.column(unit)
    pool = [column for column in range(len(panel.units)) if column != own]
    return outcome_balance(values, own, [panel.column(peer) for peer in chosen.peers], pool)


def ineligible(
    config: Config,
    outcome: Outcome,
    panel: Panel,
    candidates: Sequence[str],
    start: Interruption,
    masked: NDArray[np.bool_],
) -> dict[str, str]:
    """Return the candidates that cannot serve as donors of a unit with this start, and why.

    Reasons that do not depend on the unit: no data or too few, a value that has no logarithm, the config.
    """
    settings = config.peers
    usable = usable_periods(panel.n_periods, (start,), masked)
    after = np.arange(panel.n_periods) >= start.start
    coverage = settings.min_coverage if settings is not None else 1.0
    if config.missing_of(outcome) != "mask":
        coverage = 1.0
    reasons = {unit: f"no data for {outcome.indicator}" for unit in candidates if unit not in panel.places}
    reasons |= coverage_reasons(panel, (usable & ~after, usable & after), coverage)
    scale = SCALES[outcome.transform]
    for column in np.flatnonzero(scale.blocked(panel.values)).tolist():
        obstacle = scale.obstacle(panel.values[usable, column], panel.denominators[usable, column])
        if obstacle:
            reasons[panel.units[column]] = obstacle
    return reasons | dict.fromkeys(() if settings is None else settings.exclude, "excluded by the config")
