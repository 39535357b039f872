"""A report is written before its figures are drawn: it knows where they will stand."""

import pytest

from its_eval.figures.drawing import both, draw_figures, every_figure, figures_of_the_report, main_figures
from its_eval.report.embedding import awaited_figures, stored_figures


@pytest.fixture(scope="module")
def run(run_with):
    return run_with(n_units=1, n_placebos=3, n_dates=1, n_specifications=2)


def drawn(run, copies, **how):
    draw_figures(run, copies, 1, lambda *_: None, **how)


@pytest.mark.parametrize("formats", [("svg",), ("png",), ("png", "svg")])
def test_they_are_those_that_stand_there_afterwards(run, tmp_path, formats):
    copies = both(every_figure(run, tmp_path / "figures", formats), main_figures(run, tmp_path, ("png",)))
    awaited = awaited_figures(run, copies, tmp_path / "figures")
    drawn(run, copies)
    assert awaited == stored_figures(run, tmp_path / "figures")
    assert len(awaited) > 5
    assert awaited_figures(run, copies, tmp_path / "elsewhere") == ()
    assert awaited_figures(run, main_figures(run, tmp_path, ("png",)), tmp_path) == ()


def test_alone_what_is_to_be_done_meanwhile_is_done_first(run, tmp_path):
    copies = figures_of_the_report(run, tmp_path)
    some = dict(list(copies.items())[:2])
    seen = []
    drawn(run, some, meanwhile=lambda: seen.append(list(tmp_path.iterdir())))
    assert seen == [[]]
    assert len(stored_figures(run, tmp_path)) == 2
