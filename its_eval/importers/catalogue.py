"""The layouts that come with the program and those of the user, and which of them fits a file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from its_eval.config.layouts import Layout, load_layout
from its_eval.data.tables import nearest
from its_eval.errors import DataError, UsageError
from its_eval.importers.headings import choose_sheet
from its_eval.importers.sheet import open_source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from its_eval.importers.sheet import Sheet


_FOLDER = Path(__file__).parent / "layouts"


@cache
def bundled_layouts() -> tuple[Layout, ...]:
    """Return the layouts that come with the program, sorted by file name."""
    return tuple(load_layout(path) for path in sorted(_FOLDER.glob("*.yaml")))


def kinds() -> tuple[str, ...]:
    """Return the kinds of file that can be imported, sorted."""
    return tuple(sorted({layout.kind for layout in bundled_layouts()}))


def layout_texts(kind: str) -> list[str]:
    """Return the layouts of one kind as they are written, to begin one's own with.

    Raises
    ------
    UsageError
        When there is no such kind.
    """
    of_kind = layouts_of(kind)
    texts = [path.read_text(encoding="utf-8") for path in sorted(_FOLDER.glob("*.yaml"))]
    return [text for text, layout in zip(texts, bundled_layouts(), strict=True) if layout in of_kind]


def layouts_of(kind: str, own: Path | None = None) -> tuple[Layout, ...]:
    """Return the layouts of one kind, or the user's own one, which takes their place.

    Raises
    ------
    UsageError
        When there is no such kind, or the user's layout is of another one.
    """
    if own is not None:
        layout = load_layout(own)
        if layout.kind != kind:
            raise UsageError(
                f"the layout {own} is of kind {layout.kind!r}, and the command says {kind!r}",
                f"its-eval import {layout.kind} … --layout {own}",
            )
        return (layout,)
    layouts = tuple(layout for layout in bundled_layouts() if layout.kind == kind)
    if not layouts:
        raise UsageError(
            f"there is no kind of file {kind!r}; {nearest(kind, kinds())}",
            f"the kinds are {', '.join(kinds())}; another one needs a layout of your own (--layout)",
        )
    return layouts


#: Where a header is looked for, and how many texts it has at least.
_ROWS = 60
_FEWEST = 2


@dataclass(frozen=True)
class SheetSummary:
    """One sheet.

    Attributes
    ----------
    name : str
        Its name, empty for a CSV file.
    visible : bool
        Whether it is shown.
    shape : tuple of int
        Rows and columns.
    header_row : int
        Row of the likely header, from 1; 0 when there is none.
    headings : tuple of str
        Its texts.
    """

    name: str
    visible: bool
    shape: tuple[int, int]
    header_row: int
    headings: tuple[str, ...]


@dataclass(frozen=True)
class LayoutFit:
    """One layout, tried on the file.

    Attributes
    ----------
    layout : Layout
        Which one.
    sheet : str or None
        The sheet that it fits; None when it does not.
    reason : str
        Why it does not.
    """

    layout: Layout
    sheet: str | None
    reason: str = ""


def inspect_file(path: Path, layouts: Sequence[Layout]) -> tuple[list[SheetSummary], list[LayoutFit]]:
    """Return the sheets of a file and how each layout fits it.

    Raises
    ------
    DataError
        When the file cannot be read.
    """
    source = open_source(path)
    sheets = [_summary(source.sheet(name), visible=name in source.visible) for name in source.sheets]
    fits = []
    for layout in layouts:
        try:
            sheet, _ = choose_sheet(source, layout)
        except DataError as error:
            reason = error.problems[0].removeprefix(f"{path.name}: ").removeprefix(f"{path.name}, ")
            fits.append(LayoutFit(layout, None, reason))
        else:
            fits.append(LayoutFit(layout, sheet.name))
    return sheets, fits


def _summary(sheet: Sheet, *, visible: bool) -> SheetSummary:
    """Return a sheet with the row of most texts among the first ones, which is the likely header."""
    texts = [
        [" ".join(cell.split()) for cell in row if isinstance(cell, str) and cell.strip()]
        for row in sheet.rows[:_ROWS]
    ]
    best = max(range(len(texts)), key=lambda row: (len(set(texts[row])), -row), default=0)
    shape = (len(sheet.rows), max((len(row) for row in sheet.rows), default=0))
    if not texts or len(texts[best]) < _FEWEST:
        return SheetSummary(sheet.name, visible, shape, 0, ())
    return SheetSummary(sheet.name, visible, shape, best + 1, tuple(texts[best]))
