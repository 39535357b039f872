"""Peers of very many outcomes: chosen once for all outcomes of which the same units may serve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from its_eval.peers.eligibility import lifetime_reasons
from its_eval.pipeline.peer_choice import PeerChoice, choose_peers, donor_pool, ineligible

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Outcome
    from its_eval.data.panel import Panel
    from its_eval.design.interruption import Interruption
    from its_eval.pipeline.batch.blocks import Block


class PeerMemory:
    """Choices of peers made so far in a block.

    Distances are between units, so the peers of two outcomes differ only where another set of units has
    enough data, or where the config gives them.
    """

    def __init__(self) -> None:
        self._known: dict[object, PeerChoice] = {}

    def choose(
        self,
        block: Block,
        outcome: Outcome,
        panel: Panel,
        starts: Mapping[str, Interruption],
        masked: NDArray[np.bool_],
    ) -> tuple[object, PeerChoice]:
        """Return the peers of an outcome, and a key that outcomes with the same peers share.

        The reasons for which units were set aside may be those of another outcome; a batch run does not
        write them down.
        """
        config, treatment, sources = block.config, block.treatment, block.sources
        if config.peers is None:
            return None, PeerChoice()
        candidates = tuple(sorted(donor_pool(config, sources, treatment) | set(treatment.units)))
        window = (panel.start, panel.start + panel.n_periods - 1)
        lifetimes = lifetime_reasons(sources.lifetimes, window, panel.frequency, combined=False)
        barred = tuple(
            (start, frozenset(ineligible(config, outcome, panel, candidates, start, masked)))
            for start in sorted(set(starts.values()), key=lambda start: (start.start, start.name))
        )
        given = config.peers.given_for(outcome.name)
        key = (panel.units, barred, frozenset(lifetimes), tuple(given.items()))
        if key not in self._known:
            self._known[key] = choose_peers(config, sources, outcome, panel, treatment, starts, masked)
        return key, self._known[key]
