"""The forest plot: the estimate of every unit, and pooled ones beneath."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from its_eval.figures.kinds import FigureKind, figure_labels, name_of, of_several, primary_rows
from its_eval.figures.scales import EndLabel, Limits, Panel, interval_reach, stack_rows
from its_eval.figures.sheet import draw_rows
from its_eval.figures.style import (
    COUNTERFACTUAL_TEXT,
    INK,
    QUIET,
    UNIT,
    draw_dots,
    sentence,
    text_width,
)
from its_eval.words.numbers import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from its_eval.evaluation import Evaluation
    from its_eval.figures.kinds import FigureLabels, FigureTask

    Values = NDArray[np.float64]


UNIT_ROW, POOLED = "unit", "pooled"
#: Pooled estimates that are drawn, in order; the table `pooled` has more.
METHODS = {
    "set": "mean of the units' estimates",
    "set_union_of_peers": "fitted as one series, every peer counted once",
    "paule_mandel_mkh": "pooled, random effects (modified Hartung–Knapp)",
    "fixed_effect": "pooled, fixed effect",
}


def forest_data(evaluation: Evaluation, task: FigureTask) -> pd.DataFrame:
    """Return the primary estimate of every unit and the pooled ones, one row each.

    Returns
    -------
    DataFrame
        ``row`` (unit or pooled), ``unit`` (blank when pooled), ``name`` (of the unit or the method),
        ``estimand``, ``estimate``, ``conf_low``, ``conf_high``, ``prediction_low``, ``prediction_high``
        (where a further unit would lie; pooled rows only), ``n_units``. For a log or logit
        outcome all are ratios.
    """
    summary = primary_rows(evaluation, task)
    shown = ("estimand", "estimate", "conf_low", "conf_high")
    units = [
        {"row": UNIT_ROW, "unit": row.unit, "name": name_of(evaluation, str(row.unit))}
        | {column: getattr(row, column) for column in shown}
        for row in summary.sort_values("unit", kind="stable").itertuples()
    ]
    columns = ("row", "unit", "name", *shown, "prediction_low", "prediction_high", "n_units")
    frame = pd.DataFrame.from_records(units, columns=list(columns))
    pooled = evaluation.rows_of("pooled", task.outcome)
    pooled = pooled[
        (pooled["design"] == task.design)
        & pooled["estimand"].isin(summary["estimand"])
        & pooled["method"].isin(list(METHODS))
    ]
    pooled = pooled.assign(row=POOLED, unit="", name=pooled["method"].map(METHODS))
    pooled = pooled.sort_values("method", key=lambda methods: methods.map(list(METHODS).index))
    frame = pd.DataFrame.from_records(
        [*frame.to_dict("records"), *pooled[list(columns)].to_dict("records")], columns=list(columns)
    )
    numeric = [*shown[1:], *columns[-3:]]
    return frame.astype(dict.fromkeys(numeric, "float64"))


#: Greatest width of the numbers to the right, and what the margin has beside them, in inches.
_VALUE_WIDTH, _BESIDE = 2.3, 0.34
_DOTTED = (0.0, (1.0, 1.6))


def draw_forest(frame: pd.DataFrame, labels: FigureLabels) -> Figure:
    """Return the forest plot.

    Parameters
    ----------
    frame : DataFrame
        As ``forest_data`` returns it; nothing else is drawn.
    labels : FigureLabels
        Words.
    """
    values = [labels.interval_text(row) for row in frame.to_dict("records")]
    pooled = (frame["row"] == POOLED).to_numpy()
    first_pooled = int(np.flatnonzero(pooled)[0]) if pooled.any() else None
    width = min(max(text_width(value, bold=True) for value in values), _VALUE_WIDTH)
    rows = stack_rows(
        [str(name) for name in frame["name"]],
        values,
        width,
        codes=[str(code) for code in frame["unit"]],
        bold=[bool(heavy) for heavy in pooled],
        gap_before=first_pooled,
    )
    estimate, low, high = (labels.shown(frame[name]) for name in ("estimate", "conf_low", "conf_high"))
    ahead = [labels.shown(frame[name]) for name in ("prediction_low", "prediction_high")]
    limits = interval_reach(
        np.concatenate([estimate, estimate[pooled]]),
        np.concatenate([low, ahead[0][pooled]]),
        np.concatenate([high, ahead[1][pooled]]),
    )

    def draw(axes: Axes) -> None:
        axes.axvline(0.0, color=QUIET, linewidth=1.2, zorder=1, gid="none")
        dotted: dict[str, Any] = {"colour": COUNTERFACTUAL_TEXT, "linestyle": _DOTTED, "gid": "prediction"}
        draw_intervals(axes, rows.centres, ahead[0], ahead[1], limits, **dotted)
        draw_intervals(axes, rows.centres, low, high, limits)
        for chosen, marker, size, colour, gid in (
            (~pooled, "o", 8.0, UNIT, "estimate"),
            (pooled, "D", 8.5, INK, "pooled"),
        ):
            look: dict[str, Any] = {"edge_width": 0.6, "marker": marker, "zorder": 4, "gid": gid}
            draw_dots(axes, estimate[chosen], rows.centres[chosen], size, colour, **look)

    ends = [
        EndLabel(text, float(centre), INK, bold=bool(heavy), tied=False)
        for text, centre, heavy in zip(values, rows.centres, pooled, strict=True)
    ]
    panel = Panel(labels.heading_of_effect, rows.limits, rows.height, draw, tuple(ends), rows.ticks)
    notes = [
        sentence(f"dots are estimates for single units, lines their {labels.interval}s"),
        *(["Diamonds are pooled estimates."] if pooled.any() else []),
        *_left_out(frame),
        *(
            ["The dotted line is where the effect in a further unit would be expected."]
            if frame["prediction_low"].notna().any()
            else []
        ),
        *(
            ["An arrowhead marks an interval that goes on beyond the scale."]
            if limits.leaves_out(low, high, *ahead)
            else []
        ),
    ]
    return draw_rows(panel, limits, notes, width + _BESIDE)


def draw_intervals(
    axes: Axes,
    centres: Values,
    low: Values,
    high: Values,
    limits: Limits,
    *,
    colour: str = INK,
    linestyle: str | tuple[float, tuple[float, ...]] = "-",
    gid: str = "interval",
) -> None:
    """Draw horizontal intervals; one that is cut off by the scale ends in an arrowhead."""
    left, right = limits.low, limits.high
    for centre, start, end in zip(centres, low, high, strict=True):
        if np.isnan(start) or np.isnan(end):
            continue
        ends = [max(start, left), min(end, right)]
        line: dict[str, Any] = {"linewidth": 2.0, "linestyle": linestyle, "zorder": 2, "gid": gid}
        axes.plot(ends, [centre, centre], color=colour, **line)
        for cut, place, marker in ((start < left, left, "<"), (end > right, right, ">")):
            if cut:
                look: dict[str, Any] = {"marker": marker, "markersize": 7.0, "zorder": 3, "gid": "beyond"}
                axes.plot([place], [centre], color=colour, clip_on=False, **look)


def _left_out(frame: pd.DataFrame) -> list[str]:
    """Say how many of the units drawn are in the pooled estimates, where some are not."""
    n_drawn = int((frame["row"] != POOLED).sum())
    counts = frame.loc[frame["row"] == POOLED, "n_units"]
    fewest = int(counts.min()) if len(counts) else n_drawn
    if fewest >= n_drawn:
        return []
    return [f"Random and fixed effects are of {fewest} of the {n_drawn} units: those that have a p-value."]


#: Of so many estimates each is read out; of more, only how they lie.
_MOST_READ_OUT = 6


def forest_text(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text: how many intervals lie to either side of zero, and a few estimates."""
    units, pooled = frame[frame["row"] != POOLED], frame[frame["row"] == POOLED]
    read_out = pooled if len(units) > _MOST_READ_OUT else frame
    low, high = labels.shown(units["conf_low"]), labels.shown(units["conf_high"])
    texts = [f"{row['name']} {labels.interval_text(row)}" for row in read_out.to_dict("records")]
    listed = f" {'; '.join(texts)}." if texts else ""
    above, below = int((low > 0.0).sum()), int((high < 0.0).sum())
    return (
        f"{labels.heading_of_effect}, of {counted(len(units), 'unit')} with {labels.interval}s: "
        f"{above:,} above zero, {below:,} below, the others contain zero.{listed}"
    )


FOREST = FigureKind(
    name="forest",
    caption="Estimates of all units, and of all together",
    about=("design",),
    rows=lambda evaluation, outcome: of_several(evaluation.rows_of("summary", outcome)),
    data=forest_data,
    labels=figure_labels,
    draw=draw_forest,
    alt_text=forest_text,
    section="effects",
)
