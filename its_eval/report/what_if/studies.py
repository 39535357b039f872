"""Which units a reader can ask *what if?*, with the data that the engine in the page needs.

The engine fits what the run fitted: restricted maximum likelihood with autoregressive errors of constant
variance, for a unit alone or its gap to its peers, as it is or on logarithms. Units answered otherwise have
no controls.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from its_eval.calendar import describe_period, parse_period, season_position
from its_eval.design.matrix import Season
from its_eval.evaluation import interval_level, records
from its_eval.report.blocks import Section, WhatIf, plain
from its_eval.words.labels import compared_with
from its_eval.words.numbers import units_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource

_INTRODUCTION = (
    "What if it had started at another time, or without a period, a peer or the season? Try it here.",
    "Whatever is tried here is exploration. The declared answer is the one above, and it is what is printed.",
)
#: Digits with which values travel: rounding moves no printed digit, nor any estimate by 1e-6 standard errors.
DIGITS = 11
#: Designs and scales that the engine knows.
DESIGNS = ("single", "difference")
SCALES = ("none", "log")
_KNOWN_SHAPES = {"step", "slope", "step_and_slope"}
#: What the engine answers, by its own names; the effect after a year is added by its number of periods.
_TERMS = {"level": "level_change", "slope": "slope_change"}
_NUMBERS = {"estimate": "estimate", "low": "conf_low", "high": "conf_high", "p": "p_value"}


def what_if(source: ReportSource) -> tuple[Section, ...]:
    """Return the section with the controls; without any block where nothing can be asked."""
    data = what_if_data(source) if source.settings["output"]["report"]["what_if"] else ""
    blocks: list[Block] = [*map(plain, _INTRODUCTION), WhatIf(data)] if data else []
    return (Section("what-if", "What if?", blocks),)


def what_if_data(source: ReportSource) -> str:
    """Return outcomes, series and studies as JSON; blank where nothing can be asked.

    Notes
    -----
    Values are those of the tables ``series`` and ``peer_series``, and nothing else: what a run keeps to
    itself is not in the page either.
    """
    outcomes: list[dict[str, Any]] = []
    studies: list[dict[str, Any]] = []
    for name in source.outcomes:
        entry = _entry(source, name)
        if (
            entry is None
            or name not in source.evaluation.outcomes
            or not _is_covered(entry, source.about(name))
        ):
            continue
        outcome = _outcome(source, name)
        found = list(_studies(source, name, entry, outcome))
        if not found:
            continue
        used = {code for study in found for code in (study["unit"], *study["peers"])}
        outcome["series"] = {code: outcome["series"][code] for code in sorted(used)}
        outcome["names"] = {code: source.unit_name(code) for code in sorted(used)}
        studies += [{**study, "outcome": len(outcomes)} for study in found]
        outcomes.append(outcome)
    if not studies:
        return ""
    confidence = source.settings["confidence"]
    named = {"confidence": confidence, "interval": interval_level(confidence)}
    content = {**named, "outcomes": outcomes, "studies": studies}
    # "<" cannot end the element that holds it
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False).replace(
        "<", "\\u003c"
    )


def _entry(source: ReportSource, name: str) -> Mapping[str, Any] | None:
    """Return the settings of an outcome; None for the gap of two strata, which is no series of one unit."""
    named = [entry for entry in source.settings["outcomes"] if entry["indicator"] == name]
    return named[0] if len(named) == 1 else None


def _is_covered(entry: Mapping[str, Any], about: Mapping[str, Any]) -> bool:
    first = entry["estimators"][0]
    return (
        first["name"] == "reml_ar"
        and first.get("variance", "constant") == "constant"
        and about.get("transform", "none") in SCALES
        and not entry.get("covariates")
        and "gap_of" not in about
    )


def _outcome(source: ReportSource, name: str) -> dict[str, Any]:
    """Return periods and series of an outcome."""
    about = source.about(name)
    frequency = str(about["frequency"])
    series = source.rows("series", name)
    periods = sorted(set(series["period"]))
    numbers = [parse_period(period, frequency) for period in periods]
    values = series[["unit", "period", "unit_value", "denominator"]].rename(columns={"unit_value": "value"})
    values = values.drop_duplicates(["unit", "period"])
    by_unit = {**_series(source.rows("peer_series", name), periods), **_series(values, periods)}
    row = {"estimand": "level_change", "scale": "response"}
    words = units_of(row, about)
    return {
        "label": source.label(name),
        "measure": words if words.startswith("%") else f" {words}".rstrip(),
        "period": frequency,
        "per_year": int(about["per_year"]),
        "scale": about.get("transform", "none"),
        "periods": periods,
        "words": [describe_period(number, frequency) for number in numbers],
        "places": [season_position(number, frequency) for number in numbers],
        "series": by_unit,
    }


def _series(rows: pd.DataFrame, periods: Sequence[str]) -> dict[str, dict[str, list[float | None]]]:
    found = {}
    for unit, some in rows.groupby("unit"):
        placed = some.set_index("period").reindex(list(periods))
        found[str(unit)] = {
            "values": [_short(value) for value in placed["value"]],
            "sizes": [_short(value) for value in placed["denominator"]],
        }
    return found


def _short(value: float) -> float | None:
    return None if math.isnan(value) else float(f"{value:.{DIGITS}g}")


def _studies(
    source: ReportSource, name: str, entry: Mapping[str, Any], outcome: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the studies of an outcome, a unit and design each."""
    fits = source.primary_fits(name)
    if entry.get("trend", "linear") != "linear":
        return
    for _, fit in records(fits[fits["design"].isin(DESIGNS)]):
        unit, design = str(fit["unit"]), str(fit["design"])
        interruptions = _interruptions(source, name, unit, design, outcome["periods"])
        peers = [str(code) for code in source.rows("peers", name, unit)["peer"]] if design != "single" else []
        if not interruptions or not _KNOWN_SHAPES.issuperset(item["shape"] for item in interruptions):
            continue
        if any(code not in outcome["series"] for code in peers):
            continue
        season = _season(entry["seasonality"], int(fit["n"]), outcome["per_year"])
        yield {
            "unit": unit,
            "design": design,
            "name": f"{source.unit_name(unit)}, {compared_with(design)}: {outcome['label']}",
            "peers": peers,
            "masked": _masked(source, name, unit, design, interruptions),
            "interruptions": interruptions,
            "season": {"kind": season.kind, "pairs": season.pairs},
            "order": entry["estimators"][0].get("order", "auto"),
            "weighted": fit["weights"] != "none",
            "declared": _declared(source, name, unit, design, outcome),
        }


def _interruptions(
    source: ReportSource, name: str, unit: str, design: str, periods: Sequence[str]
) -> list[dict[str, Any]]:
    """Return what interrupts a series, the intervention first, with places of periods."""
    own = source.settings["intervention"]
    shapes = {event["name"]: (event["as"], 0, "exclude") for event in source.settings["events"]}
    phase_in = own["phase_in"]
    shapes[own["name"]] = (own["shape"], phase_in["periods"], phase_in["as"])
    effects = source.primary_effects(name)
    rows = effects[effects["unit"].eq(unit) & effects["design"].eq(design)]
    started = rows[["interruption", "interruption_period"]].drop_duplicates()
    found = [
        {
            "name": str(row["interruption"]),
            "start": list(periods).index(str(row["interruption_period"])),
            "shape": shapes[row["interruption"]][0],
            "phase_in": shapes[row["interruption"]][1],
            "ramp": shapes[row["interruption"]][2] == "ramp",
        }
        for _, row in records(started)
        if row["interruption"]
    ]
    return sorted(found, key=lambda item: (item["name"] != own["name"], item["start"]))


def _masked(
    source: ReportSource, name: str, unit: str, design: str, interruptions: Sequence[Mapping[str, Any]]
) -> list[int]:
    """Return the places of periods that the config takes out; the phase-in moves with the start."""
    rows = source.rows("series", name, unit)
    rows = rows[rows["design"].eq(design)].sort_values("period")
    phases = {
        place
        for item in interruptions
        if not item["ramp"]
        for place in range(item["start"], item["start"] + item["phase_in"])
    }
    out = (~rows["used"] & rows["observed"].notna()).to_numpy()
    return [place for place, masked in enumerate(out) if masked and place not in phases]


def _season(chosen: Any, n_used: int, per_year: int) -> Season:
    """Return the season that the fit has; the choice by length is that of the declared series."""
    if isinstance(chosen, dict):
        return Season("harmonics", int(chosen["harmonics"]))
    if chosen in ("none", "auto"):
        return Season(chosen).resolve(n_used, per_year)
    return Season("dummies")


def _declared(
    source: ReportSource, name: str, unit: str, design: str, outcome: Mapping[str, Any]
) -> dict[str, dict[str, float]]:
    """Return the declared answers on the scale of the fit, by the engine's names."""
    effects = source.rows("effects", name, unit)
    own = source.settings["intervention"]["name"]
    rows = effects[
        effects["design"].eq(design)
        & effects["role"].isin(("primary", "secondary"))
        & effects["interruption"].eq(own)
        & effects["scale"].eq("response" if outcome["scale"] == "none" else "link")
    ]
    wanted = {**_TERMS, "year": f"effect_at_{outcome['per_year']}"}
    found: dict[str, dict[str, float]] = {}
    for key, estimand in wanted.items():
        for _, row in records(rows[rows["estimand"].eq(estimand)]):
            numbers = {to: float(row[column]) for to, column in _NUMBERS.items()}
            if all(map(math.isfinite, numbers.values())):
                found[key] = numbers
    return found
