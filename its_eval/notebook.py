"""A result where its reader looks at it: as text, in a cell of a notebook, as a figure, written out."""

from __future__ import annotations

import html
import textwrap
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

from its_eval.data.tables import nearest
from its_eval.errors import OutputError, UsageError
from its_eval.figures.catalogue import FIGURES, describe, draw
from its_eval.figures.style import figure_svg
from its_eval.words.screen import screen

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from its_eval.evaluation import Evaluation
    from its_eval.figures.kinds import FigureTask
    from its_eval.result import Result

#: Names of figures that are easier to remember.
SHORT = {"its": "main_its"}
#: Letters in a line of a screen, and lines on it.
WIDTH, LINES = 100, 48


def told(evaluation: Evaluation, *, broken: bool) -> str:
    """Return what the terminal shows of a run, at most a screen of it, its lines broken or whole."""
    rows: list[str] = []
    for line in screen(evaluation, verbose=False):
        if line.table or not line.text or not broken:
            rows.append(f"{' ' * line.indent}{line.text}")
        else:
            first = " " * line.indent
            rows += textwrap.wrap(line.text, WIDTH, initial_indent=first, subsequent_indent=f"{first}  ")
    return on_a_screen(rows)


def on_a_screen(rows: list[str]) -> str:
    """Return lines as text, without those beyond a screen, which are counted."""
    more = len(rows) - LINES
    return "\n".join(rows if more <= 0 else [*rows[:LINES], f"… {more} more: summary() has every answer"])


def figures_of(
    evaluation: Evaluation, kind: str, unit: str | None, outcome: str | None, design: str | None
) -> list[FigureTask]:
    """Return the figures of a kind that fit, those of a comparison before those of a unit alone."""
    asked = {"unit": unit, "outcome": outcome, "design": design}
    given = {name: value for name, value in asked.items() if value is not None}
    tasks = [
        task
        for task in FIGURES[kind].tasks(evaluation)
        # a figure of no unit in particular shows every one
        if all(getattr(task, name) in ("", value) for name, value in given.items())
    ]
    outcomes = list(evaluation.outcomes)
    units = (unit for about in evaluation.outcomes.values() for unit in about["starts"])
    order = {name: place for place, name in enumerate(dict.fromkeys(units))}
    return sorted(
        tasks,
        key=lambda task: (
            outcomes.index(task.outcome) if task.outcome in outcomes else len(outcomes),
            order.get(task.unit, -1),
            task.design == "single",
            task,
        ),
    )


def plot(
    evaluation: Evaluation, unit: str | None, kind: str, outcome: str | None, design: str | None
) -> Figure:
    """Return a figure of a result, see `Result.plot`."""
    name = SHORT.get(kind, kind)
    if name not in FIGURES:
        raise UsageError(f"kind {kind!r}: there is no such figure; {nearest(kind, [*SHORT, *FIGURES])}")
    tasks = figures_of(evaluation, name, unit, outcome, design)
    if not tasks:
        every = FIGURES[name].tasks(evaluation)
        for key, value in (("unit", unit), ("outcome", outcome), ("design", design)):
            known = sorted({getattr(task, key) for task in every} - {""})
            if value is not None and known and value not in known:
                raise UsageError(f"{key} {value!r}: no figure {kind!r} is about it; {nearest(value, known)}")
        there = sorted({task.kind for one in FIGURES.values() for task in one.tasks(evaluation)})
        raise UsageError(f"kind {kind!r}: the result has no numbers for it", f"there are: {', '.join(there)}")
    return draw(evaluation, tasks[0])[0]


def cell(result: Result, text: str) -> str:
    """Return the answer as HTML, with the main figure beneath where there is one."""
    evaluation: Evaluation = result.evaluated(result.first_unit())
    parts = [_lines(text)]
    for task in figures_of(evaluation, SHORT["its"], None, None, None)[:1]:
        picture = b64encode(figure_svg(draw(evaluation, task)[0]).encode()).decode("ascii")
        words = html.escape(describe(evaluation, task), quote=True)
        style = "width:100%;max-width:960px;background:white"
        parts.append(f'<img alt="{words}" style="{style}" src="data:image/svg+xml;base64,{picture}">')
    return f"<div>{''.join(parts)}</div>"


def _lines(text: str) -> str:
    """Return lines of text as HTML that breaks them where the cell ends, and sets what follows in."""
    parts = []
    for line in text.split("\n"):
        words = line.lstrip(" ")
        edge = len(line) - len(words) + 2
        style = f"padding-left:{edge}ch;text-indent:-2ch;min-height:1lh"
        parts.append(f'<div style="{style}">{html.escape(words)}</div>')
    style = "font-family:monospace;white-space:pre-wrap;margin-bottom:1em"
    return f'<div style="{style}">{"".join(parts)}</div>'


def save(evaluation: Evaluation, folder: Path, *, force: bool) -> Path:
    """Write a result as a run does."""
    from its_eval.pipeline.produce import Wanted, produce  # noqa: PLC0415  (start-up time)

    _require_whole(evaluation)
    produce(
        evaluation.made_of[0],
        None,
        folder,
        command="its_eval: Result.save",
        wanted=Wanted(),
        force=force,
        jobs=1,
        progress=lambda *_: None,
        done=evaluation,
    )
    return folder


def report(evaluation: Evaluation, path: Path) -> Path:
    """Write the report of a result to one file."""
    from its_eval.pipeline.produce import report_page  # noqa: PLC0415  (start-up time)

    _require_whole(evaluation)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise OutputError(f"{path}: expected the path of a file in a folder that is there")
    page = report_page(evaluation, command="its_eval: Result.report")
    try:
        path.write_text(page, encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from None
    return path


def _require_whole(evaluation: Evaluation) -> None:
    """Refuse a result that was read: what it was made of is not there."""
    if evaluation.made_of is None:
        raise UsageError(f"{evaluation.title}: only a result of `evaluate` or `fit` can be written again")
