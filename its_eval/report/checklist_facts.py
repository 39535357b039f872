"""What a run knows about each item of a checklist, from its tables and settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from its_eval.report.narrative import estimand_words, rounded
from its_eval.report.plain_words import season_words, singular, span_words
from its_eval.report.sections.methods import ADJUSTMENTS

if TYPE_CHECKING:
    from its_eval.report.source import ReportSource

LOW, REPORTED, ABSENT = "low risk", "reported", "not reported"


@dataclass(frozen=True)
class Facts:
    """What is known about an item: words, and a result when no person has to judge."""

    words: str
    result: str = ""


def _primary_fits(source: ReportSource) -> pd.DataFrame:
    return pd.concat([source.primary_fits(outcome) for outcome in source.outcomes])


def _events(source: ReportSource) -> str:
    events = source.settings["events"]
    listed = "; ".join(f"{event['name']}, {event['date']}" for event in events)
    return f"Events in the config: {listed}." if events else "The config lists no other event."


def _independent(source: ReportSource) -> Facts:
    controlled = [design for design in source.settings["designs"] if design != "single"]
    compared = "Peers, which other changes would reach too, are compared." if controlled else "No comparison."
    return Facts(f"{_events(source)} {compared}")


def _shape(source: ReportSource) -> Facts:
    digest = (source.provenance.get("config") or {}).get("sha256", "")
    written = f" Config with SHA-256 {digest[:12]}…." if digest else ""
    shape = source.settings["intervention"]["shape"].replace("_", " ")
    words = f"Shape ({shape}) and primary quantity stand in the config, one for all units.{written}"
    return Facts(f"{words} Low, provided that the config is older than the first look at the data.", LOW)


def _collection(source: ReportSource) -> Facts:
    return Facts(f"The data cannot show it. {_events(source)}")


def _objective(source: ReportSource) -> Facts:
    kinds = "; ".join(f"{source.label(name)}: {source.about(name)['kind']}" for name in source.outcomes)
    return Facts(f"{kinds}. How they are measured is not in the data.")


def _incomplete(source: ReportSource) -> Facts:
    fits = _primary_fits(source)
    missing = int(fits["n_missing"].sum()) if len(fits) else 0
    if len(fits) and not missing:
        return Facts("No period of any series is missing.", LOW)
    series = source.table("series")
    keys = [series[name] for name in ("outcome", "unit", "design")]
    before = series["counterfactual"].isna()
    gone = (~series["used"].astype(bool)) & series["used_reason"].isin(["missing", "small denominator"])
    share = [100.0 * gone[part].sum() / part.sum() if part.any() else 0.0 for part in (before, ~before)]
    return Facts(
        f"Missing: {rounded(share[0], 1)} % of periods before the start and {rounded(share[1], 1)} % after, "
        f"over {keys[0].groupby(keys).ngroups} series; none filled in."
    )


def _selective(source: ReportSource) -> Facts:
    failed = source.table("not_estimated")
    declared = len(source.settings["outcomes"])
    reported = len(set(source.table("summary")["outcome"]))
    words = f"{reported} of the {declared} outcomes in the config reported, in every design of it."
    if failed.empty:
        return Facts(f"{words} Whether the plan held more is not in the data.", LOW)
    return Facts(f"{words} {len(failed)} series could not be estimated; the checks say why.")


def _other(source: ReportSource) -> Facts:
    seasons = {str(outcome["seasonality"]) for outcome in source.settings["outcomes"]}
    yearly = source.settings["data"]["frequency"] == "year"
    words = "Yearly data have no season." if yearly else _season(source).words
    modelled = yearly or "none" not in seasons
    return Facts(f"{words} {_autocorrelation(source).words}", LOW if modelled else "")


def _rationale(source: ReportSource) -> Facts:
    shape = source.settings["intervention"]["shape"].replace("_", " ")
    return Facts(f"Shape: {shape}. Why it is expected is not in the data.")


def _setting(source: ReportSource) -> Facts:
    units = sorted({unit for outcome in source.outcomes for unit in source.units(outcome)})
    named = ", ".join(source.unit_name(unit) for unit in units)
    return Facts(f"{source.settings['intervention']['name']}, in {named}.", REPORTED)


def _outcome(source: ReportSource) -> Facts:
    words = []
    for name in source.outcomes:
        about, series = source.about(name), source.rows("series", name)
        known = len(series) and series["denominator"].notna().any()
        unit = f" in {about['unit']}" if about["unit"] else ""
        words.append(
            f"{about['label']}: {about['kind']}{unit}, {'with' if known else 'without'} denominators"
        )
    return Facts(f"{'; '.join(words)}. The exact definition is the publisher's.")


def _interruption(source: ReportSource) -> Facts:
    phase_in = source.settings["intervention"]["phase_in"]
    starts = ", ".join(dict.fromkeys(str(source.about(name)["start_in_words"]) for name in source.outcomes))
    length = f"{phase_in['periods']} periods of phase-in" if phase_in["periods"] else "no phase-in"
    return Facts(f"{starts}; {length}.", REPORTED)


def _other_events(source: ReportSource) -> Facts:
    return Facts(f"{_events(source)} Whether the list is complete is not in the data.")


def _periods(source: ReportSource) -> Facts:
    fits = _primary_fits(source)
    if fits.empty:
        return Facts("Nothing was fitted.", ABSENT)
    spans = [_span(fits[name]) for name in ("n_pre", "n_post")]
    return Facts(f"{spans[0]} before and {spans[1]} after.", REPORTED)


def _span(counts: pd.Series[int]) -> str:
    low, high = int(counts.min()), int(counts.max())
    return f"{low}" if low == high else f"{low} to {high}"


def _missing(source: ReportSource) -> Facts:
    return Facts(_incomplete(source).words, REPORTED)


def _model(source: ReportSource) -> Facts:
    shape = source.settings["intervention"]["shape"].replace("_", " ")
    about = source.about(source.outcomes[0])
    return Facts(
        f"Segmented regression, {shape}; primary: {estimand_words(source.primary, about)}.", REPORTED
    )


def _autocorrelation(source: ReportSource) -> Facts:
    fits = _primary_fits(source)
    known = fits[fits["rho1"].notna()]
    if known.empty:
        return Facts("The primary estimator takes no account of dependence between periods.")
    span = span_words(known["rho1"].min(), known["rho1"].max())
    return Facts(f"Autoregressive errors by REML; estimated first autocorrelations: {span}.", REPORTED)


def _season(source: ReportSource) -> Facts:
    frequency = str(source.settings["data"]["frequency"])
    words = sorted({season_words(str(season), frequency) for season in _primary_fits(source)["season"]})
    return Facts(f"Season: {', '.join(words) or 'none fitted'}.", REPORTED)


def _trend(source: ReportSource) -> Facts:
    flags = _primary_fits(source)["flags"].astype(str)
    drifting = int(flags.str.contains("near_unit_root").sum())
    return Facts(f"A straight line before and after; {drifting} of {len(flags)} series drift.", REPORTED)


def _effects(source: ReportSource) -> Facts:
    effects = source.table("effects")
    relative = effects["estimand"].eq("relative_average_effect").any() or effects["scale"].eq("ratio").any()
    kinds = "absolute and relative" if relative else "absolute only"
    return Facts(f"Every effect has its interval; {kinds}.", REPORTED if len(effects) else ABSENT)


def _counterfactual(source: ReportSource) -> Facts:
    drawn = sum(figure.task.kind == "main_its" for figure in source.figures)
    return Facts(
        f"{drawn} figures with every observation and the expected course.", REPORTED if drawn else ABSENT
    )


def _controls(source: ReportSource) -> Facts:
    peers = source.table("peers")
    if peers.empty:
        return Facts("No unit is compared with others.", REPORTED)
    return Facts(f"{len(set(peers['peer']))} peers, with distances and balance.", REPORTED)


def _sensitivity(source: ReportSource) -> Facts:
    tried = len(source.table("sensitivity"))
    others = set(source.table("effects").query("role == 'sensitivity'")["estimator"])
    words = f"{len(others)} other estimators, {tried} estimates under other choices."
    return Facts(words, REPORTED if others or tried else ABSENT)


def _multiplicity(source: ReportSource) -> Facts:
    method = source.settings["multiplicity"]["method"]
    return Facts(
        f"p-values of the treated units of an outcome and design are adjusted {ADJUSTMENTS[method]}.",
        REPORTED,
    )


def _power(source: ReportSource) -> Facts:
    known = int(source.table("summary")["minimum_detectable"].notna().sum())
    return Facts(f"Smallest detectable change of {known} estimates.", REPORTED if known else ABSENT)


def _software(source: ReportSource) -> Facts:
    program = source.provenance.get("program") or {}
    if not program:
        return Facts("Not recorded.", ABSENT)
    seed = source.provenance.get("seed", "")
    return Facts(f"{program['name']} {program['version']}, seed {seed}; see where this comes from.", REPORTED)


def _limits(source: ReportSource) -> Facts:
    return Facts(
        singular(f"{len(source.evaluation.notes)} notes of the run; the assumptions are listed above.")
    )


EPOC_FACTS: dict[str, Callable[[ReportSource], Facts]] = {
    "independent_of_other_changes": _independent,
    "shape_pre_specified": _shape,
    "data_collection_unaffected": _collection,
    "outcome_objective": _objective,
    "incomplete_data": _incomplete,
    "selective_reporting": _selective,
    "other_bias": _other,
}
REPORTING_FACTS: dict[str, Callable[[ReportSource], Facts]] = {
    "rationale": _rationale,
    "setting": _setting,
    "outcome": _outcome,
    "interruption": _interruption,
    "other_events": _other_events,
    "periods": _periods,
    "missing": _missing,
    "model": _model,
    "autocorrelation": _autocorrelation,
    "season": _season,
    "trend": _trend,
    "effects": _effects,
    "counterfactual": _counterfactual,
    "controls": _controls,
    "sensitivity": _sensitivity,
    "multiplicity": _multiplicity,
    "power": _power,
    "software": _software,
    "limits": _limits,
}
