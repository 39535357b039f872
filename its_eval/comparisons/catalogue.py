"""Comparisons by the name they have in the config, under ``designs``: a line each."""

from __future__ import annotations

from typing import Any

from its_eval.catalogue import Catalogue

_HOME = "its_eval.comparisons"

#: Each is a `Comparison` of its_eval.comparisons.base, which settings and words take their traits from.
COMPARISONS: Catalogue[Any] = Catalogue(
    "a design",
    {
        "single": f"{_HOME}.base:SINGLE",
        "difference": f"{_HOME}.base:DIFFERENCE",
        "peer_mean": f"{_HOME}.stacked:PEER_MEAN",
        "stacked": f"{_HOME}.stacked:STACKED",
        "synthetic": f"{_HOME}.synthetic:SYNTHETIC",
        "sdid": f"{_HOME}.sdid:SDID",
        "augmented_synthetic": f"{_HOME}.augmented:AUGMENTED",
    },
)
