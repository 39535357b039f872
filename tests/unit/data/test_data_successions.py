"""Lists of organisations that merged, were renamed or split, and what they do to series."""

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

from its_eval.calendar import MONTHS, Calendar
from its_eval.config.data import NHS
from its_eval.data.load import IndicatorRows
from its_eval.data.panel import Panel
from its_eval.data.successions import Change, combine_changes, last_heirs, load_changes, size_changes
from its_eval.errors import DataError

NAN = float("nan")
START = MONTHS.parse("2017-01")
WINDOW = (START, START + 11)


def rows(*cells):
    """Rows of (unit, month from 2017-01, numerator, denominator)."""
    frame = pd.DataFrame(
        [
            ("waits", unit, START + month, NAN, numerator, denominator, "", "f.csv", "", place)
            for place, (unit, month, numerator, denominator) in enumerate(cells, start=2)
        ],
        columns=[
            "indicator", "unit", "period", "value", "numerator", "denominator", "stratum", "source_file",
            "source_sheet", "source_row",
        ],
    ).astype(dict.fromkeys(("value", "numerator", "denominator"), float))  # fmt: skip
    return IndicatorRows(frame, (), MONTHS)


def change(old, new, month, kind="merger"):
    return Change(old, new, START + month, kind)


def combined(given, *changes, kind="percentage", window=WINDOW):
    factor = 100.0 if kind == "percentage" else 1.0
    found = combine_changes(given, changes, {"waits": (kind, factor)}, {"waits": window})
    cells = found.frame[["unit", "period", "numerator", "denominator"]].itertuples(index=False, name=None)
    return found, {(unit, period - START): (one, other) for unit, period, one, other in cells}


def checks(found):
    return [(item.check, item.unit, item.value, item.severity) for item in found.findings]


def write(tmp_path, text):
    path = tmp_path / "own.csv"
    path.write_text(text)
    return path


def test_the_bundled_list():
    changes = load_changes([NHS], MONTHS)
    assert len(changes) == 696
    assert max(item.period for item in changes) == MONTHS.parse("2018-06")
    assert Change("RW3", "R0A", MONTHS.parse("2017-10"), "name_change") in changes
    heirs = last_heirs(changes)
    # through two steps: Trafford became part of Central Manchester in 2012, that of Manchester in 2017
    assert heirs["RM4"] == "R0A"
    # a code that was split has no heir
    assert "RDM" not in heirs


def test_own_rows_come_after_those_of_the_bundled_list(tmp_path):
    own = write(tmp_path, "Old,NEW,date\nREM1,REM,2019-10\n")
    changes = load_changes([NHS, own], MONTHS)
    assert changes[-1] == Change("REM1", "REM", MONTHS.parse("2019-10"), "merger")
    assert load_changes([own, own], Calendar("quarter"))[0].period == Calendar("quarter").parse("2019Q4")


def test_every_fault_of_a_list_is_told(tmp_path):
    own = write(
        tmp_path,
        "old,new,date,kind\nA,B,soon,merger\n,B,2019-10,merger\nC,,2019-10,split\nD,E,2019-10,sold\n"
        "F,G,2019-10,\nF,H,2019-11,name_change\n",
    )
    with pytest.raises(DataError) as caught:
        load_changes([own, tmp_path / "none.csv"], MONTHS)
    starts = [text.removeprefix(f"{tmp_path}/") for text in caught.value.problems]
    assert starts.pop(4).startswith("none.csv: ")
    assert starts == [
        "own.csv: row 2, date: 'soon' is not a month; expected a month such as 2015-07",
        "own.csv: row 3: the code of old is blank",
        "own.csv: row 4: the code of new is blank",
        "own.csv: row 5: kind 'sold'; expected one of merger, name_change, split",
        "own.csv: row 7: F goes on as H, and elsewhere as G; expected one of the two, or kind split for both",
    ]


def test_a_merger_is_summed_until_it_happened():
    given = rows(
        *(("A", month, 1, 10) for month in range(3)),
        *(("B", month, 4, 20) for month in range(3)),
        *(("N", month, 6, 31) for month in range(3, 6)),
    )
    found, cells = combined(given, change("A", "N", 3), change("B", "N", 3))
    assert cells == {("N", m): (5, 30) if m < 3 else (6, 31) for m in range(6)}
    assert found.frame["value"].tolist()[:3] == pytest.approx([100 * 5 / 30] * 3)
    assert checks(found) == [("combined", "N", "A, B", "info")]


def test_an_acquirer_that_keeps_its_code_is_a_member():
    given = rows(("A", 0, 1, 10), ("A", 1, 1, 10), ("N", 0, 4, 20), ("N", 1, 4, 20), ("N", 2, 5, 31))
    _, cells = combined(given, change("A", "N", 2))
    assert cells == {("N", 0): (5, 30), ("N", 1): (5, 30), ("N", 2): (5, 31)}


@pytest.mark.parametrize("lacking", [("A", 0), ("A", 2), ("N", 0), ("N", 1)])
def test_membership_is_constant_until_the_merger(lacking):
    cells = [(unit, month, 1, 10) for unit in ("A", "N") for month in range(3)] + [("N", 3, 2, 20)]
    given = rows(*(cell for cell in cells if cell[:2] != lacking))
    found, cells = combined(given, change("A", "N", 3))
    expected = {("N", month): (2, 20) for month in range(4)}
    assert np.isnan(cells.pop(("N", lacking[1]))).all()
    assert cells == {key: value for key, value in expected.items() if key[1] != lacking[1]}
    assert [item.check for item in found.findings] == ["combined", "combined_incomplete"]


def test_a_member_by_a_merger_is_one_from_its_own_beginning():
    # A and B became M, M and C became N
    given = rows(
        ("A", 0, 1, 1), ("B", 0, 2, 2), ("C", 0, 4, 4), ("M", 1, 3, 3), ("C", 1, 4, 4), ("N", 2, 7, 7)
    )
    found, cells = combined(
        given, change("A", "M", 1), change("B", "M", 1), change("M", "N", 2), change("C", "N", 2)
    )
    assert cells == {("N", month): (7, 7) for month in range(3)}
    assert checks(found) == [("combined", "N", "A, B, C, M", "info")]


def test_only_changes_within_the_window_count():
    given = rows(("A", 0, 1, 10), ("N", 0, 4, 20), ("N", 5, 5, 31))
    for month in (0, 12, -3):
        found, _ = combined(given, change("A", "N", month))
        pd.testing.assert_frame_equal(found.frame, given.frame)
        assert found.findings == ()
    assert "A" not in set(combined(given, change("A", "N", 11))[0].frame["unit"])


def test_values_without_both_parts_are_not_combined_and_the_unit_is_named():
    given = rows(("A", 0, NAN, NAN), ("B", 0, 4, 20), ("N", 1, 6, 31), ("X", 0, 1, 2))
    given = replace(given, frame=given.frame.assign(value=[50.0, NAN, NAN, NAN]))
    found, cells = combined(given, change("A", "N", 1), change("B", "N", 1))
    assert cells.pop(("X", 0)) == (1, 2)
    assert set(cells) == {("N", 0), ("N", 1)}
    assert np.isnan(list(cells.values())).all()
    assert found.frame.loc[found.frame["unit"].eq("N"), "value"].isna().all()
    assert checks(found) == [("not_combined", "N", "A, B", "warning")]
    assert found.findings[0].message == (
        "waits: A, B, N counted as N: a percentage without its denominator cannot be averaged in 2017-01; "
        "it is left out"
    )
    # a plain number has no sum at all
    assert checks(combined(rows(("A", 0, 1, 1), ("N", 0, 1, 1)), change("A", "N", 1), kind="number")[0]) == [
        ("not_combined", "N", "A", "warning")
    ]


def test_members_without_rows_are_told():
    # N was there before A came to it; M begins with B; a renamed unit has one row after the other
    given = rows(("N", 0, 4, 20), ("N", 3, 5, 31), ("M", 3, 1, 1), ("C", 0, 1, 1), ("D", 3, 1, 1))
    changes = (change("A", "N", 2), change("B", "M", 3), change("C", "E", 2, "name_change"))
    found, cells = combined(given, *changes)
    assert ("E", 0) in cells
    assert checks(found) == [
        ("combined", "E", "C", "info"),
        ("member_without_rows", "M", "", "info"),
        ("member_without_rows", "N", "", "warning"),
    ]
    assert [item.message for item in found.findings] == [
        "waits: C counted as E",
        "waits: M began with B in 2017-04, and nothing before it can be added up",
        "waits: A became part of N in 2017-03 and has no rows: N is without them until then, unless the table "
        "has counted them as one already",
    ]


def test_splits_are_never_joined():
    given = rows(("A", 0, 9, 9), ("B", 3, 5, 5), ("C", 3, 4, 4))
    found, _ = combined(given, change("A", "B", 3, "split"), change("A", "C", 3, "split"))
    pd.testing.assert_frame_equal(found.frame, given.frame)
    assert [item.message for item in found.findings] == [
        "waits: A was split in 2017-04 and went to B, C; they are not joined"
    ]
    assert combined(rows(("X", 0, 1, 1)), change("A", "B", 3, "split"))[0].findings == ()


def test_a_code_that_came_back_is_its_own_heir():
    assert last_heirs([change("A", "B", 1), change("B", "A", 5)]) == {"B": "A"}


def panel(*denominators, calendar=MONTHS):
    sizes = np.array(denominators, dtype=float).T
    units = tuple("ABC"[: sizes.shape[1]])
    return Panel(
        "waits",
        calendar,
        calendar.parse("2017-01-01"),
        units,
        sizes,
        sizes,
        sizes,
        np.zeros(sizes.shape, dtype=bool),
    )


def test_a_move_of_size_between_half_years_is_told():
    # +21 % and +19 % from the ninth month on, and one with a gap
    found = size_changes(
        panel([100] * 8 + [121] * 8, [100] * 8 + [119] * 8, [100] * 8 + [150] * 8), {"A", "B"}
    )
    assert [(item.unit, item.period, item.value, item.severity) for item in found] == [
        ("A", "2017-09", "0.210", "warning")
    ]
    assert found[0].message == (
        "waits: the denominator of A is +21% in the 6 periods from 2017-09 on, against the 6 periods before; "
        "did it take over or lose a part?"
    )
    (loss,) = size_changes(panel([100] * 8 + [79] * 8), {"A"})
    assert loss.value == "-0.210"
    assert size_changes(panel([100] * 5 + [500] * 6), {"A"}) == []
    assert size_changes(panel([NAN] * 16), {"A"}) == []
    (year,) = size_changes(panel([100, 100, 150], calendar=Calendar("year")), {"A"})
    assert "in the period from" in year.message


def test_the_heading_of_kinds_is_found_as_the_others_are(tmp_path):
    path = write(tmp_path, "Old,New,Date, Kind\nA,B,2019-10,split\nA,C,2019-10,split\nD,E,2019-10,\n")
    kinds = {(item.old, item.new): item.kind for item in load_changes([path], MONTHS)}
    assert kinds == {("A", "B"): "split", ("A", "C"): "split", ("D", "E"): "merger"}
