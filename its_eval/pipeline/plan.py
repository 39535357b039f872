"""What will be fitted: the plan of a run, made before any fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from its_eval.data.periods import PERIODS_PER_YEAR, describe_period, format_period, season_position
from its_eval.design.matrix import usable_periods

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from its_eval.config import Outcome
    from its_eval.data.faults import Finding
    from its_eval.data.panel import Panel
    from its_eval.design.matrix import Interruption, Season
    from its_eval.peers.select import PeerSet


@dataclass(frozen=True)
class OutcomePlan:
    """One outcome, ready to be fitted.

    Attributes
    ----------
    outcome : Outcome
        Its settings.
    treated : tuple of str
        Treated units, in the order of the config.
    panel : Panel
        Its data on the window.
    interruption : Interruption
        T0 within the window.
    season : Season
        Seasonal form asked for.
    masked : ndarray of bool, shape (n,)
        Periods taken out by events.
    mask_reasons : tuple of str, length n
        Why a period is not used; blank when it is.
    unit_masks : mapping of str to mapping of int to str
        Periods taken out for one unit alone, with the event's name.
    peer_sets : mapping of str to PeerSet
        By treated unit; empty without peers.
    no_peers : mapping of str to str
        Treated units without peers and why.
    findings : tuple of Finding
        Observations about the data of this outcome.
    """

    outcome: Outcome
    treated: tuple[str, ...]
    panel: Panel
    interruption: Interruption
    season: Season
    masked: NDArray[np.bool_]
    mask_reasons: tuple[str, ...]
    unit_masks: Mapping[str, Mapping[int, str]]
    peer_sets: Mapping[str, PeerSet]
    no_peers: Mapping[str, str]
    findings: tuple[Finding, ...]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Periods that may enter a fit: not masked for all units and not in an excluded phase-in."""
        return usable_periods(self.panel.n_periods, self.interruption, self.masked)

    @property
    def positions(self) -> list[int]:
        """Place of each period in its year."""
        panel = self.panel
        return [season_position(panel.start + index, panel.frequency) for index in range(panel.n_periods)]

    @property
    def per_year(self) -> int:
        """Periods in a year."""
        return PERIODS_PER_YEAR[self.panel.frequency]

    @property
    def start_period(self) -> str:
        """ISO text of T0."""
        return format_period(self.panel.start + self.interruption.start, self.panel.frequency)

    @property
    def start_in_words(self) -> str:
        """T0 for sentences, e.g. ``July 2015``."""
        return describe_period(self.panel.start + self.interruption.start, self.panel.frequency)


@dataclass(frozen=True)
class Plan:
    """All outcomes of a config and what deserves a reader's attention before any fit.

    Attributes
    ----------
    outcomes : tuple of OutcomePlan
        In the order of the config.
    absent : tuple of str
        Names of outcomes for which no treated unit has data.
    findings : tuple of Finding
        Observations about all data.
    notes : tuple of str
        Sentences for the summary and the manifest.
    """

    outcomes: tuple[OutcomePlan, ...]
    absent: tuple[str, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
