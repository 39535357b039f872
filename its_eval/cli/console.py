"""Where output goes: data on stdout, people's messages and progress on stderr."""

from __future__ import annotations

import os
import re
import sys
from functools import lru_cache
from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Column, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Characters per line of output that does not go to a terminal.
WIDTH = 100


def data_console() -> Console:
    """Return the console for results: plain and 100 characters wide when piped, plain with NO_COLOR."""
    if not sys.stdout.isatty():
        return Console(highlight=False, markup=False, width=WIDTH, color_system=None, force_terminal=False)
    plain = bool(os.environ.get("NO_COLOR"))
    return Console(highlight=False, markup=False, color_system=None if plain else "auto")


def message_console() -> Console:
    """Return the console for messages to people."""
    return Console(stderr=True, highlight=False, soft_wrap=True, markup=False)


def print_table(console: Console, table: Table, rows: Sequence[Sequence[str]]) -> None:
    """Print a table without styles in its rows, as rich does but in a fiftieth of the time.

    The same text: rich measures the columns by their longest cells, writes title and head, and wraps what is
    not plain. Only the many plain rows are put together here.

    Parameters
    ----------
    console : Console
        Without markup and highlighting.
    table : Table
        Title and columns, without a box and without rows.
    rows : sequence of sequences of str
        A cell for each column.
    """
    columns = [tuple(cells) for cells in zip(*rows, strict=True)]
    widest = tuple(_widest(console, cells) for cells in columns)
    headings = tuple((str(column.header), column.width, column.no_wrap) for column in table.columns)
    widths = _column_widths(headings, table.padding, widest, console.width)
    if widths is None:
        for row in rows:
            table.add_row(*row)
        console.print(table)
        return
    for column, width in zip(table.columns, widths, strict=True):
        column.width = width
    console.print(table)
    laid = [_laid(console, *parts) for parts in zip(table.columns, columns, widest, widths, strict=True)]
    between, blanks = " " * (table.padding[1] + table.padding[3]), [" " * width for width in widths]
    lines: list[str] = []
    for row_cells in zip(*laid, strict=True):
        if max(map(len, row_cells)) == 1:
            lines.append(between.join([cell[0] for cell in row_cells]))
            continue
        for parts in zip_longest(*row_cells):
            padded = (blank if part is None else part for part, blank in zip(parts, blanks, strict=True))
            lines.append(between.join(padded))
    console.file.write("".join(f"{line}\n" for line in lines))


def _plain(text: str) -> bool:
    """Return whether rich prints these characters as they are: no controls, no name of an emoji."""
    return text.isprintable() and text.count(":") < 2


def _widest(console: Console, cells: Sequence[str]) -> int:
    """Return the width of the widest of some cells."""
    every = "".join(cells)
    if every.isascii() and _plain(every):
        return max(map(len, cells))
    return max(
        cell_len(cell) if _plain(cell) else console.measure(console.render_str(cell)).maximum
        for cell in cells
    )


@lru_cache(maxsize=256)
def _column_widths(
    columns: tuple[tuple[str, int | None, bool], ...],
    padding: tuple[int, int, int, int],
    widest: tuple[int, ...],
    width: int,
) -> list[int] | None:
    """Return how wide rich makes the columns; None where that cannot be read off what it prints.

    Parameters
    ----------
    columns : tuple of (str, int or None, bool)
        Heading, width where it is set, and whether nothing wraps.
    padding : tuple of int
        Of the cells: top, right, bottom, left.
    widest : tuple of int
        Width of the widest cell of each column.
    width : int
        Of the page.
    """
    if not widest or not all(_plain(heading) and cell_len(heading) for heading, *_ in columns):
        return None
    ruler = Table(box=None, pad_edge=False, padding=padding)
    for heading, given, no_wrap in columns:
        ruler.add_column(heading, width=given, no_wrap=no_wrap)
    ruler.add_row(*("x" * cell for cell in widest))
    # a mark at the left of each column; the last one ends with the line
    ruler.add_row(*"|" * len(widest))
    page = Console(width=width, highlight=False, markup=False, legacy_windows=False)
    marks = "".join(segment.text for segment in page.render_lines(ruler, pad=False)[-1])
    starts = [place for place, letter in enumerate(marks) if letter == "|"]
    if len(starts) != len(widest):
        return None
    gap = padding[1] + padding[3]
    return [last - first - gap for first, last in zip(starts, [*starts[1:], len(marks) + gap], strict=True)]


def _laid(console: Console, column: Column, cells: Sequence[str], widest: int, width: int) -> list[list[str]]:
    """Return the lines of each cell of a column, padded to its width."""
    right = column.justify == "right"
    every = "".join(cells)
    if widest <= width and every.isascii() and _plain(every):
        return [[cell.rstrip().rjust(width) if right else cell.ljust(width)] for cell in cells]
    made: dict[str, list[str]] = {}
    for cell in cells:
        if cell in made:
            continue
        lines = _wrapped(cell, width, no_wrap=column.no_wrap) if _plain(cell) else None
        if lines is None:
            wrapped = console.render_str(cell).wrap(
                console, width, justify=column.justify, overflow=column.overflow, no_wrap=column.no_wrap
            )
            made[cell] = [set_cell_size(line.plain, width) for line in wrapped]
        elif right:
            made[cell] = [" " * (width - cell_len(line)) + line for line in map(str.rstrip, lines)]
        else:
            made[cell] = [line + " " * (width - cell_len(line)) for line in lines]
    return [made[cell] for cell in cells]


def _wrapped(text: str, width: int, *, no_wrap: bool) -> list[str] | None:
    """Return a text in lines of at most a width; None where it is to be cut or a word to be broken."""
    if cell_len(text) <= width:
        return [text]
    if no_wrap or not text.isascii():
        return None
    breaks, filled = [0], 0
    for word in re.finditer(r"\s*\S+\s*", text):
        length = len(word[0].rstrip())
        if length > width:
            return None
        if length > width - filled:
            breaks.append(word.start())
            filled = 0
        filled += len(word[0])
    return [text[start:end][:width] for start, end in zip(breaks, [*breaks[1:], None], strict=True)]
