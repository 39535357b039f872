"""Published recipes for choosing peers, reproduced exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

MissingRule = Literal["available", "zero", "refuse"]


@dataclass(frozen=True)
class Preset:
    """How a published tool measures distance.

    Attributes
    ----------
    name, title, source : str
        Key for the config, words for the report, and where the recipe is published.
    unit_column : str
        Column of unit codes in the published table.
    weights : mapping of str to float
        Weight of each variable that counts; variables not named have weight 0.
    missing : str
        What a missing cell means.
    population_scaled : frozenset of str
        Variables scaled by the standard deviation with divisor n instead of n - 1.
    dated : str
        What the characteristics describe, for the warning about characteristics measured after the
        intervention.
    """

    name: str
    title: str
    source: str
    unit_column: str
    weights: Mapping[str, float]
    missing: MissingRule = "available"
    population_scaled: frozenset[str] = field(default_factory=frozenset)
    dated: str = ""


NHS_TRUST_PEER_FINDER = Preset(
    name="nhs-trust-peer-finder",
    title="NHS Trust Peer Finder",
    source="NHS Digital, Trust Peer Finder tool, Appendix A, Autumn 2019 (Open Government Licence v3.0)",
    unit_column="Procode",
    weights=dict.fromkeys(
        (
            "Absence Rate",
            "Age 0-15",
            "Age 60-74",
            "Attendances",
            "CCGs",
            "Deprivation",
            "Diagnosis",
            "DTOCs",
            "MFF payment index",
            "Non-type 1 AE department",
            "Sea distance",
            "Sites",
            "StudentStaff",
            "Urban",
        ),
        1.0,
    ),
    missing="zero",
    # The publisher scaled this one column by the divisor-n standard deviation; without that the published
    # distances differ in the third decimal.
    population_scaled=frozenset({"Age 0-15"}),
    dated="2019",
)

PRESETS: dict[str, Preset] = {NHS_TRUST_PEER_FINDER.name: NHS_TRUST_PEER_FINDER}
