"""How much each donor counts in what a unit is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.figures.kinds import FigureKind, figure_labels, name_of, rows_for
from its_eval.figures.scales import EndLabel, Limits, Panel, stack_rows
from its_eval.figures.sheet import draw_rows
from its_eval.figures.style import INK, PEER, PEER_MEAN, draw_dots
from its_eval.words.numbers import counted, rounded

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from its_eval.evaluation import Evaluation
    from its_eval.figures.kinds import FigureLabels, FigureTask


def donor_weights_data(evaluation: Evaluation, task: FigureTask) -> pd.DataFrame:
    """Return the donors of a unit that count, the largest weight first.

    Returns
    -------
    DataFrame
        ``donor``, ``name``, ``weight``.
    """
    rows = _counting(rows_for(evaluation, "donor_weights", task))[["donor", "weight"]]
    rows.insert(1, "name", [name_of(evaluation, str(code)) for code in rows["donor"]])
    order = ["weight", "donor"]
    return rows.sort_values(order, ascending=[False, True], kind="stable").reset_index(drop=True)


def _counting(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["weight"] != 0]


_MARGIN = 1.2
#: So many rows are drawn, those of the largest size, and none that would be printed as 0; the rest is in the
#: table of the figure.
MOST_ROWS, LEAST_SHOWN = 30, 0.0005


def draw_donor_weights(frame: pd.DataFrame, labels: FigureLabels) -> Figure:
    """Return a dot for each donor, at its weight.

    Parameters
    ----------
    frame : DataFrame
        As ``donor_weights_data`` returns it; nothing else is drawn.
    labels : FigureLabels
        Words.
    """
    size = frame["weight"].abs()
    visible = size[size >= min(LEAST_SHOWN, float(size.max()))]
    shown = frame.loc[sorted(visible.nlargest(MOST_ROWS, keep="first").index)]
    weights = shown["weight"].to_numpy(dtype=np.float64)
    values = [f"{weight:.3f}".replace("-", "−") for weight in weights.tolist()]
    names, codes = ([str(cell) for cell in shown[column]] for column in ("name", "donor"))
    rows = stack_rows(names, values, _MARGIN - 0.32, codes=codes)

    def draw(axes: Axes) -> None:
        axes.hlines(rows.centres, 0.0, weights, color=PEER, linewidth=1.2, zorder=1)
        draw_dots(axes, weights, rows.centres, 8.0, PEER_MEAN, PEER_MEAN, clip=False, gid="donor")

    ends = tuple(
        EndLabel(text, float(centre), INK, tied=False)
        for text, centre in zip(values, rows.centres, strict=True)
    )
    heading = f"Weights in the {labels.mixture or 'comparison'} of {labels.unit_name}"
    panel = Panel(heading, rows.limits, rows.height, draw, ends, rows.ticks)
    notes = ["The weights sum to 1."]
    if (weights < 0).any():
        notes.append("A donor with a weight below 0 is counted against the others.")
    left_out = len(frame) - len(shown)
    if left_out:
        notes.append(f"{left_out:,} with smaller weights are in the table of this figure.")
    limits = Limits(1.06 * min(0.0, float(weights.min())), 1.06 * max(0.0, float(weights.max())))
    return draw_rows(panel, limits, notes, _MARGIN)


def donor_weights_text(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text: how many donors count, and which the most."""
    first = frame.iloc[0]
    below = int((frame["weight"] < 0).sum())
    against = f" {counted(below, 'weight').capitalize()} below 0." if below else ""
    largest = f"{rounded(float(first['weight']))} ({first['name']})"
    return (
        f"{counted(len(frame), 'donor').capitalize()} in the {labels.mixture or 'comparison'} of "
        f"{labels.unit_name}; the largest weight is {largest}.{against}"
    )


DONOR_WEIGHTS = FigureKind(
    name="donor_weights",
    caption="How much each donor counts",
    about=("unit", "design"),
    rows=lambda evaluation, outcome: _counting(evaluation.rows_of("donor_weights", outcome)),
    data=donor_weights_data,
    labels=figure_labels,
    draw=draw_donor_weights,
    alt_text=donor_weights_text,
    section="mixtures",
)
