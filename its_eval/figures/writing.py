"""Writing figures as SVG and PNG: Matplotlib's own writer, with what it repeats from figure to figure kept.

An SVG has the bytes of ``figure.savefig(path, format="svg")``, and a PNG is made of the pixels that
Matplotlib draws. A third of the time of a run with figures went into setting the same words in the same
outlines, and into formatting the same styles; both are done once. `FigureCanvas` has the name under which
Matplotlib looks for the canvas of a backend.
"""
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import io
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG, RendererSVG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.backend_bases import GraphicsContextBase
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties
    from matplotlib.text import Text
    from numpy.typing import NDArray

#: Without date and version of Matplotlib, so that a file changes only when the picture does.
_NO_DATE: dict[str, Any] = {"Date": None, "Creator": None}
_PER_INCH = 72
#: The bits of a pixel that say its colour.
_OPAQUE = 0xFFFFFF
#: Of a PNG. A drawing has a dozen colours, with the shades at the edges of letters and lines: a third of the
#: bytes.
_COLOURS = 128
#: Texts and styles that are kept: those of some hundreds of figures.
_MOST = 20_000


def svg_text(figure: Figure) -> str:
    """Return a figure as the text of an SVG file."""
    text = io.StringIO()
    figure.savefig(text, format="svg", backend=f"module://{__name__}", metadata=_NO_DATE)
    return text.getvalue()


def png_bytes(figure: Figure) -> bytes:
    """Return a figure as PNG with a palette of its own colours, none off by more than a few of 255 steps."""
    from PIL import Image  # noqa: PLC0415  (start-up time)

    dpi = float(mpl.rcParams["savefig.dpi"])
    drawn: Any = _Sheet()
    written = io.BytesIO()
    figure.savefig(drawn, format="raw", backend=f"module://{__name__}")
    height, width, _ = drawn.pixels.shape
    pixels = drawn.pixels.view(np.uint32).ravel()
    # a million pixels are some ten thousand runs of a few thousand colours, among which a palette is chosen
    starts = np.concatenate(([0], np.flatnonzero(pixels[1:] != pixels[:-1]) + 1))
    runs = pixels[starts] & _OPAQUE
    colours = np.unique(runs)
    single = Image.frombytes("RGBX", (len(colours), 1), colours.tobytes()).convert("RGB")
    chosen = single.quantize(_COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    places = np.asarray(chosen)[0][np.searchsorted(colours, runs)]
    image = Image.frombytes(
        "P", (width, height), np.repeat(places, np.diff(starts, append=pixels.size)).tobytes()
    )
    image.putpalette(chosen.getpalette() or [])
    image.save(written, "PNG", dpi=(dpi, dpi))
    return written.getvalue()


class _Sheet:
    """A file that keeps what is drawn: pixels, shape (height, width, 4), as many as Matplotlib makes."""

    pixels: NDArray[np.uint8]

    def write(self, pixels: memoryview) -> None:
        """Keep them, as the canvas goes on to other figures."""
        self.pixels = np.array(pixels, dtype=np.uint8)


class FigureCanvas(FigureCanvasSVG):
    """A canvas whose figures are written by `_Renderer`."""

    def print_svg(self, filename: io.StringIO, *, metadata: Any = None, **_: Any) -> None:
        """Write the figure into a file that is open; none of ours is drawn as pixels in part."""
        figure = self.figure
        dpi, figure.dpi = figure.dpi, _PER_INCH
        width, height = figure.get_size_inches()
        renderer = _Renderer(
            width * _PER_INCH, height * _PER_INCH, filename, image_dpi=dpi, metadata=metadata
        )
        figure.draw(renderer)
        renderer.finalize()

    def print_raw(self, filename: io.BytesIO | _Sheet, **_: Any) -> None:
        """Write the pixels of the figure, four bytes each, into a file that is open."""
        canvas = _PixelCanvas(self.figure)
        canvas.draw()
        filename.write(canvas.buffer_rgba())


class _PixelCanvas(FigureCanvasAgg):
    """Matplotlib's canvas of pixels, which alone knows how many it has, with a renderer that remembers."""

    def get_renderer(self) -> RendererAgg:
        renderer: RendererAgg = super().get_renderer()
        renderer.__class__ = _Pixels
        return renderer


class _Lines(NamedTuple):
    """A text as it stands in a file, of which only the place differs from figure to figure.

    Attributes
    ----------
    before, transform : str
        Up to the place, and what is done there.
    outlines : tuple of tuple of str
        Names and lines of the letters, each of which is defined once in a file.
    after : str
        The letters, side by side.
    """

    before: str
    transform: str
    outlines: tuple[tuple[str, str], ...]
    after: str


#: By its words, its font, its look and how deep it stands.
_TEXTS: dict[tuple[Any, ...], _Lines] = {}
#: Width, height and depth beneath the line of words, by who writes them and their font.
_SIZES: dict[tuple[Any, ...], tuple[float, float, float]] = {}


class _Measuring(RendererBase):
    """A renderer that measures the same words once."""

    def get_text_width_height_descent(
        self, s: str, prop: FontProperties, ismath: Any
    ) -> tuple[float, float, float]:
        key = (type(self), self.points_to_pixels(1.0), s, hash(prop), bool(ismath))
        size = _SIZES.get(key)
        if size is None:
            width, height, descent = super().get_text_width_height_descent(s, prop, ismath)
            size = float(width), float(height), float(descent)
            if len(_SIZES) < _MOST:
                _SIZES[key] = size
        return size


class _Renderer(_Measuring, RendererSVG):
    """Matplotlib's renderer with another writer, and a memory for texts and styles."""

    def __init__(self, width: float, height: float, file: io.StringIO, **settings: Any) -> None:
        super().__init__(width, height, file, **settings)
        # so far the file has its start tag and what every file begins with
        self.writer: Any = _Writer(file)
        self._style_of_markers: str | None = None

    def draw_text(
        self,
        gc: GraphicsContextBase,
        x: float,
        y: float,
        s: str,
        prop: FontProperties,
        angle: float,
        ismath: Any = False,
        mtext: Text | None = None,
    ) -> None:
        look: Any = gc
        if ismath or look.get_clip_rectangle() or look.get_clip_path()[0] or look.get_url():
            super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)
            return
        depth = self.writer.depth
        key = (s, hash(prop), angle, look.get_rgb(), look.get_alpha(), look.get_forced_alpha(), depth)
        lines = _TEXTS.get(key)
        if lines is None:
            lines = _lines_of(gc, s, prop, angle, mtext, depth)
            if len(_TEXTS) < _MOST:
                _TEXTS[key] = lines
        place = "" if x == 0 and y == 0 else f"translate({_short(x)} {_short(y)}) "
        self.writer.verbatim(f"{lines.before}{place}{lines.transform}")
        fresh = [(name, line) for name, line in lines.outlines if name not in self._glyph_map]
        if fresh:
            pad = " " * (depth + 1)
            inner = "".join(line for _, line in fresh)
            self.writer.verbatim(f"{pad}<defs>\n{inner}{pad}</defs>\n")
            self._glyph_map.update(fresh)
        self.writer.verbatim(lines.after)

    def draw_markers(self, gc: GraphicsContextBase, *args: Any, **kwargs: Any) -> None:
        # all markers of a line have one style, which Matplotlib formats for each
        self._style_of_markers = ""
        super().draw_markers(gc, *args, **kwargs)
        self._style_of_markers = None

    def _get_style(self, gc: GraphicsContextBase, rgbFace: Any) -> str:
        if self._style_of_markers:
            return self._style_of_markers
        style = str(super()._get_style(gc, rgbFace))
        if self._style_of_markers is not None:
            self._style_of_markers = style
        return style


#: Letters as pixels, and where they go, by words, font and place.
_LETTERS: dict[tuple[Any, ...], list[tuple[NDArray[np.uint8], float, float, float]]] = {}
#: Texts whose letters are kept; a page full of them has half a megabyte.
_MOST_LETTERS = 2_000


class _Pixels(_Measuring, RendererAgg):
    """Matplotlib's renderer of pixels with a memory for texts: many stand where they stood before."""

    def draw_text(
        self,
        gc: GraphicsContextBase,
        x: float,
        y: float,
        s: str,
        prop: FontProperties,
        angle: float,
        ismath: Any = False,
        mtext: Text | None = None,
    ) -> None:
        if ismath:
            super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)
            return
        key = (s, hash(prop), angle, float(x), float(y), self.height, self.dpi)
        letters = _LETTERS.get(key)
        if letters is None:
            letters = self._letters_of(gc, x, y, s, prop, angle, mtext)
            if len(_LETTERS) >= _MOST_LETTERS:
                _LETTERS.clear()
            _LETTERS[key] = letters
        for image, left, bottom, turned in letters:
            self._renderer.draw_text_image(image, left, bottom, turned, gc)

    def _letters_of(self, *text: Any) -> list[tuple[NDArray[np.uint8], float, float, float]]:
        """Return what Matplotlib would draw of a text, instead of drawing it."""
        letters: list[tuple[NDArray[np.uint8], float, float, float]] = []

        def keep(image: Any, left: float, bottom: float, turned: float, _: Any) -> None:
            letters.append((np.array(image, dtype=np.uint8), left, bottom, turned))

        gc, x, y, s, prop, angle, mtext = text
        drawing, self._renderer = self._renderer, SimpleNamespace(draw_text_image=keep)
        try:
            super().draw_text(gc, x, y, s, prop, angle, False, mtext)
        finally:
            self._renderer = drawing
        return letters


def _lines_of(
    gc: GraphicsContextBase, s: str, prop: FontProperties, angle: float, mtext: Text | None, depth: int
) -> _Lines:
    """Return a text as Matplotlib writes it at the origin of an empty drawing."""
    file = io.StringIO()
    renderer = RendererSVG(1.0, 1.0, file)
    for _ in range(depth - 1):
        renderer.open_group("depth")
    begin = file.tell()
    renderer.draw_text(gc, 0.0, 0.0, s, prop, angle, False, mtext)
    written = file.getvalue()[begin:].removeprefix(">\n")
    before, opened, rest = written.partition(' transform="')
    transform, end, rest = rest.partition("\n")
    pad = " " * (depth + 1)
    outlines: tuple[tuple[str, str], ...] = ()
    if rest.startswith(f"{pad}<defs>\n"):
        inner, _, rest = rest.removeprefix(f"{pad}<defs>\n").partition(f"{pad}</defs>\n")
        start = f"{pad} <path id="
        paths = inner.split(start)[1:]
        outlines = tuple((path.split('"')[1], f"{start}{path}") for path in paths)
    return _Lines(before + opened, transform + end, outlines, rest)


@lru_cache(_MOST)
def _short(value: float) -> str:
    """Return a number to six decimals, without zeros at the end."""
    return f"{value:f}".rstrip("0").rstrip(".")


class _Writer:
    """Writes elements as Matplotlib does, each on lines of its own and indented by how deep it stands."""

    def __init__(self, file: io.StringIO) -> None:
        self._write = file.write
        self._open = ["svg"]
        # the bracket of a start tag follows once it is known whether anything stands within
        self._unclosed = False
        self._data = ""

    @property
    def depth(self) -> int:
        """How many elements are open."""
        return len(self._open)

    def start(self, tag: str, attrib: Mapping[str, str] | None = None, **extra: str) -> int:
        """Open an element; blank attributes are left out."""
        self.flush()
        attributes = {**attrib, **extra} if attrib else extra
        written = "".join([f" {key}={_quoted(value)}" for key, value in attributes.items() if value])
        self._write(f"{' ' * len(self._open)}<{tag}{written}")
        self._open.append(tag)
        self._unclosed = True
        return len(self._open) - 1

    def end(self, tag: str = "", indent: bool = True) -> None:
        """Close the innermost element."""
        tag = self._open.pop()
        if self._unclosed and not self._data:
            self._unclosed = False
            self._write("/>\n")
            return
        if self._data:
            self.flush(indent=indent)
        self._write(f"{' ' * len(self._open) if indent else ''}</{tag}>\n")

    def element(
        self, tag: str, text: str = "", attrib: Mapping[str, str] | None = None, **extra: str
    ) -> None:
        """Write an element as a whole."""
        self.start(tag, attrib, **extra)
        self._data = text
        self.end(indent=False)

    def data(self, text: str) -> None:
        """Add text to the innermost element."""
        self._data += text

    def comment(self, comment: str) -> None:
        """Write a comment."""
        words = _escaped(comment)
        while "--" in words:
            words = words.replace("--", "- -")
        self.verbatim(f"{' ' * len(self._open)}<!-- {words} -->\n")

    def verbatim(self, lines: str) -> None:
        """Write lines as they are."""
        self.flush()
        self._write(lines)

    def close(self, depth: int) -> None:
        """Close elements down to a depth."""
        while len(self._open) > depth:
            self.end()

    def flush(self, *, indent: bool = True) -> None:
        """Write what waits for more to come."""
        if self._unclosed:
            self._write(">\n" if indent else ">")
            self._unclosed = False
        if self._data:
            self._write(_escaped(self._data))
            self._data = ""


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@lru_cache(_MOST)
def _quoted(value: str) -> str:
    """Return the value of an attribute in quotation marks."""
    escaped = _escaped(value)
    if '"' not in value:
        return f'"{escaped}"'
    if "'" not in value:
        return f"'{escaped}'"
    return '"' + escaped.replace("'", "&apos;").replace('"', "&quot;") + '"'
