"""Peers of another type than the unit, which alike characteristics alone do not prevent."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from its_eval.data.attributes import Units
    from its_eval.peers.select import PeerSet


def type_notes(label: str, chosen: PeerSet, units: Units) -> list[str]:
    """Return a note when peers are of another type than the unit, which characteristics alone do not prevent.

    Parameters
    ----------
    label : str
        How the sentence begins.
    chosen : PeerSet
        Peers of the unit.
    units : Units
        Where the types are, in the column ``type``; blank where not known.
    """
    types = units.column("type") or {}
    own = types.get(chosen.unit, "")
    others = [types[peer] for peer in chosen.peers if types.get(peer) and types[peer] != own]
    if not own or not others:
        return []
    counts = sorted(Counter(others).items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{count} {kind}" for kind, count in counts)
    share = f"{len(others)} of the {len(chosen.peers)} peers are of another type than {own} ({named})"
    return [f"{label}: {share}; `within` keeps to one type."]
