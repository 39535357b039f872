"""Files as publishers write them, with fictional providers, and all the ways in which they arrive broken."""

import struct

import openpyxl

TYPES = (
    "Type 1 Departments - Major A&E",
    "Type 2 Departments - Single Specialty",
    "Type 3 Departments - Other A&E/Minor Injury Unit",
)
GROUPS = (
    ("A&E attendances", "Total attendances"),
    (
        "A&E attendances less than 4 hours from arrival to admission, transfer or discharge",
        "Total Attendances < 4 hours",
    ),
    (
        "A&E attendances greater than 4 hours from arrival to admission, transfer or discharge",
        "Total Attendances > 4 hours",
    ),
)
LAST = (
    "Percentage in 4 hours or less (all)",
    "Percentage in 4 hours or less (type 1)",
    "Total Emergency Admissions via A&E",
    "Number of patients spending >12 hours from decision to admit to admission",
)
#: code, name, attendances of types 1 to 3, those within four hours, admissions, twelve-hour waits
PROVIDERS = (
    ("ZZ1", "Zealand Trust", (900, 20, 80), (810, 20, 80), 300, 4),
    ("ZZ2", "Zephyr Trust", (500, 0, 0), (400, 0, 0), 200, 0),
    ("ZY1", "Zinnia Walk-in Centre", (0, 0, 250), (0, 0, 250), 0, 0),
    ("ZZ3", "Zither Trust (field test)", (700, 0, 0), None, 250, 1),
)
SHEET = "Provider Level Data"
PERIOD_ROW, REVISED_ROW, HEADER_ROW = 6, 10, 16


def ae_rows(period="April 2020", revised="13th May 2021", providers=PROVIDERS):
    """Return the cells of the provider sheet; the first column is empty, as published."""
    rows = [[""] for _ in range(HEADER_ROW)]
    for row, label, value in (
        (2, "Title:", "A&E Attendances & Emergency Admission monthly statistics"),
        (PERIOD_ROW, "Period:", period),
        (9, "Published:", "14th May 2020"),
        (REVISED_ROW, "Revised:", revised),
        (14, "Provider Level Data", ""),
    ):
        rows[row - 1] = ["", label, value]
    over, header = ["", "", "", ""], ["", "Code", "Region", "Name"]
    for group, total in GROUPS:
        over += [group, "", "", ""]
        header += [*TYPES, total]
    rows[HEADER_ROW - 2], rows[HEADER_ROW - 1] = over, [*header, *LAST]
    body = [ae_row(*provider) for provider in providers]
    totals = [sum(row[column] for row in body if row[column] != "-") for column in range(4, 16)]
    last = [sum(row[column] for row in body) for column in (18, 19)]
    rows.append(["", "-", "-", "England", *totals, 0.9, 0.9, *last])
    rows += [[""], *body, [""], ["", "Note:"]]
    rows.append(["", "1. Organisations that did not submit data for the month"])
    rows.append(["", "code - ZY9", "Organisation - Zodiac Trust"])
    return rows


def ae_row(code, name, attendances, within, admissions, waits):
    attended = [*attendances, sum(attendances)]
    if within is None:
        return ["", code, "Region Z", name, *attended, *["-"] * 10, admissions, waits]
    inside = [*within, sum(within)]
    over = [number - part for number, part in zip(attended, inside, strict=True)]
    share = inside[3] / attended[3]
    return ["", code, "Region Z", name, *attended, *inside, *over, share, "-", admissions, waits]


def write_workbook(path, sheets):
    """Write sheets {name: rows}; an empty text leaves the cell empty."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row, cells in enumerate(rows, start=1):
            for column, cell in enumerate(cells, start=1):
                if cell != "":
                    sheet.cell(row, column, cell)
    book.save(path)
    return path


def ae_workbook(path, rows=None, sheet=SHEET, **changes):
    """Write an A&E workbook, the summary sheet before the providers."""
    sheets = {"System Level Data": [["", "Code", "System"], ["", "QZZ", "Zone"]]}
    return write_workbook(path, sheets | {sheet: ae_rows(**changes) if rows is None else rows})


def compound_file(streams):
    """Return a compound file ([MS-CFB]) of streams {name: bytes}, each padded to a size beyond 4095."""
    free, end, fat_mark = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
    table, sectors, entries = [fat_mark, end], [], []
    for name, content in streams.items():
        padded = content + b"\0" * (max(4096, -(-len(content) // 512) * 512) - len(content))
        start, count = len(table), len(padded) // 512
        table += [*range(start + 1, start + count), end]
        sectors.append(padded)
        entries.append((name, 2, start, len(padded)))
    table += [free] * (128 - len(table))
    children = len(entries)
    directory = _entry("Root Entry", 5, end, 0, child=1 if children else free)
    for place, (name, kind, start, size) in enumerate(entries, start=1):
        directory += _entry(name, kind, start, size, right=place + 1 if place < children else free)
    directory += b"\0" * (512 - len(directory))
    header = bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 16
    header += struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + b"\0" * 6
    header += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, end, 0, end, 0)
    header += struct.pack("<109I", 0, *[free] * 108)
    return header + struct.pack("<128I", *table) + directory + b"".join(sectors)


def _entry(name, kind, start, size, child=0xFFFFFFFF, right=0xFFFFFFFF):
    written = name.encode("utf-16-le") + b"\0\0"
    entry = written.ljust(64, b"\0") + struct.pack("<HBB", len(written), kind, 1)
    entry += struct.pack("<III", 0xFFFFFFFF, right, child) + b"\0" * 36
    return entry + struct.pack("<IQ", start, size)


def locked_new_workbook():
    """Return what an .xlsx with a password is: a compound file with an encrypted package."""
    return compound_file({"EncryptionInfo": b"\4\0\4\0", "EncryptedPackage": b"\x5a" * 5000})


def locked_old_workbook():
    """Return an .xls whose first record after the beginning says that the rest is encrypted."""
    begin = struct.pack("<HHHHHHII", 0x0809, 16, 0x0600, 0x0005, 0, 0x07CC, 0, 6)
    locked = struct.pack("<HH", 0x002F, 6) + b"\0" * 6
    return compound_file({"Workbook": begin + locked + struct.pack("<HH", 0x000A, 0)})


ERROR_PAGE = b"""<!DOCTYPE html>
<html><head><title>404 - Page not found</title></head><body>Sorry.</body></html>
"""
