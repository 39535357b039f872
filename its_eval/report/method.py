"""The chapter of the method: methods in words, assumptions, checklists, and where the report comes from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING

from its_eval.report.blocks import Bullets, Cell, Code, Heading, Section, Table, plain, text_cell
from its_eval.report.cells import columns
from its_eval.report.checklists import checklist
from its_eval.report.source import n_drifting
from its_eval.words.labels import course_words
from its_eval.words.methods import TRENDS, method_sentences
from its_eval.words.numbers import span_words

if TYPE_CHECKING:
    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource


def method(source: ReportSource) -> tuple[Section, ...]:
    """Return how it was done, what it rests on, checklists for readers, and where it comes from."""
    return _methods(source), _assumptions(source), checklist(source), _origin(source)


def _methods(source: ReportSource) -> Section:
    """Return what was done, in words."""
    blocks: list[Block] = []
    for title, sentences in method_sentences(source.settings, source.table("error_model")).items():
        blocks += [Heading(title), Bullets([plain(sentence) for sentence in sentences])]
    return Section("methods", "How this was done", blocks)


def _assumptions(source: ReportSource) -> Section:
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
    entries = [
        (
            f"Without the intervention the {course_words(*source.designs)} would have gone on.",
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
            f"Shape: {source.shape}, the same for all units.",
            "Is there a reason to expect this shape? Look at the figures.",
        ),
        (
            "Periods depend on each other as the error model says, and the season stays the same.",
            _error_facts(source),
            "Do the residual checks ask for attention?",
        ),
    ]
    if set(source.designs) - {"single"}:
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
    curved = curved[curved["check"].astype(str).eq("trend_bounds") & curved["status"].eq("attention")]
    shortest = int(fits["n_pre"].min())
    courses = dict.fromkeys(entry.get("trend", "linear") for entry in source.settings["outcomes"])
    through = " or ".join(TRENDS[course] for course in courses)
    words = f"{through[0].upper()}{through[1:]} through at least {shortest} periods before the start."
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


def _origin(source: ReportSource) -> Section:
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
    again = "Running the config again with these versions on these files gives the same tables."
    beside = " manifest.json, beside this report, holds the hash of every file of the result."
    blocks: list[Block] = [
        plain(again + (beside if "outputs" in known else "")),
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
