"""The level of an interval that a figure names is that of its run."""

import re
from dataclasses import replace

import pytest
from matplotlib.text import Text

from its_eval.figures.catalogue import FigureTask, describe, draw, figure_tasks

#: Per cent before the word interval, with whatever space between.
NAMED = re.compile(r"([\d.]+)\s?%\s(?=interval|confidence|coverage)")
LEVELS = [(0.9, "90"), (0.975, "97.5")]


def at_level(evaluation, confidence):
    outcomes = {name: about | {"confidence": confidence} for name, about in evaluation.outcomes.items()}
    return replace(evaluation, outcomes=outcomes)


@pytest.mark.parametrize(("confidence", "words"), LEVELS)
def test_alt_texts_name_the_level_of_the_run(run_with, confidence, words):
    run = at_level(run_with(n_units=3, n_placebos=20), confidence)
    named = {task.kind: NAMED.findall(describe(run, task)) for task in figure_tasks(run)}
    assert {level for levels in named.values() for level in levels} == {words}
    assert {kind for kind, levels in named.items() if levels} >= {"main_its", "small_multiples"}


@pytest.mark.parametrize(("confidence", "words"), LEVELS)
@pytest.mark.parametrize("kind", ["main_its", "forest"])
def test_drawings_name_the_level_of_the_run(run_with, kind, confidence, words):
    run = at_level(run_with(n_units=3, n_placebos=20), confidence)
    task = next(task for task in figure_tasks(run) if task.kind == kind)
    figure, _, _ = draw(run, FigureTask(kind, task.outcome, task.unit, task.design))
    shown = " ".join(" ".join(text.get_text() for text in figure.findobj(Text)).split())
    assert set(NAMED.findall(shown)) == {words}
