"""Results that are on disk already: reported again, or several on one page."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.figures.catalogue import report_tasks
from its_eval.figures.drawing import draw_figures, figures_of_the_report
from its_eval.provenance import MANIFEST, REPORT
from its_eval.report.blocks import Cell, Link, Section, Table, plain, text_cell
from its_eval.report.cells import ANSWER_TITLES, BLANK, FOUND, answer_rows, columns, shown_answers
from its_eval.report.checklists import load_answers
from its_eval.report.house_style import HouseStyle, load_house_style
from its_eval.report.html import render_page, render_report
from its_eval.report.source import with_every_table
from its_eval.report.write import replace_text
from its_eval.words.labels import ADJUSTMENTS
from its_eval.words.numbers import p_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from its_eval.evaluation import Evaluation
    from its_eval.report.blocks import Column
    from its_eval.report.source import StoredRun


class OverviewEntry(Struct, frozen=True):
    """One run of an overview.

    Attributes
    ----------
    name : str
        Short name of the run.
    evaluation : Evaluation
        Its result.
    report : str
        Address of its report as seen from the overview; blank when it has none.
    """

    name: str
    evaluation: Evaluation
    report: str


class Adjustment(Struct, frozen=True):
    """How p-values are adjusted over all runs.

    Attributes
    ----------
    method : {"holm", "bh"}
        Its name.
    adjust : callable
        Adjusted p-values from p-values and the size of their family.
    """

    method: str
    adjust: Callable[[NDArray[np.float64], int], NDArray[np.float64]]


def render_overview(
    entries: Sequence[OverviewEntry],
    *,
    style: HouseStyle | None = None,
    version: str,
    over_runs: Adjustment | None = None,
) -> str:
    """Return one page over several runs as HTML.

    Parameters
    ----------
    entries : sequence of OverviewEntry
        The runs, in the order of the page.
    style : HouseStyle, optional
        The looks of an organisation.
    version : str
        Version of the program.
    over_runs : Adjustment, optional
        How p-values are adjusted over all runs, those of the units and those of the sets each as a family;
        then a column shows them.

    Notes
    -----
    No traffic lights: a direction stands in words beside its interval, and what is unclear says what would
    have been found. Numbers carry ``data-value`` and ``data-source`` (``run:table:row:column``).
    """
    style = style or HouseStyle()
    # a result that is older lacks some columns
    entries = [replace(entry, evaluation=with_every_table(entry.evaluation)) for entry in entries]
    return render_page(
        "overview.html.j2",
        style=style,
        title=style.title or "Overview",
        first=None,
        sections=[*_sets(entries, over_runs), _all_answers(entries, over_runs), _runs(entries)],
        version=version,
    )


def _lines(
    entries: Sequence[OverviewEntry], over_runs: Adjustment | None, *, together: bool
) -> tuple[tuple[Column, ...], list[list[Cell]]]:
    """Return a row per answer of all runs, about the units of each as a set or about each unit, and titles.

    Behind what every run says stand the p-value over all runs, where it is asked for, and the run.
    """
    lines: list[list[Cell]] = []
    p_values: list[float] = []
    for entry in entries:
        source, address = f"{entry.name}:verdicts", entry.report or None
        own = answer_rows(entry.evaluation, source, address, together=together)
        lines += [[*line, text_cell(entry.name)] for line in own]
        if over_runs is not None:
            known = shown_answers(entry.evaluation, together=together)["p_value"].to_numpy(dtype=np.float64)
            # series without an answer stand behind those with one, and are questions too
            p_values += [*known, *[np.nan] * (len(own) - len(known))]
    titles = (*ANSWER_TITLES, *columns("Run"))
    if over_runs is None:
        return titles, lines
    adjusted = over_runs.adjust(np.array(p_values), len(lines))
    over_all = [Cell((p_number(p),), sort=repr(float(p))) if np.isfinite(p) else BLANK for p in adjusted]
    wider = [[*line[:-1], cell, line[-1]] for line, cell in zip(lines, over_all, strict=True)]
    return (*ANSWER_TITLES, *columns("p over all runs#", "Run")), wider


def _sets(entries: Sequence[OverviewEntry], over_runs: Adjustment | None) -> list[Section]:
    """Return the answers about all units of each run together; nothing where no run has several units."""
    titles, lines = _lines(entries, over_runs, together=True)
    if not lines:
        return []
    # in short: what was found, and the p-value over all runs
    kept = [*range(FOUND), *range(len(ANSWER_TITLES), len(titles) - 1)]
    short = [[line[place] for place in kept] for line in lines]
    heads = (*columns("Run"), *(titles[place] for place in kept[1:]))
    table = Table("table-sets", "All units of a run together", heads, short)
    return [Section("sets", "The answers in short", [table])]


def _all_answers(entries: Sequence[OverviewEntry], over_runs: Adjustment | None) -> Section:
    titles, lines = _lines(entries, over_runs, together=False)
    each = "A row per unit, outcome and comparison."
    within = (
        "The p-values are adjusted within each run, not over all rows: among many rows some small ones are "
        "to be expected."
    )
    if over_runs is not None:
        within = (
            "What can be said is concluded within each run. The column “p over all runs” is adjusted for all "
            f"rows of this table, {ADJUSTMENTS[over_runs.method]}."
        )
    opening = plain(f"{each} {within}")
    table = Table("table-overview", "All answers, with intervals beneath", titles, lines)
    return Section("overview", "All answers", [opening, table])


def _runs(entries: Sequence[OverviewEntry]) -> Section:
    lines = []
    for entry in entries:
        report: Cell = Cell((Link("report", entry.report),)) if entry.report else text_cell("none")
        notes = " ".join(entry.evaluation.notes)
        lines.append(
            [text_cell(entry.name), text_cell(entry.evaluation.title), report, text_cell(notes or "–")]
        )
    table = Table("table-runs", "Runs on this page", columns("Run", "Title", "Report", "To know"), lines)
    return Section("runs", "The runs", [table])


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
    with _drawings(run) as folder:
        return render_report(
            run.evaluation,
            folder,
            settings=run.settings,
            provenance=run.manifest,
            style=None if style is None else load_house_style(style),
            answers=None if answers is None else load_answers(answers),
        )


@contextlib.contextmanager
def _drawings(run: StoredRun) -> Iterator[Path]:
    """Give the folder of all figures of a result: its own, or one where they are drawn again."""
    # a result with every figure keeps them; of a run without figures there is none to draw
    drawn_before = bool(run.manifest.get("figures"))
    if not drawn_before or any(
        (run.figures / f"{task.stem}.svg").is_file() for task in report_tasks(run.evaluation)
    ):
        yield run.figures
        return
    with tempfile.TemporaryDirectory() as drawn:
        copies = figures_of_the_report(run.evaluation, Path(drawn))
        draw_figures(run.evaluation, copies, 1, lambda *_: None)
        yield Path(drawn)


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
