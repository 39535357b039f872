"""Figures are those of Matplotlib: what is spared on the way changes no byte."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from its_eval.figures import style, writing
from its_eval.figures.catalogue import FIGURES, draw, figure_tasks
from its_eval.figures.style import figure_svg, house_style
from its_eval.figures.writing import png_bytes


class OrdinaryFigure(Figure):
    """A figure with the axes that Matplotlib makes."""

    def add_axes(self, *args, **settings):
        axes = super().add_axes(*args, **settings)

        def set_bold(bold):
            for letters, heavy in zip(axes.get_yticklabels(), bold, strict=True):
                letters.set_fontweight("bold" if heavy else "normal")

        axes.yaxis.set_bold = set_bold
        return axes


@pytest.fixture(scope="module")
def runs(run_with):
    return {
        "plain": run_with(),
        "log of a count": run_with(transform="log", kind="count", missing=(4, 31, 59)),
    }


@pytest.fixture
def ordinary(monkeypatch):
    """Return the drawer of a figure without anything of ours."""

    def drawn(run, task):
        with monkeypatch.context() as patch:
            patch.setattr(style, "_figure_in_a_cell", lambda: OrdinaryFigure)
            return draw(run, task)[0]

    return drawn


@pytest.mark.parametrize("kind", FIGURES)
def test_an_svg_has_the_bytes_that_matplotlib_writes(runs, ordinary, kind):
    for run in runs.values():
        task = next((task for task in figure_tasks(run) if task.kind == kind), None)
        if task is None:
            continue
        expected = io.StringIO()
        with house_style():
            ordinary(run, task).savefig(expected, format="svg", metadata={"Date": None, "Creator": None})
        figure = draw(run, task)[0]
        assert figure_svg(figure) == expected.getvalue()
        assert figure_svg(figure) == expected.getvalue()


@pytest.mark.parametrize("kind", FIGURES)
def test_pixels_are_those_of_matplotlib(runs, ordinary, kind):
    for run in runs.values():
        task = next((task for task in figure_tasks(run) if task.kind == kind), None)
        if task is None:
            continue
        expected = io.BytesIO()
        with house_style():
            ordinary(run, task).savefig(expected, format="raw")
            figure = draw(run, task)[0]
            for _ in range(2):  # the second time from memory
                found = io.BytesIO()
                figure.savefig(found, format="raw", backend=f"module://{writing.__name__}")
                assert found.getvalue() == expected.getvalue()


def test_letters_are_forgotten_when_there_are_too_many(monkeypatch):
    kept = {}
    monkeypatch.setattr(writing, "_LETTERS", kept)
    monkeypatch.setattr(writing, "_MOST_LETTERS", 3)
    sheet = style.blank_figure(4.0, 3.0)
    for place in range(7):
        sheet.text(0.1, place / 10, f"line {place}")
    with house_style():
        first, again = png_bytes(sheet), png_bytes(sheet)
    assert first == again
    assert len(kept) == 2  # 14 texts, forgotten after every third


def test_a_png_has_the_colours_of_matplotlib(runs, ordinary):
    run = runs["plain"]
    task = figure_tasks(run)[0]
    expected = io.BytesIO()
    with house_style():
        ordinary(run, task).savefig(expected, format="png")
        found = png_bytes(draw(run, task)[0])
    colours = [
        np.asarray(Image.open(file).convert("RGB")).astype(int) for file in (expected, io.BytesIO(found))
    ]
    assert colours[0].shape == colours[1].shape
    assert np.abs(colours[0] - colours[1]).max() < 32
    assert Image.open(io.BytesIO(found)).info["dpi"] == Image.open(expected).info["dpi"]


def test_words_that_are_markup_or_cut_off_are_written_as_matplotlib_does():
    def sheet(figure):
        axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
        axes.text(0.5, 0.5, "a < b & c -- d---e", clip_on=True)
        figure.text(0.1, 0.9, "a < b & 'c' \"d\" -- d---e", rotation=30, alpha=0.5)
        figure.text(0.0, 0.0, "x", url="https://example.org/?a=1&b='2'", gid='say "so"')
        figure.text(0.2, 0.2, "$x^2$", parse_math=True)
        return figure

    expected = io.StringIO()
    with house_style():
        sheet(Figure((4.0, 3.0))).savefig(expected, format="svg", metadata={"Date": None, "Creator": None})
        assert figure_svg(sheet(style.blank_figure(4.0, 3.0))) == expected.getvalue()
