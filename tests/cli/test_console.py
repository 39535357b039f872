"""Tables that are put together by hand are those of rich, byte for byte."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from its_eval.cli.console import print_table

LONG = "University Hospitals of Derby and Burton NHS Foundation Trust, all of its five sites"
#: What a layout by hand gets wrong: wide and combining characters, controls, names of emoji, words to break.
ODD = (
    "", " ", "  two  spaces  ", "x" * 130, "東京都 大学病院 と 看護学校 の 統計", "Zoe\u0308 Café–Œuvre", "a\tb", "one\ntwo", "\u200b",
    ":hospital: and :heart:", "12:30", "bell\x07", "no\u00a0break", "soft\u00adhyphen", "👩\u200d⚕️ 🏥", "[bold]no markup[/bold]",
)  # fmt: skip


def columns_of(count):
    """Columns as the tables of the program have them."""
    kinds = (
        {"justify": "right", "no_wrap": True},
        {"overflow": "fold"},
        {"overflow": "fold", "ratio": 3},
        {"justify": "right", "width": 7},
        {"justify": "right", "overflow": "fold"},
        {},
        {"no_wrap": True},
    )
    return [kinds[place % len(kinds)] for place in range(count)]


def table_of(headings, title=None):
    table = Table(box=None, pad_edge=False, title=title, title_justify="left", header_style="bold")
    for heading, kind in zip(headings, columns_of(len(headings)), strict=True):
        table.add_column(heading, **kind)
    return table


def both(headings, rows, width, *, title=None, terminal=False):
    """Return what rich prints and what is printed by hand."""
    texts = []
    for by_hand in (False, True):
        stream = io.StringIO()
        console = Console(
            file=stream, width=width, highlight=False, markup=False, force_terminal=terminal,
            color_system="standard" if terminal else None, legacy_windows=False,
        )  # fmt: skip
        table = table_of(headings, title)
        if by_hand:
            print_table(console, table, rows)
        else:
            for row in rows:
                table.add_row(*row)
            console.print(table)
        texts.append(stream.getvalue())
    return texts


HEADINGS = ("rank", "peer", "name", "farther than", "value", "farthest apart on", "of the peers")


@pytest.mark.parametrize(
    ("count", "width"), [(0, 100), (1, 5), (1, 100), (10, 20), (10, 60), (10, 100), (300, 100)]
)
@pytest.mark.parametrize("name", ["St Thomas’", LONG, "Ysbyty’r Môr–Œuvre " * 6, "東京都 大学病院 " * 12])
def test_a_table_of_peers(name, count, width):
    rows = [
        [str(n), f"U{n}", f"{name}{n}", f"{n % 100} %", f"{n / 7:.4f}", f"Beds {n} %, {name[:40]} 3 %", "–"]
        for n in range(1, count + 1)
    ]
    for terminal in (False, True) if count < 300 else (False,):
        of_rich, by_hand = both(HEADINGS, rows, width, title=f"U1 and {name}", terminal=terminal)
        assert by_hand == of_rich


@pytest.mark.parametrize("odd", ODD)
def test_unusual_characters(odd):
    rows = [[odd if place == column else "plain" for place in range(7)] for column in range(7)]
    for width in (100, 40):
        of_rich, by_hand = both(HEADINGS, rows, width)
        assert by_hand == of_rich
    assert len(set(both(("a", odd), [["x", "y"]], 30, title=odd))) == 1


CELLS = st.one_of(
    st.sampled_from(ODD),
    st.text(alphabet="ab –é東\u0308:", max_size=30),
    st.text(alphabet="abc  ", max_size=60),
)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_cells_at_any_width(data):
    count = data.draw(st.integers(1, 7))
    rows = data.draw(st.lists(st.lists(CELLS, min_size=count, max_size=count), max_size=5))
    headings = data.draw(st.lists(CELLS, min_size=count, max_size=count))
    of_rich, by_hand = both(headings, rows, data.draw(st.integers(1, 120)))
    assert by_hand == of_rich
