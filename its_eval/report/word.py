"""Answers, effects, methods and reporting items as a Word document; the same bytes every time."""

from __future__ import annotations

import datetime as dt
import io
from typing import TYPE_CHECKING, Any

from its_eval.errors import UsageError
from its_eval.report.blocks import Bullets, Heading, Sentence, Table
from its_eval.report.paper import numeric_places, paper, text_of
from its_eval.report.workbook import printable, without_times

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from docx.document import Document as WordDocument
    from docx.table import _Cell, _Row

    from its_eval.report.blocks import Block, Cell
    from its_eval.report.source import ReportSource

#: Points of the type in tables, and of the second line of a cell.
_TYPE, _SMALL = 8.0, 7.0


def require_word() -> None:
    """Refuse to go on where the library that writes documents is not installed.

    Raises
    ------
    UsageError
        With the command that installs it.
    """
    try:
        import docx  # noqa: F401, PLC0415  (not everybody has it)
    except ImportError:
        what = "output.tables: docx needs the library python-docx, which is not installed"
        raise UsageError(what, "pip install 'its-eval[docx]', or take docx out of output.tables") from None


def write_word(source: ReportSource, path: Path) -> None:
    """Write a document in Word's own styles, so that a template of the reader's can take over.

    Parameters
    ----------
    source : ReportSource
        The run.
    path : Path
        The file.
    """
    from docx import Document  # noqa: PLC0415
    from docx.enum.section import WD_ORIENT  # noqa: PLC0415
    from docx.shared import Mm  # noqa: PLC0415

    document = Document()
    page = document.sections[0]
    page.orientation = WD_ORIENT.LANDSCAPE
    page.page_width, page.page_height = Mm(297), Mm(210)
    properties = document.core_properties
    properties.title, properties.author = printable(source.evaluation.title), "its-eval"
    properties.created = properties.modified = dt.datetime(2000, 1, 1)  # noqa: DTZ001  (Word's have no zone)
    properties.last_modified_by, properties.language, properties.comments = "its-eval", "en-GB", ""
    document.add_heading(printable(source.evaluation.title), level=0)
    for section in paper(source):
        document.add_heading(printable(section.title), level=1)
        for block in section.blocks:
            _add(document, block)
    content = io.BytesIO()
    document.save(content)
    path.write_bytes(without_times(content.getvalue()))


def _add(document: WordDocument, block: Block) -> None:
    if isinstance(block, Heading):
        document.add_heading(printable(block.text), level=2)
    elif isinstance(block, Sentence):
        document.add_paragraph(printable(text_of(block.parts)))
    elif isinstance(block, Bullets):
        for item in block.items:
            document.add_paragraph(printable(text_of(item.parts)), style="List Bullet")
    elif isinstance(block, Table):
        _add_table(document, block)
    else:
        raise TypeError(f"a document has no {block.kind}")


def _add_table(document: WordDocument, block: Table) -> None:
    """Add a table beneath its caption, the heading repeated on every page."""
    caption = document.add_paragraph(printable(block.caption), style="Caption")
    caption.paragraph_format.keep_with_next = True
    table = document.add_table(rows=1, cols=len(block.columns))
    table.style = "Table Grid"
    right = numeric_places(block)
    head = table.rows[0]
    _repeat(head)
    for cell, column, numeric in zip(head.cells, block.columns, right, strict=True):
        _write(cell, [(column.title, _TYPE, True)], right=numeric)
    for line in block.rows:
        row = table.add_row()
        for cell, content, numeric in zip(row.cells, line, right, strict=True):
            _write(cell, _lines(content), right=numeric)
    document.add_paragraph()


def _lines(content: Cell) -> list[tuple[str, float, bool]]:
    lines = [(text_of(content.parts), _TYPE, False)]
    return [*lines, (text_of(content.small), _SMALL, False)] if content.small else lines


def _write(cell: _Cell, lines: Sequence[tuple[str, float, bool]], *, right: bool) -> None:
    """Write lines into an empty cell, each with its size of type."""
    from docx.enum.text import WD_ALIGN_PARAGRAPH  # noqa: PLC0415
    from docx.shared import Pt  # noqa: PLC0415

    for number, (text, size, bold) in enumerate(lines):
        paragraph = cell.paragraphs[0] if number == 0 else cell.add_paragraph()
        paragraph.paragraph_format.space_after = Pt(0)
        if right:
            paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        run = paragraph.add_run(printable(text))
        run.font.size, run.bold = Pt(size), bold


def _repeat(row: _Row) -> None:
    """Mark a row as the heading of its table, which Word repeats and reads out."""
    from docx.oxml import OxmlElement  # noqa: PLC0415
    from docx.oxml.ns import qn  # noqa: PLC0415

    mark: Any = OxmlElement("w:tblHeader")
    mark.set(qn("w:val"), "true")
    row._tr.get_or_add_trPr().append(mark)  # noqa: SLF001  (the library has no name for it)
