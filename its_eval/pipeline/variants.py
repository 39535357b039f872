"""Other choices that an analyst might have made, as small changes of a plan, its peers or its estimator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.comparisons.base import comparison_of
from its_eval.estimators.kind import autoregressive_order
from its_eval.peers.scaling import rescaled
from its_eval.peers.stability import Alternative, other_scalings, stability
from its_eval.pipeline.donors import nearest_donors
from its_eval.pipeline.plan import season_of
from its_eval.pipeline.primary import Analysis
from its_eval.pipeline.sheet import has_sampling_variances

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.comparisons.base import Comparison
    from its_eval.config import Config, Estimator
    from its_eval.config.analysis import Sensitivity
    from its_eval.data.panel import Panel
    from its_eval.design.matrix import Season, Trend
    from its_eval.estimators.fit import FloatArray
    from its_eval.peers.distance import Scaled
    from its_eval.peers.select import PeerSet
    from its_eval.pipeline.plan import OutcomePlan, Target
    from its_eval.pipeline.sources import Sources


def _same_plan(plan: OutcomePlan) -> OutcomePlan:
    return plan


def _same_estimator(estimator: Estimator) -> Estimator:
    return estimator


#: Peers of a unit, never itself: from its code, the donors it may have, how many, and the treated unit which
#: it is or is a placebo of. Combined choices ask the same of each donor again and again, so answers are kept
#: as long as the choice.
ChoosePeers = Callable[[str, tuple[str, ...], int, str], tuple[str, ...]]


class Variant(Struct, frozen=True):
    """One choice of one dimension.

    Attributes
    ----------
    dimension, choice : str
        As they stand in the table ``sensitivity``.
    change_plan, change_estimator : callable
        What the choice changes; nothing by default.
    choose_peers : callable or None
        Other peers of a unit; None where the choice is not about peers.
    """

    dimension: str
    choice: str
    change_plan: Callable[[OutcomePlan], OutcomePlan] = _same_plan
    change_estimator: Callable[[Estimator], Estimator] = _same_estimator
    choose_peers: ChoosePeers | None = None

    def change_target(self, target: Target, pool: tuple[str, ...], treated: str) -> Target:
        """Return a target with the peers of this choice out of the pool of a treated unit."""
        if self.choose_peers is None:
            return target
        return replace(target, peers=self.choose_peers(target.unit, pool, len(target.peers), treated))


def variants(config: Config, sources: Sources, plan: OutcomePlan, comparison: Comparison) -> list[Variant]:
    """Return every choice of every dimension that the config names and the design has."""
    found = [*_of_time(config, plan, comparison), *_of_estimator(config, plan, comparison)]
    if config.sensitivity.missing and interpolated(plan) is not plan:
        found.append(Variant("missing", "interpolation", change_plan=interpolated))
    if comparison.is_controlled:
        found = [*_of_peers(config, sources, plan), *found]
    return found


def _of_peers(config: Config, sources: Sources, plan: OutcomePlan) -> Iterator[Variant]:
    settings = config.sensitivity
    # matched on the outcome, units with another start are compared on another stretch of time
    scalings = {
        unit: scaled
        for unit, chosen in plan.peer_sets.items()
        if (scaled := chosen.scaled or sources.scaled) is not None
    }
    if scalings:
        for number in settings.k:
            yield Variant("k", str(number), choose_peers=_nearest(scalings, number=number))
        names = dict.fromkeys(name for scaled in scalings.values() for name in scaled.variables)
        if settings.drop_characteristic and len(names) > 1:
            for name in names:
                yield Variant("drop_characteristic", name, choose_peers=_nearest(scalings, _without(name)))
        for metric in settings.metric:
            change = partial(rescaled, metric=metric)
            yield Variant("metric", metric, choose_peers=_nearest(scalings, change))
        for scale in settings.scale:
            yield Variant("scale", scale, choose_peers=_nearest(scalings, partial(rescaled, scale=scale)))
    for draw in range(settings.random_donors):
        purpose = (plan.outcome.name, "random donors", str(draw))
        yield Variant("random_donors", str(draw + 1), choose_peers=_at_random(Analysis.of(config), purpose))


def _unchanged(scaled: Scaled) -> Scaled:
    return scaled


def _without(variable: str) -> Callable[[Scaled], Scaled]:
    # one that is the same for all units before some start has dropped out there already
    return lambda scaled: scaled.without(variable) if {variable} < set(scaled.variables) else scaled


def _nearest(
    scalings: Mapping[str, Scaled],
    change: Callable[[Scaled], Scaled] = _unchanged,
    number: int | None = None,
) -> ChoosePeers:
    """Return the choice of the nearest donors, as many as the unit has when no number is given.

    Parameters
    ----------
    scalings : mapping of str to Scaled
        What distances are made of, by treated unit.
    change : callable
        What is made of them by this choice, once for units that share them.
    number : int, optional
        Number of peers.
    """
    distinct = {id(scaled): scaled for scaled in scalings.values()}
    changed = {key: change(scaled) for key, scaled in distinct.items()}
    of_donors: dict[tuple[int, int, int], tuple[object, dict[str, tuple[str, ...]]]] = {}

    def choose(unit: str, pool: tuple[str, ...], size: int, treated: str) -> tuple[str, ...]:
        scaled = changed[id(scalings[treated])] if treated in scalings else None
        if scaled is None or unit not in scaled.places:
            return _others(unit, pool)[:size]
        k = number or size
        if unit == treated:
            return nearest_donors(scaled, pool, k, [unit])[unit]
        # one donor is asked for after the other: all are answered at once, as long as it is the same pool
        key = (id(scaled), id(pool), k)
        if key not in of_donors:
            of_donors[key] = (pool, nearest_donors(scaled, pool, k))
        return of_donors[key][1][unit]

    return choose


def _at_random(analysis: Analysis, purpose: tuple[str, ...]) -> ChoosePeers:
    """Return the choice of donors at random, the same for a unit in every run."""

    @cache
    def draw(unit: str, pool: tuple[str, ...], size: int) -> tuple[str, ...]:
        others = _others(unit, pool)
        stream = analysis.stream(*purpose, unit)
        return tuple(sorted(stream.choice(np.array(others), min(size, len(others)), replace=False).tolist()))

    return lambda unit, pool, size, _treated: draw(unit, pool, size)


def _others(unit: str, pool: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(code for code in pool if code != unit)


def _of_estimator(config: Config, plan: OutcomePlan, comparison: Comparison) -> Iterator[Variant]:
    settings = config.sensitivity
    first = comparison.entries(plan.outcome.estimators)[:1]
    if not first or first[0].name != "reml_ar":
        return
    yield from (_of_order(order) for order in settings.order)
    yield from (_of_variance(variance) for variance in settings.variance)
    for weighting in settings.weighting:
        yield Variant("weighting", weighting, change_plan=_weighted(weighting != "none"))


def standard_variants(plan: OutcomePlan, comparison: Comparison) -> list[Variant]:
    """Return the models that stand beside every answer by REML with AR errors.

    The other order, an AR(1) around a level that drifts, and a variance for each segment: where they disagree
    with the answer, it rests on the form of the errors (methods §0, §11.3). Weighted percentages keep their
    sampling variances: beside them stands an AR(1) with sampling noise. A trend that bends by 2.5 standard
    deviations makes 71 to 100 % false changes of slope with a straight line, and 4.6 % with a parabola. Where
    each period has an effect of its own, nothing is left to have a variance after the start.
    """
    first = comparison.entries(plan.outcome.estimators)[:1]
    if not first or first[0].name != "reml_ar":
        return []
    usable = max(int(plan.usable(found).sum()) for found in plan.interruptions.values())
    own = autoregressive_order(first[0].order, usable)
    found = [
        _of_order(1 if own == 2 else 2),
        _of_order("reml_ar_sampling" if has_sampling_variances(plan) else "reml_local_level"),
        *([_of_trend("quadratic")] if _bends(comparison) and plan.trend != "quadratic" else []),
    ]
    by_period = any(item[0].form.by_period for item in plan.interruptions.values())
    by_segment = by_period or first[0].variance == "by_segment"
    return found if by_segment else [*found, _of_variance("by_segment")]


def _bends(comparison: Comparison) -> bool:
    """Return whether a comparison takes another form of trend: a model of several series at once does not."""
    return not comparison.one_model


def _of_trend(trend: Trend) -> Variant:
    return Variant("trend", trend, change_plan=lambda plan: replace(plan, trend=trend))


def _of_order(order: int | str) -> Variant:
    change = {"name": order} if isinstance(order, str) else {"order": order}
    return Variant("order", str(order), change_estimator=_updated(change))


def _of_variance(variance: str) -> Variant:
    return Variant("variance", variance, change_estimator=_updated({"variance": variance}))


def _updated(change: Mapping[str, object]) -> Callable[[Estimator], Estimator]:
    return lambda estimator: estimator.model_copy(update=dict(change))


def _weighted(weighted: bool) -> Callable[[OutcomePlan], OutcomePlan]:
    return lambda plan: replace(plan, weighted=weighted)


def _of_time(config: Config, plan: OutcomePlan, comparison: Comparison) -> Iterator[Variant]:
    settings = config.sensitivity
    for seasonality in settings.season:
        shown = f"{seasonality.harmonics} harmonics" if seasonality.kind == "harmonics" else seasonality.kind
        yield Variant("season", shown, change_plan=_season(season_of(seasonality, plan.panel.frequency)))
    if _bends(comparison):
        yield from (_of_trend(trend) for trend in settings.trend)
    yield from _of_lengths(settings, plan)
    for text in settings.end:
        ordinal = plan.panel.calendar.parse(text)
        last = plan.panel.index_of(ordinal)
        if plan.first_start < last < plan.panel.n_periods - 1:
            yield Variant("end", text, change_plan=_until(ordinal))
    for transform in settings.transform:
        # the scale of a gap is that of its strata, and a gap below zero has no logarithm
        if transform != plan.outcome.transform and not plan.panel.parts:
            yield Variant("transform", transform, change_plan=_transform(transform))


def _of_lengths(settings: Sensitivity, plan: OutcomePlan) -> Iterator[Variant]:
    """Yield the choices that are numbers of periods."""
    for length in settings.pre_window:
        if length < plan.first_start:
            yield Variant("pre_window", str(length), change_plan=_last_before(length))
    for length in settings.transition:
        yield Variant("transition", str(length), change_plan=_transition(length))
    for shape_length in settings.length:
        yield Variant("length", f"{shape_length:g}", change_plan=_lasting(shape_length))


def interpolated(plan: OutcomePlan) -> OutcomePlan:
    """Return a plan whose missing periods between others lie on a straight line; itself where none is.

    What an event or a small denominator takes out stays out. Nothing is carried on beyond the first and the
    last value. Counts and denominators that are missing with their value are filled in likewise.
    """
    panel = _filled(plan.panel, plan.unit_masks)
    return plan if panel is plan.panel else replace(plan, panel=panel)


def _filled(panel: Panel, masks: Mapping[str, Mapping[int, str]]) -> Panel:
    arrays = {name: getattr(panel, name).copy() for name in ("values", "denominators", "counts")}
    for column, unit in enumerate(panel.units):
        gaps = np.isnan(panel.values[:, column]) & ~panel.small_denominator[:, column]
        gaps[list(masks.get(unit, ()))] = False
        for numbers in arrays.values():
            numbers[gaps, column] = _on_lines(numbers[:, column], gaps)
    if np.array_equal(arrays["values"], panel.values, equal_nan=True):
        return panel
    return replace(panel, **arrays, parts=tuple(_filled(part, masks) for part in panel.parts))


def _on_lines(series: FloatArray, gaps: NDArray[np.bool_]) -> FloatArray:
    """Return values at gaps on the lines between their neighbours; those known there as they are."""
    known = np.flatnonzero(~np.isnan(series))
    places = np.flatnonzero(gaps)
    if known.size == 0:
        return series[places]
    return np.interp(places, known, series[known], left=np.nan, right=np.nan)


def _season(season: Season) -> Callable[[OutcomePlan], OutcomePlan]:
    return lambda plan: replace(plan, season=season)


def _transform(transform: str) -> Callable[[OutcomePlan], OutcomePlan]:
    return lambda plan: replace(plan, outcome=plan.outcome.model_copy(update={"transform": transform}))


def _last_before(length: int) -> Callable[[OutcomePlan], OutcomePlan]:
    return lambda plan: plan.windowed(plan.first_start - length, plan.panel.n_periods)


def _until(ordinal: int) -> Callable[[OutcomePlan], OutcomePlan]:
    return lambda plan: plan.windowed(0, plan.panel.index_of(ordinal) + 1)


def _lasting(length: float) -> Callable[[OutcomePlan], OutcomePlan]:
    def change(plan: OutcomePlan) -> OutcomePlan:
        moved = {
            unit: (replace(found[0], length=length), *found[1:]) for unit, found in plan.interruptions.items()
        }
        return replace(plan, interruptions=moved)

    return change


def _transition(length: int) -> Callable[[OutcomePlan], OutcomePlan]:
    def change(plan: OutcomePlan) -> OutcomePlan:
        moved = {
            unit: (replace(found[0], phase_in=length, ramp=False), *found[1:])
            for unit, found in plan.interruptions.items()
        }
        return replace(plan, interruptions=moved)

    return change


class Estimated(Struct, frozen=True):
    """The primary estimate with some peers.

    Attributes
    ----------
    estimate, conf_low, conf_high : float
        On the scale of the summary.
    """

    estimate: float
    conf_low: float
    conf_high: float


class StabilityOfUnit(Struct, frozen=True):
    """The peers of a unit under other choices.

    Attributes
    ----------
    chosen : PeerSet
        As chosen.
    alternatives : tuple of Alternative
        Other choices.
    primary : Estimated or None
        The estimate with the chosen peers; None where there is none.
    estimates : tuple of (Estimated or None)
        One for each alternative.
    """

    chosen: PeerSet
    alternatives: tuple[Alternative, ...]
    primary: Estimated | None
    estimates: tuple[Estimated | None, ...]


def compared_design(config: Config) -> Comparison | None:
    """Return the first design of the config in which the peers of a unit make its estimate."""
    every = (comparison_of(name) for name in config.designs)
    return next((item for item in every if item.is_controlled and not item.takes_all_donors), None)


def peer_stability(
    config: Config, sources: Sources, plan: OutcomePlan, units: Sequence[str] | None = None
) -> list[StabilityOfUnit]:
    """Return how steady the peers of treated units are, and their estimates with them.

    Units whose peers were not found by distance (given lists without characteristics, or no peers) are left
    out. All series are fitted in one go, by the primary estimator of the first design with peers.

    Parameters
    ----------
    config, sources, plan : Config, Sources, OutcomePlan
        What was planned.
    units : sequence of str, optional
        Some of the treated units; all by default.
    """
    sets: list[PeerSet] = []
    scalings = [] if sources.scaled is None else other_scalings(sources.scaled)
    for unit in plan.treated if units is None else units:
        chosen = plan.peer_sets.get(unit)
        if chosen is None or chosen.scaled is None or not chosen.peers:
            continue
        sets.append(chosen)
    found = list(zip(sets, stability(sets, scalings), strict=True))
    estimates = _estimates(config, plan, found)
    return [
        StabilityOfUnit(
            chosen,
            alternatives,
            estimates.get((chosen.unit, chosen.peers)),
            tuple(estimates.get((chosen.unit, item.peers)) for item in alternatives),
        )
        for chosen, alternatives in found
    ]


def _estimates(
    config: Config, plan: OutcomePlan, found: Sequence[tuple[PeerSet, tuple[Alternative, ...]]]
) -> dict[tuple[str, Sequence[str]], Estimated]:
    """Return the primary estimate for each unit and set of peers."""
    comparison = compared_design(config)
    if comparison is None:
        return {}
    sets = {
        (chosen.unit, peers)
        for chosen, alternatives in found
        for peers in (chosen.peers, *(item.peers for item in alternatives))
        if peers
    }
    analysis = Analysis.of(config)
    targets = [replace(comparison.target(plan, unit), peers=peers) for unit, peers in sorted(sets)]
    estimates, _ = comparison.estimates(
        plan, analysis.ask, targets, comparison.entries(plan.outcome.estimators)[:1]
    )
    return {
        (item.unit, item.target.peers): Estimated(
            *(item.shown(value) for value in (item.estimate, item.conf_low, item.conf_high))
        )
        for item in analysis.primary(estimates)
    }
