"""Reports of results that are on disk already."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from its_eval.provenance import MANIFEST
from its_eval.report.checklists import load_answers
from its_eval.report.house_style import load_house_style
from its_eval.report.html import render_report
from its_eval.report.overview import OverviewEntry
from its_eval.report.write_page import replace_text

if TYPE_CHECKING:
    from its_eval.report.read_run import StoredRun

REPORT = "report.html"


def report_of(run: StoredRun, *, style: Path | None = None, answers: Path | None = None) -> str:
    """Return the report of a stored result as HTML.

    Parameters
    ----------
    run : StoredRun
        The result.
    style, answers : Path, optional
        Files to use instead of those that the config names.

    Raises
    ------
    ConfigError
        When one of the files is faulty.
    """
    chosen = run.config.output.report
    style, answers = style or chosen.style, answers or chosen.answers
    return render_report(
        run.evaluation,
        run.figures,
        settings=run.settings,
        provenance=run.manifest,
        style=None if style is None else load_house_style(style),
        answers=None if answers is None else load_answers(answers),
    )


def replace_report(run: StoredRun, page: str) -> Path:
    """Put a report into the folder of its run, tell the manifest, and return the file.

    The manifest knows the hash of every file of the result, so that the folder stays whole.
    """
    path = run.folder / REPORT
    replace_text(path, page)
    outputs = dict(run.manifest["outputs"]) | {REPORT: hashlib.sha256(page.encode("utf-8")).hexdigest()}
    content = dict(run.manifest) | {"outputs": dict(sorted(outputs.items()))}
    replace_text(run.folder / MANIFEST, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return path


def entries_of(runs: Sequence[StoredRun], out: Path) -> list[OverviewEntry]:
    """Return runs as entries of an overview, with links that hold from where it is written."""
    folders = [run.folder.resolve() for run in runs]
    names = [folder.name for folder in folders]
    entries = []
    for run, folder in zip(runs, folders, strict=True):
        name = folder.name if names.count(folder.name) == 1 else "/".join(folder.parts[-2:])
        report = folder / REPORT
        address = Path(os.path.relpath(report, out.resolve().parent)).as_posix() if report.is_file() else ""
        entries.append(OverviewEntry(name, run.evaluation, address))
    return entries
