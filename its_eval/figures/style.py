"""House style of all figures: colours, letters and how they are set, and how a figure is written.

Matplotlib takes a quarter of a second to load and is loaded only when something is drawn: the figures of a
run are listed and described without it.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from its_eval.result import defused
from its_eval.words.labels import capitalised

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Values = NDArray[np.float64]


#: The unit evaluated: its observations and what was fitted to them. Contrast on white 10.2.
UNIT = "#12436D"
#: What would have been expected without the interruption. Contrast 3.0: lines and areas, never text.
COUNTERFACTUAL = "#F46A25"
#: The same for text. Contrast 5.4.
COUNTERFACTUAL_TEXT = "#B04510"
#: Interval of the counterfactual; its edges are drawn in the full colour.
BAND = "#FDE9DF"
#: Mean of the peers. Contrast 5.3; as light as text may be, so that it does not pass for the unit.
PEER_MEAN = "#6B6B6B"
#: Single peers: context only.
PEER = "#BFBFBF"
#: Text, axes and the line of the interruption. Contrast 10.9.
INK = "#3D3D3D"
#: Lines of events that are only noted, and points that were not used. Contrast 5.3.
QUIET = "#6B6B6B"
#: Veil over periods that were not used, and how much of it shows.
SHADE = "#000000"
SHADE_ALPHA = 0.08

#: Width of a figure in inches; the height follows from what has to be said.
WIDTH = 10.0
#: The same for figures that need less room: on a phone their letters stay larger.
NARROW = 7.0
#: Size of all text, in points.
FONT_SIZE = 12.0
#: Height of a line of text, in inches.
LINE_HEIGHT = 0.2
#: Between the edge of a figure and what stands on it, in inches.
EDGE = 0.12
#: Dash pattern of counterfactuals.
DASHES = (0, (5.0, 2.2))
DOTS = (0, (1.0, 1.6))

STYLE_FILE = Path(__file__).resolve().parent / "its_eval.mplstyle"

_LOCK = threading.RLock()
#: Whether the thread that holds the lock has applied the style: reading it takes as long as drawing a line.
_APPLIED: list[bool] = [False]


@contextmanager
def house_style() -> Iterator[None]:
    """Apply the style file, on top of Matplotlib's defaults and not of the user's own settings.

    Matplotlib's settings are global, so only one thread at a time draws. Within itself it does nothing.
    """
    with _LOCK:
        if _APPLIED[0]:
            yield
            return
        import matplotlib.style  # noqa: PLC0415  (start-up time)

        with matplotlib.style.context(["default", str(STYLE_FILE)]):
            _APPLIED[0] = True
            try:
                yield
            finally:
                _APPLIED[0] = False


def blank_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches."""
    return _figure_in_a_cell()(figsize=(width, height))


@cache
def _figure_in_a_cell() -> type[Figure]:
    """Return the class of figures: Matplotlib's, which a cell of a notebook shows without pyplot."""
    from matplotlib.figure import Figure  # noqa: PLC0415  (start-up time)

    from its_eval.figures.axes import SparingAxes  # noqa: PLC0415  (the same)

    class CellFigure(Figure):
        """A figure of the house style."""

        def add_axes(self, *args: Any, **settings: Any) -> Axes:
            return super().add_axes(*args, axes_class=SparingAxes, **settings)

        def _repr_svg_(self) -> str:
            return figure_svg(self)

    return CellFigure


def figure_svg(figure: Figure) -> str:
    """Return a figure as the text of an SVG file, as `save_figure` writes it."""
    from its_eval.figures.writing import svg_text  # noqa: PLC0415  (start-up time)

    with house_style():
        return svg_text(figure)


def draw_dots(
    axes: Axes,
    x: Values | Sequence[float],
    y: Values | Sequence[float],
    size: float,
    face: str = UNIT,
    edge: str = "white",
    *,
    edge_width: float = 0.5,
    marker: str = "o",
    zorder: float = 3,
    clip: bool = True,
    gid: str,
) -> None:
    """Draw points that no line joins.

    Parameters
    ----------
    axes : Axes
        Where.
    x, y : ndarray or sequence of float
        Places.
    size : float
        Diameter, in points.
    face, edge : str
        Colours.
    edge_width : float
        In points.
    marker : str
        Shape, by Matplotlib's letters.
    zorder : float
        What is drawn over what.
    clip : bool
        Whether a point on the edge of the axes is cut off.
    gid : str
        Name of the points in an SVG file.
    """
    axes.plot(
        x,
        y,
        linestyle="none",
        marker=marker,
        markersize=size,
        markerfacecolor=face,
        markeredgecolor=edge,
        markeredgewidth=edge_width,
        zorder=zorder,
        clip_on=clip,
        gid=gid,
    )


#: Letters differ a little in width between resolutions.
_SLACK = 1.02
#: Height of the base of letters above the lower edge of their line, in inches.
_BASE = 0.05
_DPI = 100.0
#: A space at which no line is broken.
FIRM = "\N{NO-BREAK SPACE}"


@cache
def _renderer() -> RendererAgg:
    from matplotlib.backends.backend_agg import RendererAgg  # noqa: PLC0415  (start-up time)

    return RendererAgg(8, 8, _DPI)  # type: ignore[no-untyped-call]


@lru_cache(maxsize=10_000)
def _word_width(word: str, weight: str) -> float:
    from matplotlib.font_manager import FontProperties  # noqa: PLC0415  (start-up time)

    font = FontProperties(size=FONT_SIZE, weight=weight)
    pixels = _renderer().get_text_width_height_descent(word, font, ismath=False)[0]  # type: ignore[no-untyped-call]
    return _SLACK * float(pixels) / _DPI


def text_width(text: str, *, bold: bool = False) -> float:
    """Return the width of one line of text, in inches."""
    weight = "bold" if bold else "normal"
    words = text.split(" ")
    space = _word_width("a a", weight) - _word_width("aa", weight)
    return sum(_word_width(word, weight) for word in words) + space * max(len(words) - 1, 0)


def wrap(text: str, width: float, *, bold: bool = False, most: int | None = None) -> str:
    """Return text broken into lines.

    Parameters
    ----------
    text : str
        Words; line breaks count as spaces, and no line is broken at a no-break space.
    width : float
        Greatest width in inches; a word that alone is wider is broken.
    bold : bool
        Weight of the font.
    most : int, optional
        Greatest number of lines; the last one then ends in an ellipsis.
    """
    lines = [""]
    for word in _pieces(text, width, bold=bold):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, bold=bold) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    if most is not None and len(lines) > most:
        lines = lines[:most]
        while lines[-1] and text_width(f"{lines[-1]}…", bold=bold) > width:
            lines[-1] = lines[-1][:-1]
        lines[-1] = f"{lines[-1].rstrip()}…"
    return "\n".join(lines)


def told_apart(names: Sequence[str], codes: Sequence[str], width: float, most: int) -> list[str]:
    """Return names, those with their codes in front that would look the same once they are cut off.

    Parameters
    ----------
    names, codes : sequence of str
        Of the same length; a blank code is not used.
    width : float
        Greatest width in inches.
    most : int
        Greatest number of lines.
    """
    shown = [wrap(name, width, most=most) for name in names]
    return [
        f"{code} {name}" if code and shown.count(text) > 1 else name
        for name, code, text in zip(names, codes, shown, strict=True)
    ]


def _pieces(text: str, width: float, *, bold: bool) -> list[str]:
    """Return the words, those too wide for a line in parts."""
    pieces = []
    for whole in text.replace("\n", " ").split(" "):
        word = whole
        while text_width(word, bold=bold) > width and len(word) > 1:
            end = len(word) - 1
            while end > 1 and text_width(word[:end], bold=bold) > width:
                end -= 1
            pieces.append(word[:end])
            word = word[end:]
        pieces.append(word)
    return [piece for piece in pieces if piece]


def write(
    figure: Figure,
    left: float,
    top: float,
    text: str,
    *,
    colour: str = INK,
    bold: bool = False,
    gid: str = "",
) -> None:
    """Write lines of text at equal distances.

    Parameters
    ----------
    figure : Figure
        Of its final size.
    left, top : float
        Upper left corner, in inches from the lower left corner of the figure.
    text : str
        Lines.
    colour : str
        Colour of the letters.
    bold : bool
        Weight of the letters.
    gid : str
        Name of the element in an SVG file.
    """
    width, height = figure.get_size_inches()
    for row, line in enumerate(text.split("\n"), start=1):
        base = top - row * LINE_HEIGHT + _BASE
        letters = figure.text(left / width, base / height, line, va="baseline", color=colour)
        letters.set_fontweight("bold" if bold else "normal")
        letters.set_gid(gid or None)


def spread(wanted: Sequence[float], heights: Sequence[float], low: float, high: float) -> list[float]:
    """Return centres near the wanted ones at which boxes do not overlap.

    Parameters
    ----------
    wanted : sequence of float
        Where each box would best be centred; the order along the axis is kept.
    heights : sequence of float
        Height of each box.
    low, high : float
        Room for all boxes. When they do not fit, they are stacked from `high` down.

    Notes
    -----
    Least squares under the constraints: boxes in the way of each other become one stack, centred where its
    members would on average want it (pool adjacent violators).

    Examples
    --------
    >>> spread([1.0, 1.2], [1.0, 1.0], 0.0, 10.0)
    [0.6, 1.6]
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    # a stack: its members, its height, and the sum of where its lower edge would be for each of them
    stacks: list[tuple[list[int], float, float]] = []

    def bottom(stack: tuple[list[int], float, float]) -> float:
        members, height, total = stack
        return max(low, min(total / len(members), high - height))

    for index in order:
        stack = ([index], heights[index], wanted[index] - heights[index] / 2.0)
        while stacks and bottom(stacks[-1]) + stacks[-1][1] > bottom(stack):
            members, height, total = stacks.pop()
            stack = (members + stack[0], height + stack[1], total + stack[2] - len(stack[0]) * height)
        stacks.append(stack)
    centres = np.zeros(len(wanted))
    for stack in stacks:
        edge = bottom(stack) if stack[1] <= high - low else high - stack[1]
        for index in stack[0]:
            centres[index] = edge + heights[index] / 2.0
            edge += heights[index]
    return [float(centre) for centre in centres]


def sentence(words: str) -> str:
    """Return words with a capital and a full stop.

    Examples
    --------
    >>> sentence("dots are estimates")
    'Dots are estimates.'
    """
    return f"{capitalised(words)}."


_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_LIKE_A_HASH = re.compile(r"-[0-9a-f]{10}$")
_LONGEST_PART = 60


def figure_stem(outcome: str, unit: str | None, design: str | None, figure: str = "main_its") -> str:
    """Return a file name without extension that no other series shares.

    Parameters
    ----------
    outcome : str
        Name as in the tables.
    unit, design : str, optional
        Likewise; None for a figure about all units, or about no design, and left out of the name.
    figure : str
        Which figure. No kind of figure may begin with another one and ``_``.

    Notes
    -----
    Characters other than letters and digits of ASCII, ``_`` and ``-`` become ``-``. Wherever the parts
    could not be read back from the name (a character was replaced, a part shortened, the unit contains the
    separator), ten digits of a hash of the original names follow.

    Examples
    --------
    >>> figure_stem("ae_4h", "RTP", "difference")
    'main_its_ae_4h_RTP_difference'
    >>> figure_stem("leavers", "R/1", "single")
    'main_its_leavers_R-1_single-7651c70be9'
    >>> figure_stem("leavers", None, "single", "forest")
    'forest_leavers_single'
    """
    parts = [part for part in (outcome, unit, design) if part is not None]
    legible = unit != "" and "_" not in (unit or "") and "-" not in (design or "")
    return _file_stem((figure,), parts, legible=legible)


def main_stem(outcome: str, unit: str | None) -> str:
    """Return the file name without extension of the main figure of a unit; None for all units together.

    Parameters
    ----------
    outcome, unit : str
        Names as in the tables; made safe as in `figure_stem`.

    Examples
    --------
    >>> main_stem("ae_4h", "RTP"), main_stem("ae_4h", None)
    ('ae_4h_RTP', 'ae_4h_all')
    """
    if unit is None:
        return f"{_file_stem((), [outcome], legible=True)}_all"
    return _file_stem((), [outcome, unit], legible=unit not in ("", "all") and "_" not in unit)


def _file_stem(figure: tuple[str, ...], parts: Sequence[str], *, legible: bool) -> str:
    """Return names as part of a file's name, with a hash where they could not be read back from it."""
    safe = [_UNSAFE.sub("-", part)[:_LONGEST_PART] for part in parts]
    stem = "_".join((*figure, *safe))
    if legible and parts == safe and not _LIKE_A_HASH.search(stem):
        return stem
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]
    return f"{stem}-{digest}"


FORMATS = ("svg", "png")


def save_figure(
    figure: Figure, frame: pd.DataFrame, folder: Path, stem: str, formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Write a figure and its numbers, empty the figure, and return the paths written.

    Parameters
    ----------
    figure : Figure
        As a ``draw_`` function returns it; of no use afterwards.
    frame : DataFrame
        The numbers drawn; written as CSV at full precision.
    folder : Path
        Made if need be.
    stem : str
        File name without extension.
    formats : sequence of {"svg", "png"}
        Picture files wanted.

    Raises
    ------
    ValueError
        When a format is unknown.
    """
    pictures = save_pictures(figure, folder, stem, formats)
    figure.clear()
    return [save_numbers(frame, folder, stem), *pictures]


def save_numbers(frame: pd.DataFrame, folder: Path, stem: str) -> Path:
    """Write the numbers of a figure as CSV at full precision, and return the path written."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}.csv"
    defused(frame).to_csv(path, index=False, lineterminator="\n", encoding="utf-8")
    return path


def save_pictures(figure: Figure, folder: Path, stem: str, formats: Sequence[str]) -> list[Path]:
    """Write the picture files of a figure, and return the paths written; see `save_figure`."""
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise ValueError(f"figure format {unknown[0]!r} is unknown; expected {' or '.join(FORMATS)}")
    folder.mkdir(parents=True, exist_ok=True)
    from its_eval.figures.writing import png_bytes  # noqa: PLC0415  (start-up time)

    written = []
    for name in dict.fromkeys(formats):
        written.append(folder / f"{stem}.{name}")
        if name == "svg":
            written[-1].write_text(figure_svg(figure), encoding="utf-8", newline="\n")
        else:
            with house_style():
                written[-1].write_bytes(png_bytes(figure))
    return written
