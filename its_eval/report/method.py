"""The chapter of the method: methods in words, assumptions, and where the report comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from its_eval.report.blocks import Bullets, Cell, Code, Heading, Section, Table, plain, text_cell
from its_eval.report.cells import columns
from its_eval.report.checks import ESTIMATOR_WORDS
from its_eval.report.source import n_drifting
from its_eval.words.labels import estimand_words
from its_eval.words.numbers import span_words

if TYPE_CHECKING:
    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource


_SHAPES = {
    "step": "a jump at the start that stays",
    "slope": "a change of trend from the start on, without a jump",
    "step_and_slope": "a jump at the start and a change of trend from then on",
}
_DESIGNS = {
    "single": "Single: the unit's own series.",
    "difference": (
        "Difference: the unit's series minus the mean of its peers, so that what happens to all of them "
        "cancels. The peers are taken as given: the interval is about the gap to these peers."
    ),
    "peer_mean": "Peer mean: unit and mean of peers in one model, each with its own trend and change.",
    "stacked": "Stacked: unit and all its peers in one model, the unit with a trend and change of its own.",
    "synthetic": (
        "Synthetic control: the unit minus the weighted mean of other units that follows it best before the "
        "start; its inference rests on placebo units alone."
    ),
}
_SEASONS = {
    "none": "no season",
    "months": "a term for each calendar month",
    "quarters": "a term for each quarter",
    "weeks": "a term for each week of the year",
    "auto": "a form that goes by the number of periods",
}
#: How p-values of several units are adjusted.
ADJUSTMENTS = {
    "holm": "by Holm's method",
    "bh": "by the method of Benjamini and Hochberg, which is for exploring",
    "none": "not at all",
}
_MISSING = {
    "mask": "Missing periods are left out; their place in time is kept and nothing is filled in.",
    "error": "A missing period of a treated unit stops the run, and a unit with one is no peer.",
    "drop_unit": "A unit with a missing period, treated or not, is left out and reported.",
}
_TRANSFORMS = {
    "log": "on logarithms, so that effects are changes in per cent",
    "logit": "on log odds",
}


def methods(source: ReportSource) -> Section:
    """Return what was done, in words."""
    settings = source.settings
    groups = (
        ("Data and time", _data(settings)),
        ("Model", _model(settings)),
        ("Estimation", _estimation(settings)),
        ("Comparison", _comparison(settings)),
        ("Quantities and conclusions", _conclusions(source)),
    )
    blocks: list[Block] = []
    for title, sentences in groups:
        blocks += [Heading(title), Bullets([plain(sentence) for sentence in sentences])]
    return Section("methods", "How this was done", blocks)


def _data(settings: Mapping[str, Any]) -> Iterator[str]:
    frequency = settings["data"]["frequency"]
    for outcome in settings["outcomes"]:
        window = f"{outcome.get('start') or 'the first'} to {outcome.get('end') or 'the last available'}"
        unit = f", in {outcome['unit']}" if outcome.get("unit") else ""
        better = f"; {outcome['better']} is better" if outcome.get("better") else ""
        yield (
            f"{outcome['label']} (indicator {outcome['indicator']}): {outcome['kind']}{unit}, one value per "
            f"{frequency}, {window}{better}."
        )
    yield _MISSING[settings["data"]["missing"]]
    smallest = settings["data"].get("min_denominator")
    if smallest is not None:
        yield f"Values with a denominator below {smallest:g} are left out."
    for event in settings["events"]:
        until = f" to {event['until']}" if event.get("until") else ""
        where = ", ".join([*event.get("outcomes", ()), *event.get("units", ())])
        doing = {"note": "shown, not fitted", "mask": "periods left out"}
        fate = doing.get(event["as"], f"fitted as {event['as'].replace('_', ' ')}")
        yield f"Event: {event['name']}, {event['date']}{until}{f' ({where})' if where else ''}: {fate}."


def _model(settings: Mapping[str, Any]) -> Iterator[str]:
    intervention = settings["intervention"]
    start = intervention.get("date") or "the date of each unit"
    yield (
        f"Segmented regression: a straight line before {start}, and {_SHAPES[intervention['shape']]}. The "
        f"first affected {settings['data']['frequency']} counts as after."
    )
    phase_in = intervention["phase_in"]
    if phase_in["periods"]:
        how = {"exclude": "left out", "ramp": "fitted as a ramp from none to all of the jump"}
        yield f"The first {phase_in['periods']} periods are phase-in: {how[phase_in['as']]}."
    for entry, labels in _grouped(settings, "seasonality").items():
        yield f"Season ({labels}): {entry}."
    for outcome in settings["outcomes"]:
        if outcome["transform"] != "none":
            yield f"{outcome['label']} is modelled {_TRANSFORMS[outcome['transform']]}."
        if outcome.get("covariates"):
            named = ", ".join(str(covariate["indicator"]) for covariate in outcome["covariates"])
            yield f"{outcome['label']} has covariates: {named}."


def _season_words(entry: Any) -> str:
    if isinstance(entry, Mapping):
        pairs = int(entry["harmonics"])
        return f"{pairs} pair{'s' if pairs > 1 else ''} of sine and cosine"
    return _SEASONS[entry]


def _grouped(settings: Mapping[str, Any], key: str) -> dict[str, str]:
    """Return what outcomes have in words, each with the labels of the outcomes that share it."""
    groups: dict[str, list[str]] = {}
    for outcome in settings["outcomes"]:
        words = _season_words(outcome[key]) if key == "seasonality" else _estimator_list(outcome[key])
        groups.setdefault(words, []).append(outcome["label"])
    whole = len(groups) == 1
    return {words: "all outcomes" if whole else ", ".join(labels) for words, labels in groups.items()}


def _estimator_list(entries: list[Mapping[str, Any]]) -> str:
    return "; ".join(
        f"{ESTIMATOR_WORDS.get(entry['name'], entry['name'])} ({entry['label']})" for entry in entries
    )


def _estimation(settings: Mapping[str, Any]) -> Iterator[str]:
    for words, labels in _grouped(settings, "estimators").items():
        first, _, others = words.partition("; ")
        beside = f" Beside it, for comparison: {others}." if others else ""
        yield f"Estimator of {labels}: {first}.{beside}"
    used = {entry["name"]: entry for outcome in settings["outcomes"] for entry in outcome["estimators"]}
    if used.keys() & {"reml_ar", "reml_ar_noise"}:
        yield (
            "REML: restricted maximum likelihood with first-order Kenward–Roger standard errors and "
            "Satterthwaite degrees of freedom, which keep their level on short autocorrelated series."
        )
    if used.get("reml_ar", {}).get("order") == "auto":
        yield "The autoregressive order is 2 from 48 usable periods and 1 from 16; never chosen by residuals."
    if any(outcome["kind"] == "percentage" for outcome in settings["outcomes"]):
        yield (
            "Percentages with denominators: a period counts by its sampling variance and what varies beside "
            "it, so that a month with few answers counts less (REML only)."
        )


def _comparison(settings: Mapping[str, Any]) -> Iterator[str]:
    for design in settings["designs"]:
        yield _DESIGNS[design]
    peers = settings.get("peers")
    if not peers:
        return
    given = peers.get("given") or {}
    for unit, named in given.items():
        yield f"Peers of {unit} are given: {', '.join(named)}."
    if not isinstance(settings["treated"], str) and set(settings["treated"]) <= given.keys():
        # nobody's peers are searched
        return
    chosen = "all eligible units" if peers["k"] == "all" else f"the {peers['k']} nearest eligible units"
    how = f"by the published recipe {peers['preset']}" if peers.get("preset") else _distance_words(peers)
    yield (
        f"Peers are {chosen}, {how}. Treated units are never peers, and a peer needs data for "
        f"{100.0 * float(peers['min_coverage']):g} % of the periods before and of those after the start."
    )
    if peers["within"]:
        yield f"Peers agree with the unit in {', '.join(peers['within'])}."
    if peers["exclude"]:
        yield f"Never peers: {', '.join(peers['exclude'])}."


def _distance_words(peers: Mapping[str, Any]) -> str:
    variables = ", ".join(peers["variables"] or ()) or "all numeric characteristics"
    weights = ", ".join(f"{name} {weight:g}" for name, weight in (peers.get("weights") or {}).items())
    weighted = f" (weights other than 1: {weights})" if weights else ""
    return f"by {peers['metric'].capitalize()} distance, scale {peers['scale']}, over {variables}{weighted}"


def _conclusions(source: ReportSource) -> Iterator[str]:
    settings = source.settings
    about = source.about(source.outcomes[0])
    yield (
        f"The quantity that answers is the {estimand_words(source.primary, about)}; all others are "
        f"described. Intervals have {100.0 * float(settings['confidence']):.6g} % coverage, and a p-value "
        "comes from the same procedure as its interval."
    )
    adjustment = settings["multiplicity"]
    yield (
        "p-values of the treated units of one outcome and design are adjusted "
        f"{ADJUSTMENTS[adjustment['method']]}."
    )
    margin = settings["estimands"].get("margin")
    if margin is not None:
        yield f"An interval within ±{float(margin):g} shows that no larger effect is there."
    yield (
        "“No clear evidence” means that the adjusted p-value is not below the level; the smallest detectable "
        "change says what would have been found with 80 % power."
    )


def assumptions(source: ReportSource) -> Section:
    """Return a table of assumptions."""
    lines = [[text_cell(what), text_cell(done), text_cell(left)] for what, done, left in _entries(source)]
    table = Table(
        "table-assumptions",
        "What the conclusions rest on",
        columns("Assumption", "What this run did about it", "Left to people"),
        lines,
    )
    opening = "A conclusion is as good as the weakest of these. None of them can be proved from the data."
    return Section("assumptions", "Assumptions", [plain(opening), table])


def _entries(source: ReportSource) -> list[tuple[str, str, str]]:
    settings = source.settings
    controlled = [design for design in settings["designs"] if design != "single"]
    entries = [
        (
            "Without the intervention the earlier trend would have gone on.",
            _trend_facts(source),
            "Was the start chosen because the series looked unusual? Then it would have returned by itself.",
        ),
        (
            "Nothing else that matters for the outcome happened at the start.",
            _event_facts(source),
            "Other programmes, changes of staff, of coding, of services at that time.",
        ),
        (
            "The outcome was measured in the same way before and after.",
            "Nothing: the data cannot show it. Changes of definition can be listed as events.",
            "Ask those who collect the data.",
        ),
        (
            "The start is dated rightly, and nobody acted ahead of it.",
            _phase_in_facts(source),
            "When did people on the ground begin to work differently?",
        ),
        (
            "The change has the shape of the model.",
            f"Shape: {settings['intervention']['shape'].replace('_', ' ')}, the same for all units.",
            "Is there a reason to expect this shape? Look at the figures.",
        ),
        (
            "Periods depend on each other as the error model says, and the season stays the same.",
            _error_facts(source),
            "Do the residual checks ask for attention?",
        ),
    ]
    if controlled:
        entries += [
            (
                "The gap to the peers would have gone on as before: unit and peers meet the same shocks.",
                _peer_facts(source),
                "Are these units alike in what matters for this outcome?",
            ),
            (
                "The intervention did not reach the peers.",
                _spillover_facts(source),
                "Did peers join the programme, copy it, or lose staff or patients to it?",
            ),
        ]
    return entries


def _trend_facts(source: ReportSource) -> str:
    fits = source.answering_fits
    if fits.empty:
        return "Nothing was fitted."
    drifting = n_drifting(fits)
    curved = source.table("checks")
    curved = curved[curved["check"].astype(str).str.contains("curvature") & (curved["status"] == "attention")]
    shortest = int(fits["n_pre"].min())
    words = f"A straight line through at least {shortest} periods before the start."
    words += f" {drifting} of {len(fits)} series drift like a random walk." if drifting else ""
    return words + (f" {len(curved)} series bend before the start." if len(curved) else "")


def _event_facts(source: ReportSource) -> str:
    events = source.settings["events"]
    if not events:
        return "No other event is listed in the config."
    listed = "; ".join(
        f"{event['name']} ({event['date']}, {event['as'].replace('_', ' ')})" for event in events
    )
    return f"Events listed in the config: {listed}."


def _phase_in_facts(source: ReportSource) -> str:
    phase_in = source.settings["intervention"]["phase_in"]
    if not phase_in["periods"]:
        return "The whole change is dated to the start; no phase-in."
    return f"{phase_in['periods']} periods of phase-in, as {phase_in['as']}."


def _error_facts(source: ReportSource) -> str:
    fits = source.answering_fits
    known = fits[fits["rho1"].notna()]
    words = "No autoregressive error model was fitted."
    if len(known):
        words = f"Estimated first autocorrelations: {span_words(known['rho1'].min(), known['rho1'].max())}."
    made = len(source.table("checks"))
    return (
        f"{words} {made} check{'s were' if made > 1 else ' was'} made."
        if made
        else f"{words} No residual checks in this run."
    )


def _peer_facts(source: ReportSource) -> str:
    peers = source.table("peers")
    placebo = source.table("placebo_units")
    known = len(set(peers["peer"])) if len(peers) else 0
    words = f"{known} different units serve as peers; how alike they are stands with the peers."
    return words + (" Placebo units show how often such gaps change by themselves." if len(placebo) else "")


def _spillover_facts(source: ReportSource) -> str:
    peers = {str(peer) for peer in source.table("peers")["peer"]}
    exposed = [
        f"{event['name']} ({', '.join(sorted(peers & set(event['units'])))})"
        for event in source.settings["events"]
        if peers & set(event.get("units") or ())
    ]
    excluded = (source.settings.get("peers") or {}).get("exclude") or ()
    words = f"Units set aside in the config: {', '.join(excluded)}." if excluded else "No unit was set aside."
    return words + (f" Events that concern peers: {'; '.join(exposed)}." if exposed else "")


def origin(source: ReportSource) -> Section:
    """Return versions and hashes; nothing that differs between two runs of one config on one machine.

    Folders are left out: a report may go to people who need not know them.
    """
    known = source.provenance
    if not known:
        return Section("origin", "Where this comes from", [plain("Not recorded.", "quiet")])
    program: Mapping[str, str] = known.get("program", {})
    lines = [
        [text_cell("Program"), text_cell(f"{program.get('name', '')} {program.get('version', '')}".strip())],
        [text_cell("Python"), text_cell(str(known.get("python", "")))],
        *(
            [text_cell(name), text_cell(version)]
            for name, version in sorted((known.get("libraries") or {}).items())
        ),
        [text_cell("Seed of everything random"), text_cell(str(known.get("seed", "")))],
    ]
    hashes: dict[str, str] = {}
    config: Mapping[str, str] = known.get("config", {})
    if config:
        hashes[f"config: {PurePath(config['path']).name}"] = config["sha256"]
    for path, digest in (known.get("inputs") or {}).items():
        hashes[_distinct(PurePath(path), known["inputs"])] = digest
    files = [[text_cell(name), Cell((Code(digest),), sort=digest)] for name, digest in hashes.items()]
    blocks: list[Block] = [
        plain(
            "Running the config again with these versions on these files gives the same tables. "
            "manifest.json, beside this report, holds the hash of every file of the result."
        ),
        Table("table-versions", "Versions", columns("What", "Version"), lines),
        Table("table-inputs", "Files read", columns("File", "SHA-256"), files),
    ]
    return Section("origin", "Where this comes from", blocks)


def _distinct(path: PurePath, others: Mapping[str, str]) -> str:
    """Return the name of a file, with as many folders as tell it from the others."""
    tails = (path.parts[-length:] for length in range(1, len(path.parts) + 1))
    others_end = [PurePath(other).parts for other in others]
    return "/".join(
        next(tail for tail in tails if sum(other[-len(tail) :] == tail for other in others_end) == 1)
    )
