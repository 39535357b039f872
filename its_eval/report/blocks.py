"""What a page is made of: sentences, tables, cells, figures and sections, before any HTML.

Sections turn tidy tables into these; the templates turn them into HTML. A number carries the cell of the
table that it was read from, so that a reader (and a test) can hold the page against the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from its_eval.figures.catalogue import FigureTask


class StoredFigure(Struct, frozen=True):
    """A figure among the files of a run.

    Attributes
    ----------
    task : FigureTask
        What it shows.
    picture : Path
        The SVG, or the PNG when there is no SVG.
    numbers : Path or None
        The numbers drawn.
    """

    task: FigureTask
    picture: Path
    numbers: Path | None

    @property
    def stem(self) -> str:
        """File name without extension."""
        return self.task.stem


class Number(Struct, frozen=True):
    """A number as it is printed, with the cell that it stands in.

    Attributes
    ----------
    text : str
        As printed, rounded, perhaps as a change in per cent.
    value : float
        The cell at full precision.
    source : str
        ``table:row:column``; rows are counted from 0 in the order of the table's file.
    """

    text: str
    value: float
    source: str
    kind: ClassVar[str] = "number"

    @property
    def exact(self) -> str:
        """The value in full precision, as the page carries it."""
        return repr(float(self.value))


class Link(Struct, frozen=True):
    """A link within the page, or to a file beside it."""

    text: str
    target: str
    kind: ClassVar[str] = "link"


class Code(Struct, frozen=True):
    """A key, a file or a hash, printed as it is typed."""

    text: str
    kind: ClassVar[str] = "code"


class Strong(Struct, frozen=True):
    """Words that carry the message of a sentence."""

    text: str
    kind: ClassVar[str] = "strong"


Part: TypeAlias = str | Number | Link | Code | Strong


class Cell(Struct, frozen=True):
    """A cell of a table.

    Attributes
    ----------
    parts : tuple of Part
        What stands in it.
    small : tuple of Part
        A second, smaller line, such as an interval.
    sort : str
        What the column is sorted by: a number in full precision, or a text; blank sorts last.
    """

    parts: tuple[Part, ...]
    small: tuple[Part, ...] = ()
    sort: str = ""

    @property
    def sorts_by_itself(self) -> bool:
        """Whether what the cell shows says already what its column is sorted by."""
        first = next((part for part in self.parts if isinstance(part, Number)), None)
        if first is not None:
            return self.sort == first.exact
        return (
            self.sort == "".join(part if isinstance(part, str) else part.text for part in self.parts).strip()
        )


class Column(Struct, frozen=True):
    """A column of a table: its title, and whether it holds numbers."""

    title: str
    numeric: bool = False


class Table(Struct, frozen=True):
    """A table; the first column names the row.

    Attributes
    ----------
    ident : str
        Anchor.
    caption : str
        What it shows.
    columns : sequence of Column
        Titles.
    rows : sequence of sequence of Cell
        As many cells as columns.
    """

    ident: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    kind: ClassVar[str] = "table"


class Sentence(Struct, frozen=True):
    """A paragraph, or an item of a list.

    Attributes
    ----------
    parts : tuple of Part
        The text.
    row : str
        ``table:row`` that its numbers were read from; blank when it has none.
    tone : {"plain", "answer", "quiet", "attention"}
        How it is set.
    """

    parts: tuple[Part, ...]
    row: str = ""
    tone: str = "plain"
    kind: ClassVar[str] = "sentence"


class Bullets(Struct, frozen=True):
    """A list."""

    items: Sequence[Sentence]
    kind: ClassVar[str] = "bullets"


class Heading(Struct, frozen=True):
    """A heading within a section: level 3 or 4."""

    text: str
    level: int = 3
    ident: str = ""
    kind: ClassVar[str] = "heading"


class Picture(Struct, frozen=True):
    """A figure of the run.

    Attributes
    ----------
    ident : str
        Anchor.
    figure : StoredFigure
        Its files.
    describe : callable
        Says what a figure shows, by its task: from the numbers, which are at hand once it is drawn.
    caption : str
        What it shows, in words beneath.
    wide : bool
        Made for a whole sheet: on a phone it keeps its size and is moved sideways.
    """

    ident: str
    figure: StoredFigure
    describe: Callable[[FigureTask], str]
    caption: str
    wide: bool = False
    kind: ClassVar[str] = "picture"

    @property
    def alt(self) -> str:
        """What it shows, for those who cannot see it."""
        return self.describe(self.figure.task)


class Folded(Struct, frozen=True):
    """Blocks that a reader opens."""

    title: str
    blocks: Sequence[Block]
    kind: ClassVar[str] = "folded"


class WhatIf(Struct, frozen=True):
    """Controls with which a reader tries other choices.

    Attributes
    ----------
    data : str
        Outcomes, series and studies as JSON.
    """

    data: str
    kind: ClassVar[str] = "what_if"


class ForestRow(Struct, frozen=True):
    """A row of a small forest: one interval.

    Attributes
    ----------
    name, address : str
        Of whom, and the place in the page that tells more; blank for none.
    text : str
        Estimate and interval in words, for those who cannot see them.
    verdict : str
        What is concluded.
    at, left, right : float
        Estimate and limits as shares of the width, in per cent; NaN where there is none.
    together : bool
        Whether it is about all units.
    """

    name: str
    address: str
    text: str
    verdict: str
    at: float
    left: float
    right: float
    together: bool = False


class Forest(Struct, frozen=True):
    """A small forest plot, as a table whose intervals are drawn.

    Attributes
    ----------
    ident, caption, note : str
        Anchor, what it shows, and what to know about its intervals.
    sides : tuple of str
        What lies to the left and to the right of no change.
    null : float
        Place of no change as a share of the width, in per cent.
    ticks : sequence of (float, str)
        Places and words of the scale.
    rows : sequence of ForestRow
    """

    ident: str
    caption: str
    note: str
    sides: tuple[str, str]
    null: float
    ticks: Sequence[tuple[float, str]]
    rows: Sequence[ForestRow]
    kind: ClassVar[str] = "forest"


Block: TypeAlias = Table | Sentence | Bullets | Heading | Picture | Folded | Forest | WhatIf


class Section(Struct, frozen=True):
    """A section of a page with its place in the contents list; a folded one is opened by its title."""

    ident: str
    title: str
    blocks: Sequence[Block]
    folded: bool = False


class FirstScreen(Struct, frozen=True):
    """What a reader sees without moving the page.

    Attributes
    ----------
    question : str
        In one sentence.
    answers : sequence of Section
        Of each outcome its sentences, figure and forest; the title is blank where there is only one.
    weak : sequence of Sentence
        What weakens the answers, the gravest first.
    more : int
        How many more there are.
    origin : str
        One line: data, window, version, contact.
    status : str
        ``draft``, ``final`` or blank.
    """

    question: str
    answers: Sequence[Section]
    weak: Sequence[Sentence]
    more: int
    origin: str
    status: str


def text_cell(text: object) -> Cell:
    """Return a cell with a text, sorted by it."""
    return Cell((str(text),), sort=str(text))


def plain(text: str, tone: str = "plain") -> Sentence:
    """Return a sentence without numbers of its own."""
    return Sentence((text,), tone=tone)
