"""The coverage figure: what is drawn, in which order, and that nothing is left out unsaid."""

import numpy as np
import pandas as pd
import pytest

from its_eval.figures.coverage import MOST_UNITS, coverage_figure_data, draw_coverage
from its_eval.figures.style import save_figure

MONTHS = [f"2019-{month:02d}" for month in range(1, 13)]


def table(**units):
    """Return a coverage table: by unit, one letter a month, J for a jump."""
    words = {
        "p": "present", "d": "duplicate", "s": "suppressed", "m": "missing", "n": "not_yet", "e": "ended",
        "J": "present",
    }  # fmt: skip
    rows = [
        ("seen", "", unit, month, words[letter], 1, 1.5 if letter == "J" else np.nan)
        for unit, letters in units.items()
        for month, letter in zip(MONTHS, letters, strict=False)
    ]
    return pd.DataFrame(rows, columns=["indicator", "stratum", "unit", "period", "status", "n_rows", "jump"])


MIXED = table(A="p" * 12, B="nnppsmpppdee", C="pppppJpppppp", D="pppmpppppppp")


def texts(figure):
    return " ".join(" ".join(text.get_text().split()) for text in figure.texts)


def marks(figure, gid):
    return [line.get_xydata() for axes in figure.axes for line in axes.get_lines() if line.get_gid() == gid]


def test_units_with_most_gaps_come_first_and_whole_ones_are_counted():
    frame = coverage_figure_data(MIXED, "seen", "month")
    assert list(frame.columns) == ["unit", "period", "date", "status", "jump", "rank"]
    assert frame.groupby("unit")["rank"].first().to_dict() == {"A": 0, "B": 1, "C": 3, "D": 2}
    assert frame["date"].iloc[0] == "2019-01-01"
    with pytest.raises(KeyError, match="no rows of 'other'"):
        coverage_figure_data(MIXED, "other", "month")


def test_every_status_has_its_mark_and_its_words():
    frame = coverage_figure_data(MIXED, "seen", "month")
    figure = draw_coverage(frame, "Seen in time: which months have a value")
    said = texts(figure)
    for words in (
        "value",
        "several rows",
        "row without a value",
        "no row",
        "not yet, or no more",
        "jump in size",
    ):
        assert words in said
    assert "1 of 4 units have a value in every period and no jump; they are not drawn." in said
    assert [len(found) for found in marks(figure, "suppressed")] == [1]
    # B is the first row and D the second
    assert [row for _, row in marks(figure, "missing")[0]] == [0.5, 1.5]
    assert [row for _, row in marks(figure, "jump")[0]] == [2.5]
    cells = figure.axes[-1].collections[0].get_array()
    assert cells.shape == (3, 12)
    assert [label.get_text() for label in figure.axes[-1].get_yticklabels()] == ["B", "D", "C"]


def test_only_what_occurs_is_explained():
    figure = draw_coverage(coverage_figure_data(table(A="pppmpp"), "seen", "month"), "Seen")
    assert "row without a value" not in texts(figure)
    assert "jump in size" not in texts(figure)


def test_text_does_not_leave_the_sheet():
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = draw_coverage(coverage_figure_data(MIXED, "seen", "month"), "Seen in time " * 20)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = canvas.get_width_height()
    for text in figure.texts:
        box = text.get_window_extent()
        assert 0 <= box.x0 <= box.x1 <= width
        assert 0 <= box.y0 <= box.y1 <= height


def test_many_units_are_cut_and_that_is_said():
    many = table(**{f"U{place:03d}": "pm" * 6 for place in range(MOST_UNITS + 7)})
    figure = draw_coverage(coverage_figure_data(many, "seen", "month"), "Seen")
    assert f"Of the other {MOST_UNITS + 7} the {MOST_UNITS} with the most gaps are drawn." in texts(figure)
    assert len(figure.axes[-1].get_yticklabels()) == MOST_UNITS


def test_nothing_amiss_and_a_single_period(tmp_path):
    for whole in (table(A="pppp", B="pppp"), table(A="p")):
        frame = coverage_figure_data(whole, "seen", "month")
        figure = draw_coverage(frame, "Seen")
        assert "units have a value in every period" in texts(figure)
    single = coverage_figure_data(table(A="p", B="s"), "seen", "month")
    paths = save_figure(draw_coverage(single, "Seen"), single, tmp_path, "coverage")
    assert [path.suffix for path in paths] == [".csv", ".svg", ".png"]


def test_the_same_bytes_every_time(tmp_path):
    frame = coverage_figure_data(MIXED, "seen", "month")
    for name in ("one", "two"):
        save_figure(draw_coverage(frame, "Seen"), frame, tmp_path / name, "coverage")
    for suffix in ("svg", "png", "csv"):
        one, two = (tmp_path / name / f"coverage.{suffix}" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
