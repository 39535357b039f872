"""The answers, the effects and the series of a result as an Excel workbook; the same bytes every time."""

from __future__ import annotations

import datetime as dt
import io
import math
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from its_eval.errors import OutputError
from its_eval.evaluation import records
from its_eval.result import defused
from its_eval.words.verdicts import headline

if TYPE_CHECKING:
    from openpyxl import Workbook  # type: ignore[import-untyped]
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet  # type: ignore[import-untyped]

    from its_eval.evaluation import Evaluation


#: Rows of a sheet in Excel, its heading included.
MOST_ROWS = 1_048_576
#: What Excel lets a cell hold.
_LONGEST_TEXT = 32_767
#: Control characters that XML cannot hold.
_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
#: Files in the archive carry this date, and the workbook too: a workbook changes only when its content does.
_FIXED = dt.datetime(2000, 1, 1)  # noqa: DTZ001  (Excel's dates have no zone)
_MODIFIED = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*(</dcterms:(?:created|modified)>)")
_WIDEST, _NARROWEST = 60, 8
#: So many rows decide the width of a column.
_MEASURED_ROWS = 200


def write_workbook(evaluation: Evaluation, path: Path) -> None:
    """Write what most readers ask for as a workbook of three sheets: answers, effects and series.

    Parameters
    ----------
    evaluation : Evaluation
        The result.
    path : Path
        The file.

    Raises
    ------
    OutputError
        When a table has more rows than a sheet can hold.
    """
    names = ("effects", "series")
    write_sheets({"answers": _answers(evaluation)} | {name: evaluation.tables[name] for name in names}, path)


def _answers(evaluation: Evaluation) -> pd.DataFrame:
    """Return the verdicts that say something, each with the name of its unit and its sentence."""
    verdicts = evaluation.tables["verdicts"]
    said = verdicts[verdicts["label"].ne("")]
    rows = [row for _, row in records(said)]
    sentences = [headline(row, evaluation.outcomes.get(row["outcome"], {})) for row in rows]
    first = {
        "outcome": said["outcome"],
        "unit": said["unit"],
        "name": [evaluation.unit_names.get(row["unit"], "") for row in rows],
        "answer": sentences,
    }
    rest = [name for name in verdicts.columns if name not in first]
    return pd.DataFrame(first | {name: said[name] for name in rest})


def write_sheets(tables: Mapping[str, pd.DataFrame], path: Path) -> None:
    """Write tables as a workbook, a sheet each.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        By the name of the sheet, in order.
    path : Path
        The file.

    Raises
    ------
    OutputError
        When a table has more rows than a sheet can hold.

    Notes
    -----
    Numbers have sixteen significant digits, whatever their format shows: one more than Excel prints. A text
    that a spreadsheet program could take for a formula gets a leading apostrophe, as in the CSV files. What
    is missing is an empty cell; an infinite limit is ∞.
    """
    too_long = [name for name, table in tables.items() if len(table) >= MOST_ROWS]
    if too_long:
        raise OutputError(
            f"{', '.join(sorted(too_long))}: more rows than the {MOST_ROWS:,} of an Excel sheet",
            "take xlsx out of output.tables: CSV and Parquet have no such limit",
        )
    from openpyxl import Workbook  # noqa: PLC0415

    book = Workbook(write_only=True)
    for name, table in tables.items():
        _write_table(book, name, defused(table))
    book.properties.creator = "its-eval"
    book.properties.created = _FIXED
    content = io.BytesIO()
    book.save(content)
    path.write_bytes(without_times(content.getvalue()))


def _write_table(book: Workbook, name: str, table: pd.DataFrame) -> None:
    from openpyxl.utils import get_column_letter  # type: ignore[import-untyped]  # noqa: PLC0415

    sheet = book.create_sheet(name)
    sheet.freeze_panes = "A2"
    last = get_column_letter(max(len(table.columns), 1))
    sheet.auto_filter.ref = f"A1:{last}{len(table) + 1}"
    formats = {str(column): number_format(table[column]) for column in table.columns}
    for place, column in enumerate(table.columns, start=1):
        sheet.column_dimensions[get_column_letter(place)].width = _width(str(column), table[column])
    sheet.append([_bold(sheet, str(column)) for column in table.columns])
    for row in _cells(sheet, table, list(formats.values())):
        sheet.append(row)


def _cells(sheet: WriteOnlyWorksheet, table: pd.DataFrame, formats: list[str]) -> Iterator[list[Any]]:
    """Yield the rows of a sheet; only numbers need a cell of their own, for their format."""
    from openpyxl.cell import WriteOnlyCell  # type: ignore[import-untyped]  # noqa: PLC0415

    def made(value: Any, shown: str) -> Any:
        if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
            return None
        if isinstance(value, float) and math.isinf(value):
            return "∞" if value > 0 else "−∞"
        if isinstance(value, str):
            return _text(value)
        if isinstance(value, bool) or not shown:
            return value
        cell = WriteOnlyCell(sheet, value)
        cell.number_format = shown
        return cell

    values = (table[column].tolist() for column in table.columns)
    for row in zip(*values, strict=True):
        yield [made(value, shown) for value, shown in zip(row, formats, strict=True)]


def number_format(column: pd.Series[Any]) -> str:
    """Return how the numbers of a column are shown: two digits of the small ones; blank for texts.

    Examples
    --------
    >>> number_format(pd.Series([0.25, 12.0]))
    '#,##0.00'
    """
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        return ""
    if pd.api.types.is_integer_dtype(column):
        return "0"
    sizes = column.abs()
    known = sizes[(sizes > 1e-6) & (sizes < math.inf)]
    smallest = float(known.quantile(0.25)) if len(known) else 1.0
    digits = min(6, max(2, 1 - math.floor(math.log10(smallest))))
    return "#,##0." + "0" * digits


def _width(title: str, column: pd.Series[Any]) -> float:
    longest = max((len(str(value)) for value in column.head(_MEASURED_ROWS).tolist()), default=0)
    if pd.api.types.is_float_dtype(column):
        longest = min(longest, 14)
    return float(min(_WIDEST, max(_NARROWEST, len(title) + 3, longest + 1)))


def _text(value: str) -> str:
    return printable(value)[:_LONGEST_TEXT]


def printable(value: str) -> str:
    """Return a text that the files of an office program can hold."""
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", value)


def _bold(sheet: WriteOnlyWorksheet, value: str) -> Any:
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415
    from openpyxl.styles import Font  # type: ignore[import-untyped]  # noqa: PLC0415

    cell = WriteOnlyCell(sheet, _text(value))
    cell.font = Font(bold=True)
    return cell


def without_times(content: bytes) -> bytes:
    """Return an archive of an office program whose files, and own properties, carry one fixed date."""
    fixed = f"{_FIXED.isoformat()}Z".encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w") as new:
        for name in _in_order(old.namelist()):
            entry = zipfile.ZipInfo(name, date_time=_FIXED.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            data = old.read(name)
            if name == "docProps/core.xml":
                data = _MODIFIED.sub(rb"\g<1>" + fixed + rb"\g<3>", data)
            new.writestr(entry, data)
    return packed.getvalue()


def _in_order(names: Iterable[str]) -> list[str]:
    """Return the files of a workbook, the list of contents first, as programs expect it."""
    return sorted(names, key=lambda name: (name != "[Content_Types].xml", name))
