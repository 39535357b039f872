"""Workbooks, old and new ones, read in one way; what is no whole workbook is refused with its reason."""

from __future__ import annotations

import datetime as dt
import io
import re
import struct
import zipfile
from typing import TYPE_CHECKING

from msgspec import Struct

from its_eval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from python_calamine import CalamineWorkbook

_AGAIN = "download the file again, and look at it before importing it"
_UNLOCK = "open it with its password and save a copy without one"

# [MS-CFB] 2.2: the header of a compound file, in which old workbooks and all encrypted ones are kept
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEADER_SIZE = 512
_FREE_SECTOR = 0xFFFFFFFF
_NO_SECTOR = 0xFFFFFFFB
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
# [MS-XLS] 2.1.7.20.3: the workbook begins, perhaps it is write-protected, then comes what encrypts the rest
_BEGIN = b"\x09\x08\x10\0\0\x06\x05\0"
_LOCKED = re.compile(_BEGIN + rb".{12}(?:\x86\0\0\0)?\x2f\0", re.DOTALL)


def cell_text(cell: object) -> str:
    """Return what a cell holds as a CSV file would have it: full precision, dates in ISO form.

    Examples
    --------
    >>> cell_text(35744.0), cell_text(dt.datetime(2015, 7, 1)), cell_text(" RR8 ")
    ('35744', '2015-07-01', ' RR8 ')
    """
    if isinstance(cell, str):
        return cell
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, dt.datetime) and cell.time() == dt.time():
        return cell.date().isoformat()
    return str(cell)


class Workbook(Struct, frozen=True):
    """An opened workbook.

    Attributes
    ----------
    file : str
        Name of the file, for messages.
    sheets : tuple of str
        Names of the sheets, in order.
    visible : tuple of str
        Those that are not hidden.
    """

    file: str
    sheets: tuple[str, ...]
    visible: tuple[str, ...]
    _book: CalamineWorkbook

    def rows(self, sheet: str) -> Sequence[Sequence[object]]:
        """Return the cells of a sheet from cell A1 on: text, numbers, dates, and "" for an empty cell.

        Raises
        ------
        DataError
            When the sheet is damaged.
        """
        try:
            return self._book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
        except BaseException as error:  # noqa: BLE001  (see _damaged)
            raise _damaged(self.file, error) from None


def open_workbook(path: Path) -> Workbook:
    """Open a workbook: ``.xls``, ``.xlsx``, ``.xlsm``, ``.xlsb`` or ``.ods``, told apart by content.

    Raises
    ------
    DataError
        When the file is absent, empty, cut short, protected by a password, or no workbook at all, such as a
        web page saved under the name of one.
    """
    from python_calamine import CalamineWorkbook, PasswordError, SheetVisibleEnum  # noqa: PLC0415

    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise DataError([f"{path}: there is no such file"]) from None
    except OSError as error:
        raise DataError([f"{path}: cannot be read: {error.strerror}"]) from None
    _require_workbook(path.name, raw)
    try:
        if raw.startswith(_COMPOUND) == (path.suffix.lower() == ".xls"):
            # the library reads a file faster than bytes that are in memory already
            book = CalamineWorkbook.from_path(path)
        else:
            # but goes by the ending of its name then, and publishers put new workbooks under the old one
            book = CalamineWorkbook.from_filelike(io.BytesIO(raw))
        metadata = [(sheet.name, sheet.visible == SheetVisibleEnum.Visible) for sheet in book.sheets_metadata]
    except PasswordError:
        raise _protected(path.name) from None
    except BaseException as error:  # noqa: BLE001  (see _damaged)
        # an encrypted workbook of any kind is a compound file with this stream ([MS-OFFCRYPTO] 2.3.4)
        raise _protected(path.name) if _ENCRYPTED in raw else _damaged(path.name, error) from None
    names = tuple(name for name, _ in metadata)
    return Workbook(path.name, names, tuple(name for name, visible in metadata if visible), book)


def _require_workbook(file: str, raw: bytes) -> None:
    if not raw[:_HEADER_SIZE].strip(b"\0 \r\n\t"):
        raise DataError([f"{file}: the file is empty"], _AGAIN)
    if raw.startswith(_COMPOUND):
        _require_whole(file, raw)
        if _LOCKED.match(raw, max(raw.find(_BEGIN), 0)):
            # the reading library overlooks the oldest way of encrypting and would return nonsense
            raise _protected(file)
    elif raw.startswith(b"PK"):
        if not zipfile.is_zipfile(io.BytesIO(raw)):
            raise DataError([f"{file}: the workbook is cut short: the end of the file is missing"], _AGAIN)
    else:
        raise DataError([f"{file}: {_what_it_is(raw)}; expected a workbook (.xls or .xlsx)"], _AGAIN)


def _what_it_is(raw: bytes) -> str:
    start = raw[:4000].decode("utf-8", errors="replace").lstrip("\ufeff \r\n\t")
    if re.match(r"<(!doctype html|html|head|body)|<\?xml.*<html", start, re.IGNORECASE | re.DOTALL):
        title = re.search(r"<title[^>]*>\s*(.*?)\s*</title>", start, re.IGNORECASE | re.DOTALL)
        said = f" ({' '.join(title[1].split())!r})" if title and title[1] else ""
        return f"a web page{said} was saved under this name"
    if "\ufffd" not in start and start.isprintable() is False and "\0" not in start:
        return f"this is text, beginning {start.splitlines()[0][:40]!r}"
    return "this is no workbook"


def _require_whole(file: str, raw: bytes) -> None:
    """Check that every sector in use of a compound file is there: the reading library expects them.

    The allocation table ([MS-CFB] 2.3) says which sectors are in use; the first 109 sectors of the table are
    named in the header, the others in sectors of their own ([MS-CFB] 2.5).
    """
    short = DataError([f"{file}: the workbook is cut short: the end of the file is missing"], _AGAIN)
    if len(raw) < _HEADER_SIZE:
        raise short
    size = 1 << min(struct.unpack_from("<H", raw, 30)[0], 16)
    per_sector = size // 4
    tables = list(struct.unpack_from("<109I", raw, 76))
    following, more = struct.unpack_from("<II", raw, 68)
    for _ in range(min(more, len(raw) // size)):
        start = (following + 1) * size
        if start + size > len(raw):
            raise short
        *named, following = struct.unpack_from(f"<{per_sector}I", raw, start)
        tables += named
    tables = [entry for entry in tables if entry < _NO_SECTOR]
    if any((table + 2) * size > len(raw) for table in tables):
        raise short
    for place, table in reversed(list(enumerate(tables))):
        entries = struct.unpack_from(f"<{per_sector}I", raw, (table + 1) * size)
        used = [sector for sector, entry in enumerate(entries) if entry != _FREE_SECTOR]
        if used:
            # the header takes the place of one sector
            if (place * per_sector + used[-1] + 2) * size > len(raw):
                raise short
            return


def _protected(file: str) -> DataError:
    return DataError([f"{file}: the workbook is protected by a password"], _UNLOCK)


def _damaged(file: str, error: BaseException) -> BaseException:
    """Return what to raise for an error of the reading library, whose panics are no ordinary exceptions."""
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        return error
    what = str(error).partition("\n")[0]
    return DataError([f"{file}: the workbook is damaged and cannot be read ({what})"], _AGAIN)
