"""What other choices of peers would be, and what they would do to the primary estimate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from its_eval.peers.stability import Alternative, other_choices, stability
from its_eval.pipeline.designs import design_estimators, fit_design
from its_eval.pipeline.primary import on_summary_scale, primary_estimates

if TYPE_CHECKING:
    from its_eval.config import Config
    from its_eval.peers.select import PeerSet
    from its_eval.pipeline.plan import OutcomePlan
    from its_eval.pipeline.sources import Sources

#: Designs in which the peers of a unit make its estimate.
COMPARED = ("difference", "peer_mean", "stacked")


@dataclass(frozen=True)
class Estimated:
    """The primary estimate with some peers.

    Attributes
    ----------
    estimate, conf_low, conf_high : float
        On the scale of the summary.
    """

    estimate: float
    conf_low: float
    conf_high: float


@dataclass(frozen=True)
class StabilityOfUnit:
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


def compared_design(config: Config) -> str:
    """Return the first design of the config that compares units with peers; blank for none."""
    return next((name for name in config.designs if name in COMPARED), "")


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
    found: list[tuple[PeerSet, list[Alternative]]] = []
    for unit in plan.treated if units is None else units:
        chosen = plan.peer_sets.get(unit)
        if chosen is None or chosen.scaled is None or not chosen.peers:
            continue
        rescale = None
        if sources.scaled is not None:
            rescale = lambda metric, scale: sources.rescaled(config, metric=metric, scale=scale)  # noqa: E731
        choices = other_choices(chosen.scaled, len(chosen.peers), rescale)
        found.append((chosen, stability(chosen, choices, plan.donors.get(unit, ()))))
    estimates = _estimates(config, plan, found)
    return [
        StabilityOfUnit(
            chosen,
            tuple(alternatives),
            estimates.get((chosen.unit, chosen.peers)),
            tuple(estimates.get((chosen.unit, item.peers)) for item in alternatives),
        )
        for chosen, alternatives in found
    ]


def _estimates(
    config: Config, plan: OutcomePlan, found: Sequence[tuple[PeerSet, list[Alternative]]]
) -> dict[tuple[str, tuple[str, ...]], Estimated]:
    """Return the primary estimate for each unit and set of peers."""
    design_name = compared_design(config)
    if not design_name:
        return {}
    sets = {
        (chosen.unit, peers)
        for chosen, alternatives in found
        for peers in (chosen.peers, *(item.peers for item in alternatives))
        if peers
    }
    targets = [replace(plan.target(unit, design_name), peers=peers) for unit, peers in sorted(sets)]
    blocks, _ = fit_design(plan, design_name, targets, design_estimators(plan, design_name)[:1])
    return {
        (item.unit, block.series.peers[item.column]): Estimated(
            *(on_summary_scale(value, item.link) for value in (item.estimate, item.conf_low, item.conf_high))
        )
        for block in blocks
        for item in primary_estimates(config, plan, [block])
    }
