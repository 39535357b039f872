"""The figure of looks: one look has its level, and p is written as a p-value."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from its_eval.columns import LOOKS
from its_eval.figures.catalogue import describe, draw, figure_tasks

ENDS = ("2014-12", "2015-06", "2015-12")


def looked_at(evaluation, n_looks):
    """Return a run that was looked at so many times."""
    (outcome,) = evaluation.outcomes
    about = str(evaluation.outcomes[outcome].get("interruption", ""))
    tables = dict(evaluation.tables)
    tables[LOOKS] = pd.DataFrame(
        [
            {"outcome": outcome, "unit": "U00", "design": "single", "interruption": about, "run": str(look)}
            | {"look": look, "end": ENDS[look - 1], "estimate": 0.2 * look, "conf_low": -0.1}
            | {"conf_high": 0.9, "p_value": 0.2 / 8**look, "level": 0.01 * look, "p_adjusted": np.nan}
            | {"estimand": "slope_change", "scale": "outcome", "label": "no clear change"}
            for look in range(1, n_looks + 1)
        ],
    )
    return replace(evaluation, tables=tables)


@pytest.mark.parametrize("n_looks", [1, 3])
def test_every_look_has_its_level_and_p_is_a_p_value(run_with, n_looks, layout, said, artists):
    evaluation = looked_at(run_with(), n_looks)
    (task,) = [task for task in figure_tasks(evaluation) if task.kind == LOOKS]
    figure, _, _ = draw(evaluation, task)
    layout(figure)
    (level,) = artists(figure, "level")
    x, heights = level.get_data()
    levels = [0.01 * look for look in range(1, n_looks + 1)]
    assert x[0] < x[-1]
    assert heights == pytest.approx(np.log10([0.01, *levels, 0.01 * n_looks]))
    words = said(figure)
    assert "power of ten" not in words
    assert "1 1 0.1 0.1 0.01 0.01 0.001 0.001 0.0001 0.0001" in words  # on either side of the scale
    assert {1: "one look; none", 3: "three looks; two of them"}[n_looks] in describe(evaluation, task)
