"""Where the report comes from: program, libraries, config and inputs, by version and hash."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING

from its_eval.report.blocks import Cell, Code, Section, Table, plain, text_cell
from its_eval.report.sections.cells import columns

if TYPE_CHECKING:
    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource


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
