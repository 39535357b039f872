"""What a design compares a unit with, in words."""

from __future__ import annotations

#: Controlled designs that compare with the mean of the peers need no more words.
PEERS = "its peers"
_ALONE = "single"
_COMPARED_WITH = {
    _ALONE: "its own earlier trend",
    "difference": PEERS,
    "peer_mean": "the mean of its peers, both in one model",
    "stacked": "each of its peers, all in one model",
    "synthetic": "a weighted mean of other units (synthetic control)",
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
    words = _COMPARED_WITH[design]
    return words.replace("its ", "their ").replace("a weighted mean", "weighted means") if several else words
