"""The assumptions log: what the conclusions rest on, what this run did about each, what people must judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from its_eval.report.blocks import Section, Table, plain, text_cell
from its_eval.report.plain_words import span_words
from its_eval.report.sections.cells import columns

if TYPE_CHECKING:
    from its_eval.report.source import ReportSource


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


def _primary_fits(source: ReportSource) -> pd.DataFrame:
    return pd.concat([source.primary_fits(outcome) for outcome in source.outcomes])


def _trend_facts(source: ReportSource) -> str:
    fits = _primary_fits(source)
    if fits.empty:
        return "Nothing was fitted."
    drifting = int(fits["flags"].astype(str).str.contains("near_unit_root").sum())
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
    fits = _primary_fits(source)
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
