"""Scales, words and rows that the figures share."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from its_eval.figures.placebo_units import placebo_sentences, t_text
from its_eval.figures.scales import (
    Across,
    EndLabel,
    Limits,
    Panel,
    Tick,
    before_each,
    interval_reach,
    round_ticks,
    stack_rows,
    thinned,
)
from its_eval.figures.sheet import Mark, draw_sheet, place_marks
from its_eval.figures.specification_curve import dimension_words
from its_eval.figures.style import (
    LINE_HEIGHT,
    NARROW,
    house_style,
    sentence,
    text_width,
    told_apart,
    wrap,
    write,
)
from its_eval.words.numbers import counted

NBSP = "\N{NO-BREAK SPACE}"


class TestTicks:
    def test_words_that_would_touch_are_left_out(self):
        words = ["2014", "2015", "2016", "2017"]
        assert thinned(words, [0.0, 1.0, 2.0, 3.0], 1.0) == words
        assert thinned(words, [0.0, 1.0, 2.0, 3.0], 0.3) == ["2014", "", "2016", ""]
        assert thinned(words, [0.0, 1.0, 2.0, 3.0], 0.01) == ["2014", "", "", ""]
        assert thinned([], [], 1.0) == []

    def test_round_numbers_that_have_room(self):
        wide, _ = round_ticks(Limits(-0.01, 0.01), 6.0)
        narrow, words = round_ticks(Limits(-0.01, 0.01), 1.6)
        assert len(narrow) < len(wide)
        assert all(words)
        assert round_ticks(Limits(-100_000.0, 100_000.0), 0.5)[1].count("") >= 1

    def test_a_single_period_starts_before_itself(self):
        assert before_each(np.array([10.0])).tolist() == [9.5]
        assert before_each(np.array([10.0, 12.0])).tolist() == [9.0, 11.0]

    def test_what_goes_on_beyond_a_scale(self):
        limits = Limits(0.0, 1.0)
        assert not limits.leaves_out(np.array([0.0, np.nan, 1.0]))
        assert limits.leaves_out(np.array([0.5]), np.array([np.inf]))
        assert limits.leaves_out(np.array([-0.1]))


class TestIntervals:
    def test_all_that_is_finite_is_shown(self):
        limits = interval_reach(np.array([1.0, 2.0]), np.array([0.5, 1.4]), np.array([1.5, 2.6]))
        assert limits.low < 0.0
        assert limits.high > 2.6

    def test_a_very_wide_interval_does_not_flatten_the_others(self):
        estimate = np.array([1.0, 2.0, 1.5])
        limits = interval_reach(estimate, np.array([0.5, 1.4, -900.0]), np.array([1.5, 2.6, 900.0]))
        assert limits.low > -2.0
        assert limits.high < 6.0

    @pytest.mark.parametrize("edge", [np.nan, np.inf])
    def test_without_any_finite_interval(self, edge):
        limits = interval_reach(np.array([1.0, 2.0]), np.array([-edge] * 2), np.array([edge] * 2))
        assert limits.low < 0.0
        assert limits.high > 2.0

    def test_without_any_estimate(self):
        none = np.array([np.nan])
        limits = interval_reach(none, none, none)
        assert limits.low < 0.0 < limits.high

    def test_one_estimate_keeps_its_interval(self):
        limits = interval_reach(np.array([0.0]), np.array([-3.0]), np.array([3.0]))
        assert limits.low < -3.0 < 3.0 < limits.high


class TestRows:
    def test_rows_do_not_overlap(self):
        rows = stack_rows(["a", "b " * 40, "c"], ["1", "2", "3 " * 60], 1.0, gap_before=2)
        heights = [0.2 * (tick.words.count("\n") + 1) for tick in rows.ticks]
        for above, below, tall, next_tall in zip(
            rows.centres, rows.centres[1:], heights, heights[1:], strict=False
        ):
            assert above - below >= (tall + next_tall) / 2.0
        assert rows.height == pytest.approx(-rows.limits.low)
        assert rows.centres[-1] > rows.limits.low

    def test_a_gap_sets_rows_apart(self):
        plain = stack_rows(["a", "b", "c"])
        apart = stack_rows(["a", "b", "c"], gap_before=1)
        assert apart.height > plain.height
        assert stack_rows(["a", "b", "c"], gap_before=0).height == plain.height

    def test_names_that_look_alike_once_cut_off_get_their_codes(self):
        long = "The University Hospitals of a County with a Very Long Name Indeed, "
        names = [f"{long} North", f"{long} South", "Short"]
        assert told_apart(names, ["A", "B", "C"], 1.5, 2) == [f"A {names[0]}", f"B {names[1]}", "Short"]
        assert told_apart(names, ["", "", ""], 1.5, 2) == names
        assert told_apart(names, ["A", "B", "C"], 30.0, 2) == names


class TestWords:
    def test_no_line_is_broken_at_a_firm_space(self):
        text = f"about (1.00{NBSP}to{NBSP}2.00) in all"
        for width in (1.2, 1.5, 2.0):
            assert any(f"(1.00{NBSP}to{NBSP}2.00)" in line for line in wrap(text, width).split("\n"))

    def test_line_breaks_and_double_spaces_count_as_one(self):
        assert wrap("a\nb  c", 5.0) == "a b c"
        assert wrap("", 5.0) == ""
        assert text_width("") == 0.0

    def test_numbers(self):
        assert counted(0, "peer") == "no peers"
        assert counted(1, "peer") == "one peer"
        assert counted(2, "country", "countries") == "two countries"
        assert counted(1200, "peer") == "1,200 peers"
        assert sentence("a b") == "A b."
        assert t_text(-2.1) == f"t{NBSP}={NBSP}−2.10"

    def test_dimensions(self):
        assert dimension_words("k") == "number of peers"
        assert dimension_words("something_else") == "something else"

    def test_placebos_without_a_p_value(self):
        import pandas as pd

        frame = pd.DataFrame(
            {
                "treated": [True, False],
                "statistic": [1.0, 0.5],
                "as_extreme": [False, False],
                "p_value": [np.nan, np.nan],
            }
        )
        assert placebo_sentences(frame) == ["0 of 1 lie as far from zero as the unit, or farther."]


class TestMarks:
    def test_a_label_goes_to_the_left_rather_than_off_the_sheet(self):
        mark = Mark("primary specification", 9.8, 9.8, "event")
        (placed,) = place_marks([mark], (0.0, 10.0), 5.0, 5.2)
        assert placed.x1 < placed.left
        assert placed.x0 >= 0.0

    def test_where_there_is_room_it_stays_to_the_right(self):
        mark = Mark("primary specification", 2.0, 2.0, "event")
        (placed,) = place_marks([mark], (0.0, 10.0), 5.0, 5.2)
        assert placed.x0 > placed.left


class TestSheet:
    def sheet(self, across, ticks=None, heading="Heading"):
        panel = Panel(
            heading,
            Limits(0.0, 1.0),
            1.0,
            lambda axes: axes.plot([0.0, 100.0], [0.0, 1.0]),
            (EndLabel("end", 0.5, "#000000"),),
            ticks,
        )
        with house_style():
            figure = draw_sheet(
                [panel], (0.0, 100.0), [], ["A note."], across=across, total_width=NARROW, margin=1.0
            )
            figure.draw(FigureCanvasAgg(figure).get_renderer())
        return figure

    def test_numbers_across_with_a_footing(self):
        figure = self.sheet(Across(footing="number of things"))
        assert figure.axes[0].get_xticklabels()[0].get_text() == "0"
        assert "number of things" in [text.get_text() for text in figure.texts]
        assert figure.get_size_inches()[0] == NARROW

    def test_words_across(self):
        figure = self.sheet(Across(ticks=(Tick(10.0, "ten"), Tick(90.0, "ninety"))))
        assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["ten", "ninety"]

    def test_nothing_across_takes_less_room(self):
        bare, ticked = self.sheet(Across(ticks=())), self.sheet(Across())
        assert bare.get_size_inches()[1] < ticked.get_size_inches()[1]

    def test_lines_across(self):
        axes = self.sheet(Across(lines=True)).axes[0]
        assert all(line.get_visible() for line in axes.get_xgridlines())
        assert not any(line.get_visible() for line in axes.get_ygridlines())

    def test_names_of_rows_may_be_bold(self):
        figure = self.sheet(Across(), (Tick(0.2, "plain"), Tick(0.8, "bold", bold=True)))
        weights = [label.get_fontweight() for label in figure.axes[0].get_yticklabels()]
        assert weights == ["normal", "bold"]

    def test_no_heading_takes_no_room(self):
        figure, headed = self.sheet(Across(), heading=""), self.sheet(Across())
        assert figure.get_size_inches()[1] < headed.get_size_inches()[1]


def ink(figure, text):
    """Return lower and upper edge of letters, in inches from the lower edge of the figure."""
    box = text.get_window_extent(FigureCanvasAgg(figure).get_renderer())
    return box.y0 / figure.dpi, box.y1 / figure.dpi


class TestHeights:
    """Where letters stand, in inches: half a line higher or lower they would belong to something else."""

    def test_lines_stand_in_their_own_room_beneath_the_top(self):
        with house_style():
            figure = Figure(figsize=(4.0, 2.0))
            write(figure, 0.1, 1.5, "Ág of the first\nÁg of the second\nÁg of the third")
        assert len(figure.texts) == 3
        for row, text in enumerate(figure.texts):
            low, high = ink(figure, text)
            middle = 1.5 - (row + 0.5) * LINE_HEIGHT
            assert low < middle < high
            assert (low + high) / 2.0 == pytest.approx(middle, abs=0.2 * LINE_HEIGHT)

    @pytest.mark.parametrize("words", ["end", "a label that is too long for one line of the margin"])
    def test_a_label_is_centred_at_the_end_of_its_line(self, words):
        panel = Panel("", Limits(0.0, 1.0), 2.0, lambda _: None, (EndLabel(words, 0.25, "#000000"),))
        with house_style():
            figure = draw_sheet([panel], (0.0, 100.0), [], [], total_width=NARROW, margin=1.5)
        labels = [text for text in figure.texts if text.get_gid() == "end-label"]
        assert "".join(text.get_text() for text in labels).replace(" ", "") == words.replace(" ", "")
        axes = figure.axes[0].get_position()
        end = (axes.y0 + 0.25 * axes.height) * figure.get_size_inches()[1]
        edges = [ink(figure, text) for text in labels]
        middle = (min(low for low, _ in edges) + max(high for _, high in edges)) / 2.0
        assert middle == pytest.approx(end, abs=0.2 * LINE_HEIGHT)

    def test_labels_of_marks_stand_on_the_panel_in_rows(self):
        panel = Panel("", Limits(0.0, 1.0), 2.0, lambda _: None, ())
        marks = [Mark("first of two events", 1.0, 1.0, "event"), Mark("start", 5.0, 5.0, "interruption")]
        with house_style():
            figure = draw_sheet([panel], (0.0, 100.0), marks, [], total_width=NARROW, margin=1.5)
        labels = {text.get_text(): ink(figure, text) for text in figure.texts if text.get_gid() == "mark"}
        axes = figure.axes[0].get_position()
        top = axes.y1 * figure.get_size_inches()[1]
        for row, words in enumerate(("start", "first of two events")):
            low, high = labels[words]
            assert (low + high) / 2.0 == pytest.approx(top + (row + 0.5) * LINE_HEIGHT, abs=0.2 * LINE_HEIGHT)
