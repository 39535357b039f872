"""Workbooks as tables, and damage that the reading library would not survive."""

import datetime as dt
import struct

import openpyxl
import pytest

from its_eval.data.attributes import load_characteristics, load_units
from its_eval.data.tables import read_table
from its_eval.data.workbook import Workbook, cell_text, open_workbook
from its_eval.errors import DataError


def save(path, **sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_a_workbook_is_a_table_of_text(tmp_path):
    rows = [
        ["unit", "period", "value", ""],
        ["A1", dt.datetime.fromisoformat("2015-07-01"), 0.123456789, None],
        [None, None, None, None],
        [101, "2015-08", 35744, None],
    ]
    frame = read_table(save(tmp_path / "t.xlsx", Data=rows))
    assert list(frame.columns) == ["unit", "period", "value"]
    assert frame.to_numpy().tolist() == [
        ["A1", "2015-07-01", "0.123456789"],
        ["101", "2015-08", "35744"],
    ]
    assert list(frame.index) == [2, 4]


@pytest.mark.parametrize("name", ["t.xls", "T.XLSX"])
def test_a_workbook_is_known_by_its_content_and_not_by_its_name(tmp_path, name):
    save(tmp_path / "t.xlsx", Data=[["unit", "value"], ["A1", 5]]).rename(tmp_path / name)
    assert open_workbook(tmp_path / name).rows("Data") == [["unit", "value"], ["A1", 5.0]]
    assert read_table(tmp_path / name).to_numpy().tolist() == [["A1", "5"]]


def test_cells_as_text():
    moment = dt.datetime.fromisoformat("2015-07-01 08:30")
    assert cell_text(moment) == "2015-07-01 08:30:00"
    assert cell_text(True) == "True"
    assert cell_text(2.5) == "2.5"


def test_hidden_and_empty_sheets_do_not_count(tmp_path):
    path = save(tmp_path / "t.xlsx", Data=[["unit", "Beds"], ["A1", 5]], Notes=[["what"]], Empty=[])
    with pytest.raises(DataError, match=r"2 sheets hold something: 'Data', 'Notes'; expected one table"):
        read_table(path)
    book = openpyxl.load_workbook(path)
    book["Notes"].sheet_state = "hidden"
    book.save(path)
    assert read_table(path).to_numpy().tolist() == [["A1", "5"]]
    assert open_workbook(path).visible == ("Data", "Empty")
    assert load_characteristics(path, "unit").values.tolist() == [[5.0]]


def test_units_and_empty_workbooks(tmp_path):
    path = save(tmp_path / "u.xlsx", Units=[["unit", "name"], ["A1", "Alpha"]])
    assert load_units(path, {}).name("A1") == "Alpha"
    with pytest.raises(DataError, match="the file is empty"):
        read_table(save(tmp_path / "e.xlsx", Data=[]))
    with pytest.raises(DataError, match="the table has no rows"):
        read_table(save(tmp_path / "h.xlsx", Data=[["unit", "name"]]))
    with pytest.raises(DataError, match="cannot be read"):
        open_workbook(tmp_path)


class Panic(BaseException):
    """What the reading library raises where its own assumptions break."""


Panic.__name__ = "PanicException"


@pytest.mark.parametrize(
    ("error", "raised"), [(Panic("slice\nmore"), DataError), (KeyboardInterrupt(), None)]
)
def test_a_panic_of_the_library_is_an_error_of_the_file(error, raised):
    class Book:
        def get_sheet_by_name(self, name):
            raise error

    book = Workbook("t.xls", ("S",), ("S",), Book())
    with pytest.raises(raised or type(error)) as caught:
        book.rows("S")
    if raised:
        assert str(caught.value) == "t.xls: the workbook is damaged and cannot be read (slice)"


def compound(tables, length, more=()):
    """Return a compound file with allocation tables at given sectors; see [MS-CFB] 2.2."""
    free = 0xFFFFFFFF
    following = more[0] if more else 0xFFFFFFFE
    header = bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 16
    header += struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + b"\0" * 6
    header += struct.pack("<IIIIIIIII", 0, len(tables), 0, 0, 4096, 0xFFFFFFFE, 0, following, len(more))
    header += struct.pack("<109I", *tables, *[free] * (109 - len(tables)))
    return header.ljust(length, b"\0")


@pytest.mark.parametrize(
    "raw",
    [
        compound([5], 512 * 3),  # the allocation table itself is beyond the end
        compound([0], 512 * 2, more=[7]),  # as is a sector that names more of them
    ],
)
def test_tables_beyond_the_end(tmp_path, raw):
    path = tmp_path / "t.xls"
    path.write_bytes(raw)
    with pytest.raises(DataError, match="cut short"):
        open_workbook(path)


def test_further_tables_named_in_sectors_of_their_own(tmp_path):
    names = struct.pack("<128I", 2, *[0xFFFFFFFF] * 126, 0xFFFFFFFE)
    first, second = (struct.pack("<128I", mark, *[0xFFFFFFFF] * 127) for mark in (0xFFFFFFFD, 0xFFFFFFFE))
    whole = compound([0], 512, more=[1]) + first + names + second
    path = tmp_path / "t.xls"
    # the second table says that sector 128 is in use
    # and its last byte has to be there: sector 128 ends after 130 times its size, with that of the header
    for length in (len(whole), 512 * 129, 512 * 130 - 1):
        path.write_bytes(whole.ljust(length, b"\0"))
        with pytest.raises(DataError, match="cut short"):
            open_workbook(path)
    path.write_bytes(whole.ljust(512 * 130, b"\0"))
    with pytest.raises(DataError, match="damaged"):
        open_workbook(path)
