"""What a design compares a unit with, in words."""

from __future__ import annotations

#: Controlled designs that compare with the mean of the peers need no more words.
PEERS = "its peers"
#: Of one unit, and of several.
_COMPARED_WITH = {
    "single": ("its own earlier trend", "their own earlier trend"),
    "difference": (PEERS, "their peers"),
    "peer_mean": ("the mean of its peers in one model", "the mean of their peers in one model"),
    "stacked": ("each of its peers in one model", "each of their peers in one model"),
    "synthetic": (
        "a weighted mean of other units (synthetic control)",
        "weighted means of other units (synthetic controls)",
    ),
}


def compared_with(design: str, *, several: bool = False) -> str:
    """Return a design in words, after "compared with".

    Parameters
    ----------
    design : str
        As in the config.
    several : bool
        Whether several units are compared.

    Examples
    --------
    >>> compared_with("single"), compared_with("difference", several=True)
    ('its own earlier trend', 'their peers')
    """
    return _COMPARED_WITH[design][several]
