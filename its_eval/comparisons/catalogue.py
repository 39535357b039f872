"""Comparisons by the name they have in the config, under ``designs``: a line each."""

from __future__ import annotations

from its_eval.catalogue import Catalogue
from its_eval.comparisons.base import Comparison

_HOME = "its_eval.comparisons"

COMPARISONS: Catalogue[Comparison] = Catalogue(
    "a design",
    {
        "single": f"{_HOME}.base:SINGLE",
        "difference": f"{_HOME}.base:DIFFERENCE",
        "peer_mean": f"{_HOME}.stacked:PEER_MEAN",
        "stacked": f"{_HOME}.stacked:STACKED",
        "synthetic": f"{_HOME}.synthetic:SYNTHETIC",
    },
)
