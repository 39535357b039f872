"""A page for a board: the question, the answer, the main figure, one interval a unit, and what weakens it.

A sheet of A4, crosswise. Its words are those of the first screen of the report (`words/board.py`).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from msgspec import Struct

from its_eval.figures.catalogue import FIGURES
from its_eval.figures.forest import draw_intervals
from its_eval.figures.kinds import SINGLE, FigureKind, FigureTask
from its_eval.figures.small_forest import forest_of_one, small_forests
from its_eval.figures.style import (
    FONT_SIZE,
    INK,
    LINE_HEIGHT,
    QUIET,
    UNIT,
    blank_figure,
    draw_dots,
    house_style,
    text_width,
    told_apart,
    wrap,
)
from its_eval.words.board import LEADING, board_answer, board_question, origin_words, weak_words
from its_eval.words.screen import NAMED_DOUBTS, main_design
from its_eval.words.verdicts import answers_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from its_eval.evaluation import Evaluation
    from its_eval.figures.small_forest import SmallForest

#: Of a sheet of A4, in inches: printed on one, letters of 12 points are of 10.
_WIDTH, _HEIGHT = 14.0, 9.9
_MARGIN = 0.5
_INNER = _WIDTH - 2.0 * _MARGIN
#: Units in a forest, by how many forests stand beneath each other.
_MOST_UNITS = {1: 9, 2: 3}
#: Of so many units small charts side by side can still be read.
_MOST_CHARTS = 6
#: Pixels an inch of the picture within the page: those of a PNG file, so that it is not scaled again.
_DPI = 150.0


class BoardLabels(Struct, frozen=True):
    """What the page says in words, and the figure that it shows.

    Attributes
    ----------
    title : str
        Title of the study.
    status : str
        ``draft``, ``final`` or blank.
    question : str
        In one sentence.
    answers : tuple of (str, str)
        Of each interruption what was found, and what may be concluded from it.
    forests : tuple of SmallForest
        Words and scales of the intervals; their numbers are drawn from the table.
    picture : tuple of FigureTask, DataFrame and labels, or None
        The main figure, whose numbers stand in its own file.
    weak : tuple of str
        What weakens the answer, the gravest first.
    more : int
        How many reasons more there are.
    origin : str
        One line about data, window, version and contact.
    """

    title: str
    status: str
    question: str
    answers: tuple[tuple[str, str], ...]
    forests: tuple[SmallForest, ...]
    picture: tuple[FigureTask, pd.DataFrame, Any] | None
    weak: tuple[str, ...]
    more: int
    origin: str


def _forests(evaluation: Evaluation, outcome: str) -> tuple[SmallForest, ...]:
    design = main_design(answers_of(evaluation, outcome))
    n_forests = len(small_forests(evaluation, outcome, design, 1))
    most = _MOST_UNITS.get(n_forests, 2)
    alone = forest_of_one(evaluation, outcome, design) if n_forests == 0 else None
    return (alone,) if alone else tuple(small_forests(evaluation, outcome, design, most))


def board_data(evaluation: Evaluation, task: FigureTask) -> pd.DataFrame:
    """Return the intervals on the page, one row each.

    Returns
    -------
    DataFrame
        ``began`` (interruption; blank where there is only one), ``unit`` (blank for all together), ``name``,
        ``verdict`` (in few words), ``estimate``, ``low``, ``high``.

    Notes
    -----
    The numbers of the figure beside them stand with that figure.
    """
    rows = [
        {"began": forest.began, "unit": line.unit, "name": line.name, "verdict": line.verdict}
        | {"estimate": line.estimate, "low": line.low, "high": line.high}
        for forest in _forests(evaluation, task.outcome)
        for line in forest.lines
    ]
    columns = ("began", "unit", "name", "verdict", "estimate", "low", "high")
    frame = pd.DataFrame.from_records(rows, columns=list(columns))
    return frame.astype(dict.fromkeys(columns[4:], "float64"))


def board_labels(evaluation: Evaluation, task: FigureTask) -> BoardLabels:
    """Return the words of the page."""
    outcome = task.outcome
    rows = answers_of(evaluation, outcome)
    design = main_design(rows)
    units = sorted({*rows["unit"], *evaluation.rows_of("not_estimated", outcome)["unit"]})
    weak = weak_words(evaluation, {outcome: design})
    origin = evaluation.origin
    return BoardLabels(
        evaluation.title,
        str(origin.get("status", "")),
        board_question(evaluation, [evaluation.outcomes[outcome]], units, design),
        tuple(
            (" ".join(said[:LEADING]), " ".join(said[LEADING:]))
            for said in board_answer(evaluation, outcome, design)
        ),
        _forests(evaluation, outcome),
        _picture(evaluation, outcome, design),
        tuple(weak[:NAMED_DOUBTS]),
        len(weak[NAMED_DOUBTS:]),
        origin_words(
            origin.get("files", ()),
            evaluation.rows_of("series", outcome)["period"],
            str(origin.get("program", "")),
            str(origin.get("contact", "")),
        ),
    )


def _picture(
    evaluation: Evaluation, outcome: str, design: str
) -> tuple[FigureTask, pd.DataFrame, Any] | None:
    """Return the figure of the answer: of all units together, of few side by side, or of the only unit."""
    n_units = evaluation.rows_of("series", outcome)["unit"].nunique()
    few = ("small_multiples",) if n_units <= _MOST_CHARTS else ()
    for name in ("together", *few, *(("main_its",) if n_units == 1 else ())):
        kind = FIGURES[name]
        tasks = [task for task in kind.tasks(evaluation) if task.outcome == outcome]
        # side by side there may be only the units' own levels
        tasks.sort(key=lambda task: (task.design != design, task.design != SINGLE))
        if tasks and (name != "together" or tasks[0].design == design):
            return tasks[0], kind.data(evaluation, tasks[0]), kind.labels(evaluation, tasks[0])
    return None


class _Sizes(Struct, frozen=True):
    """Sizes of letters, in points."""

    question: float
    lead: float
    rest: float


#: The first with which the figure keeps its room is taken.
_SIZES = (_Sizes(20.0, 17.0, 14.0), _Sizes(18.0, 15.0, 13.0), _Sizes(16.0, 13.0, 12.0))
#: Least height of the part with figure and intervals.
_LEAST_BODY = 4.3
_GAP = 0.16


class _Words(Struct, frozen=True):
    """Lines of one size."""

    text: str
    size: float
    bold: bool = False
    colour: str = INK

    def lines(self, width: float, most: int | None = None) -> list[str]:
        """Return the text in lines of a width in inches."""
        return wrap(self.text, width * FONT_SIZE / self.size, bold=self.bold, most=most).split("\n")

    @property
    def line_height(self) -> float:
        """In inches."""
        return 1.12 * LINE_HEIGHT * self.size / FONT_SIZE

    @property
    def width(self) -> float:
        """Of the whole text on one line, in inches."""
        return text_width(self.text, bold=self.bold) * self.size / FONT_SIZE

    def height(self, width: float) -> float:
        """Return how high the lines are, in inches."""
        return self.line_height * len(self.lines(width)) if self.text else 0.0

    def write(self, figure: Figure, left: float, top: float, width: float, most: int | None = None) -> float:
        """Write the lines, and return where they end, in inches from the lower edge."""
        for line in self.lines(width, most) if self.text else ():
            top -= self.line_height
            base = top + 0.28 * self.line_height
            letters = figure.text(left / _WIDTH, base / _HEIGHT, line, va="baseline", color=self.colour)
            letters.set_fontsize(self.size)
            letters.set_fontweight("bold" if self.bold else "normal")
        return top


@house_style()
def draw_board(frame: pd.DataFrame, labels: BoardLabels) -> Figure:
    """Return the page.

    Parameters
    ----------
    frame : DataFrame
        As ``board_data`` returns it; beside the figure nothing else is drawn.
    labels : BoardLabels
        Words.
    """
    figure = blank_figure(_WIDTH, _HEIGHT)
    weak = _weak(labels)
    # beside a short forest there is room for what weakens the answer
    beside = len(frame) <= _FEW_ROWS
    foot = [] if beside else weak
    origin = _Words(labels.origin, FONT_SIZE, colour=QUIET)
    below = sum(words.height(_INNER) for words in (*foot, origin)) + _GAP * (1 + len(foot[:1]))
    for sizes in _SIZES:
        head = _head(labels, sizes)
        above = sum(words.height(_INNER) + gap for words, gap in head)
        body = _HEIGHT - 2.0 * _MARGIN - above - below
        if body >= _LEAST_BODY:
            break
    top = _HEIGHT - _MARGIN
    status = _Words(labels.status.upper(), FONT_SIZE, bold=True, colour=QUIET)
    status.write(figure, _WIDTH - _MARGIN - status.width, top, _INNER)
    for words, gap in head:
        top = words.write(figure, _MARGIN, top, _INNER) - gap
    left = _MARGIN
    if labels.picture is not None:
        left += _paste(figure, labels.picture, top, (_WIDER if beside else _MOST_WIDTH, body))
    edge = _intervals(figure, frame, labels, (left, top, _WIDTH - _MARGIN - left, body))
    for words in weak if beside else ():
        edge = words.write(figure, left, edge, _WIDTH - _MARGIN - left)
    edge = top - body - _GAP
    for words in foot:
        edge = words.write(figure, _MARGIN, edge, _INNER)
    origin.write(figure, _MARGIN, edge - _GAP * len(foot[:1]), _INNER)
    return figure


def _head(labels: BoardLabels, sizes: _Sizes) -> list[tuple[_Words, float]]:
    """Return title, question and answers, each with the gap beneath it."""
    parts = [
        (_Words(labels.title, FONT_SIZE, colour=QUIET), 0.08),
        (_Words(labels.question, sizes.question, bold=True), _GAP),
    ]
    for lead, rest in labels.answers:
        parts.append((_Words(lead, sizes.lead, colour=UNIT), 0.05 if rest else _GAP))
        parts += [(_Words(rest, sizes.rest), _GAP)] if rest else []
    return parts


def _weak(labels: BoardLabels) -> list[_Words]:
    """Return what weakens the answer, in lines."""
    more = f" And {labels.more} more: see the report." if labels.more else ""
    weak = [f"• {words}{more if words is labels.weak[-1] else ''}" for words in labels.weak]
    title = [_Words("What weakens this answer", FONT_SIZE, bold=True)] if weak else []
    return [*title, *(_Words(words, FONT_SIZE) for words in weak)]


#: Width that the figure may take beside a long and a short forest, and the gap to its right.
_MOST_WIDTH, _WIDER, _BESIDE = 7.7, 8.3, 0.35


def _paste(
    figure: Figure, picture: tuple[FigureTask, pd.DataFrame, Any], top: float, room: tuple[float, float]
) -> float:
    """Put the figure on the page, scaled to its room, and return the width that it takes with its gap."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  (start-up time)

    task, frame, words = picture
    inner = FIGURES[task.kind].draw(frame, words)
    width, height = inner.get_size_inches()
    inner.set_dpi(_DPI * min(room[0] / width, room[1] / height))
    canvas = FigureCanvasAgg(inner)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels: NDArray[np.uint8] = np.asarray(canvas.buffer_rgba()).copy()  # type: ignore[no-untyped-call]
    tall, wide = (size / _DPI for size in pixels.shape[:2])
    # on whole pixels of the file, so that no pixel falls between two
    below = round((top - tall) * _DPI) / _DPI
    axes = figure.add_axes((_MARGIN / _WIDTH, below / _HEIGHT, wide / _WIDTH, tall / _HEIGHT))
    axes.imshow(pixels, interpolation="none", aspect="auto")
    axes.set_axis_off()
    return float(wide + _BESIDE)


#: Up to so many intervals are a short forest.
_FEW_ROWS = 3
#: Height of a line of words and of the numbers of a scale, in inches; shares of the width that texts take.
_LINE, _SCALE = 1.12 * LINE_HEIGHT, 0.31
_NAMES, _VERDICTS = 0.29, 0.32
#: Between two columns of a forest.
_APART = 0.12


def _intervals(
    figure: Figure, frame: pd.DataFrame, labels: BoardLabels, room: tuple[float, float, float, float]
) -> float:
    """Draw the forests beneath each other in a room (left, top, width, height), and return where they end."""
    left, top, width, height = room
    # what several have in common is said once, beneath
    headings = {
        forest: _Words(forest.began or f"{forest.caption}.", FONT_SIZE, bold=True)
        for forest in labels.forests
    }
    common = [f"{forest.caption}. " * bool(forest.began) + forest.note for forest in labels.forests[-1:]]
    # each forest leaves out as many
    left_out = next((forest.left_out for forest in labels.forests), 0)
    more = f" {left_out} more units are in the report." if left_out else ""
    note = _Words("".join(common) + more, FONT_SIZE, colour=QUIET)
    taken = sum(words.height(width) + _LINE + _SCALE + _GAP + 0.1 for words in headings.values())
    row = min((height - taken - note.height(width)) / max(len(frame), 1), 2.2 * _LINE)
    for forest, heading in headings.items():
        top = heading.write(figure, left, top, width) - 0.06
        top = _forest(figure, frame[frame["began"].eq(forest.began)], forest, (left, top, width), row) - _GAP
    return note.write(figure, left, top + _GAP - 0.04, width) - 2.0 * _GAP


def _forest(
    figure: Figure, rows: pd.DataFrame, forest: SmallForest, place: tuple[float, float, float], tall: float
) -> float:
    """Draw one forest with rows of a height, and return where it ends."""
    left, top, width = place
    start, across = left + _NAMES * width, (1.0 - _NAMES - _VERDICTS) * width
    less, greater = (
        _Words(words, FONT_SIZE, colour=QUIET) for words in (f"← {forest.sides[0]}", f"{forest.sides[1]} →")
    )
    less.write(figure, start, top, across)
    greater.write(figure, start + across - greater.width, top, across)
    top -= _LINE + 0.04
    height = tall * len(rows)
    axes = figure.add_axes((start / _WIDTH, (top - height) / _HEIGHT, across / _WIDTH, height / _HEIGHT))
    axes.set_xlim(forest.limits.low, forest.limits.high)
    axes.set_ylim(len(rows), 0.0)
    axes.set_yticks([])
    ticks = _ticks(forest, across)
    axes.set_xticks([tick for tick, _ in ticks], [words for _, words in ticks])
    axes.axvline(forest.null, color=QUIET, linewidth=1.2, zorder=1)
    centres = np.arange(len(rows), dtype=np.float64) + 0.5
    estimate, low, high = (rows[name].to_numpy(dtype=np.float64) for name in ("estimate", "low", "high"))
    draw_intervals(axes, centres, low, high, forest.limits)
    together = rows["unit"].eq("").to_numpy()
    shown = (estimate >= forest.limits.low) & (estimate <= forest.limits.high)
    for chosen, marker, colour in ((~together, "o", UNIT), (together, "D", INK)):
        look: dict[str, Any] = {"marker": marker, "zorder": 4, "gid": "estimate"}
        draw_dots(axes, estimate[chosen & shown], centres[chosen & shown], 8.0, colour, **look)
    most = max(int(tall / _LINE), 1)
    names = told_apart(list(rows["name"]), list(rows["unit"]), _NAMES * width - _APART, most)
    columns = (
        (left, _NAMES * width - _APART, names),
        (start + across + _APART, _VERDICTS * width - _APART, list(rows["verdict"])),
    )
    for number, heavy in enumerate(together):
        for edge, room, texts in columns:
            words = _Words(str(texts[number]), FONT_SIZE, bold=bool(heavy))
            half = 0.5 * _LINE * len(words.lines(room, most))
            words.write(figure, edge, top - (number + 0.5) * tall + half, room, most)
    return top - height - _SCALE


def _ticks(forest: SmallForest, across: float) -> tuple[tuple[float, str], ...]:
    """Return as many of the numbers of a scale as have room beside each other, no change among them."""
    ticks = forest.ticks
    inches = across / (forest.limits.high - forest.limits.low)
    widest = max((text_width(words) for _, words in ticks), default=0.0) + _APART
    null = min(range(len(ticks)), key=lambda place: abs(ticks[place][0] - forest.null), default=0)
    for step in range(1, len(ticks)):
        kept = ticks[null % step :: step]
        if all(inches * (two[0] - one[0]) >= widest for one, two in pairwise(kept)):
            return kept
    return ticks[null : null + 1]


def board_text(frame: pd.DataFrame, labels: BoardLabels) -> str:
    """Return the alt text: the words of the page in their order, and how many intervals it shows."""
    answers = (part for answer in labels.answers for part in answer if part)
    weak = f"What weakens this answer: {' '.join(labels.weak)}" if labels.weak else ""
    n_units = int(frame["unit"].ne("").sum())
    shown = f"{n_units} intervals of units." if n_units > 1 else ""
    return " ".join(filter(None, [labels.question, *answers, shown, weak]))


def _rows(evaluation: Evaluation, outcome: str) -> pd.DataFrame:
    return answers_of(evaluation, outcome)


BOARD = FigureKind(
    name="board",
    caption="The answer on one page, for a board",
    about=(),
    rows=_rows,
    data=board_data,
    labels=board_labels,
    draw=draw_board,
    alt_text=board_text,
    in_report=False,
)
