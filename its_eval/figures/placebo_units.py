"""A unit among placebos: the effect estimated for every unit that had no intervention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from its_eval.figures.kinds import FigureKind, answering, figure_labels, name_of, primary_rows, rows_for
from its_eval.figures.scales import Limits, Panel
from its_eval.figures.sheet import Mark, draw_rows
from its_eval.figures.style import (
    FIRM,
    INK,
    NARROW,
    QUIET,
    SHADE,
    SHADE_ALPHA,
    UNIT,
    draw_dots,
)
from its_eval.words.labels import capitalised
from its_eval.words.numbers import counted, p_words, rounded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from its_eval.evaluation import Evaluation
    from its_eval.figures.kinds import FigureLabels, FigureTask

    Values = NDArray[np.float64]


#: Two statistics that differ by less than this share are equal.
_TIE = 1e-9


def placebo_units_data(evaluation: Evaluation, task: FigureTask) -> pd.DataFrame:
    """Return the effect estimated for a unit and for every unit that had no intervention.

    Returns
    -------
    DataFrame
        ``placebo`` (code), ``name``, ``treated`` (the unit itself), ``estimand``, ``estimate``,
        ``statistic`` (in standard errors), ``as_extreme`` (as far from zero as the unit, or farther),
        ``p_value`` (of the unit, from ``summary``). The unit comes first, then the others from the
        lowest statistic to the highest; those that could not be estimated are last and count as extreme.

    Raises
    ------
    KeyError
        When the tables have no placebos of this unit, or no estimate of its own beside them.
    """
    rows, own, estimand = placebos_of(evaluation, "placebo_units", task)
    rows = rows[rows["placebo"] != task.unit]
    frame = pd.DataFrame(
        {
            "placebo": [task.unit, *rows["placebo"].astype(str)],
            "name": [name_of(evaluation, str(code)) for code in (task.unit, *rows["placebo"])],
            "treated": [True] + [False] * len(rows),
            "estimand": estimand,
            "estimate": [own["estimate"], *rows["estimate"]],
            "statistic": [own["statistic"], *rows["statistic"]],
        }
    )
    size = frame["statistic"].abs()
    # ties count, and so does what could not be estimated
    frame["as_extreme"] = ~(size < size.iloc[0] * (1.0 - _TIE)) & ~frame["treated"]
    frame["p_value"] = frame["treated"].map({True: float(own["p_placebo"]), False: np.nan})
    order = ["treated", "statistic", "placebo"]
    return frame.sort_values(order, ascending=[False, True, True], kind="stable").reset_index(drop=True)


def placebos_of(
    evaluation: Evaluation, table: str, task: FigureTask
) -> tuple[pd.DataFrame, dict[str, Any], str]:
    """Return the placebos of the primary estimand, the unit's own estimate, and the estimand."""
    summary = primary_rows(evaluation, task)
    rows = rows_for(evaluation, table, task)
    rows = rows[rows["estimand"].isin(summary["estimand"])]
    named = f"{task.outcome}, {task.unit}, {task.design}"
    if rows.empty:
        raise KeyError(f"the table `{table}` has no rows of the primary estimand of {named}")
    estimand = str(rows["estimand"].iloc[0])
    effects = rows_for(evaluation, "effects", task)
    effects = effects[(effects["estimand"] == estimand) & (effects["role"] == "primary")]
    if effects.empty:
        raise KeyError(f"the table `effects` has no estimate of {named} beside its placebos")
    # a ratio has the statistic of its logarithm
    first: pd.Series[Any] = effects.sort_values("scale", kind="stable").iloc[0]
    own = {str(name): first[name] for name in ("estimate", "statistic", "interruption_period")}
    own["p_placebo"] = summary["p_placebo"].iloc[0]
    return rows.sort_values("placebo", kind="stable"), own, estimand


#: Diameters of a dot that are tried, and the greatest height of all dots, in inches.
_DIAMETERS = (0.15, 0.11, 0.08, 0.06, 0.04)
_TALLEST = 3.0
#: Room for the unit's own mark beneath the dots, and for margins, in inches.
_LANE, _EDGES = 0.32, 0.9
_ARROWS = {-1: "<", 1: ">"}


def draw_placebo_units(frame: pd.DataFrame, labels: FigureLabels) -> Figure:
    """Return the placebo distribution, a dot per unit, with the unit itself marked.

    Parameters
    ----------
    frame : DataFrame
        As ``placebo_units_data`` returns it; nothing else is drawn.
    labels : FigureLabels
        Words.

    Notes
    -----
    After the dot plot of Wilkinson (1999): dots of one bin are stacked. A placebo far beyond all others
    is drawn at the edge of the scale as an arrowhead.
    """
    own = float(frame.loc[frame["treated"], "statistic"].iloc[0])
    others = frame[~frame["treated"] & frame["statistic"].notna()]
    limits = _reach(own, others["statistic"].to_numpy(dtype=np.float64))
    values = np.clip(others["statistic"].to_numpy(dtype=np.float64), limits.low, limits.high)
    beyond = np.sign(others["statistic"].to_numpy(dtype=np.float64) - values).astype(int)
    width = NARROW - _EDGES
    x, level, diameter = _stack(values, limits, width)
    height = _LANE + max(diameter * (level.max(initial=0) + 1.5), 0.9)
    extreme = others["as_extreme"].to_numpy(dtype=bool)

    def draw(axes: Axes) -> None:
        if np.isfinite(own):
            ends = axes.get_xlim()
            for left, right in ((ends[0], -abs(own)), (abs(own), ends[1])):
                axes.axvspan(
                    left, right, color=SHADE, alpha=SHADE_ALPHA, linewidth=0.0, zorder=0.2, gid="tail"
                )
        axes.axvline(0.0, color=QUIET, linewidth=1.0, zorder=0.8)
        y = _LANE + diameter * (level + 0.5)
        size = 72.0 * diameter * 0.82
        for side in (-1, 0, 1):
            for chosen, face, gid in ((extreme, "white", "as-extreme"), (~extreme, QUIET, "placebo")):
                those = chosen & (beyond == side)
                if those.any():
                    edge, edge_width = INK if face == "white" else face, min(1.3, size / 5.0)
                    look: dict[str, Any] = {
                        "edge_width": edge_width,
                        "marker": _ARROWS.get(side, "o"),
                        "gid": gid,
                    }
                    draw_dots(axes, x[those], y[those], size, face, edge, clip=False, **look)
        if not np.isnan(own):
            axes.plot(
                [min(max(own, limits.low), limits.high)],
                [_LANE / 2.0],
                color=UNIT,
                marker="D",
                markersize=10.0,
                clip_on=False,
                zorder=5,
                gid="unit",
            )

    place = min(max(own, limits.low), limits.high) if not np.isnan(own) else 0.0
    marks = [Mark(f"{labels.unit_name}, {t_text(own)}", place, place, "interruption")]
    heading = f"{capitalised(labels.estimand_in_words)}, in standard errors (t)"
    panel = Panel(heading, Limits(0.0, height), height, draw, (), ())
    notes = ["Each dot is a unit without the intervention.", *placebo_sentences(frame)]
    return draw_rows(panel, limits, notes, _EDGES - 0.24, marks)


def _reach(own: float, values: Values) -> Limits:
    """Return a scale with the unit, and all placebos but those far beyond the others."""
    known = np.abs(values[np.isfinite(values)])
    most = 1.5 * float(np.quantile(known, 0.95)) if known.size else 1.0
    size = max(float(known[known <= most].max(initial=1.0)), abs(own) if np.isfinite(own) else 0.0)
    return Limits(-1.08 * size, 1.08 * size)


def _stack(values: Values, limits: Limits, width: float) -> tuple[Values, NDArray[np.int_], float]:
    """Return positions of dots, their places in their stacks, and their diameter in inches."""
    for diameter in _DIAMETERS:
        step = diameter * (limits.high - limits.low) / width
        bins = np.round(values / step).astype(int)
        level = np.zeros(len(values), dtype=int)
        for found in np.unique(bins):
            members = bins == found
            level[members] = np.arange(members.sum())
        if diameter * (level.max(initial=0) + 1) <= _TALLEST:
            break
    return bins * step, level, diameter


def t_text(statistic: float) -> str:
    """Return a t statistic: ``t = −2.10``."""
    return f"t{FIRM}={FIRM}{rounded(statistic)}"


def placebo_sentences(frame: pd.DataFrame) -> list[str]:
    """Return how unusual a unit is among placebos, in words.

    Parameters
    ----------
    frame : DataFrame
        As ``placebo_units_data`` returns it.
    """
    others = frame[~frame["treated"]]
    extreme, failed = int(others["as_extreme"].sum()), int(others["statistic"].isna().sum())
    p = p_words(float(frame.loc[frame["treated"], "p_value"].iloc[0]))
    found = [
        f"{extreme:,} of {len(others):,} lie as far from zero as the unit, or farther{f': {p}' if p else ''}."
    ]
    if failed:
        found.append(f"{failed:,} of these could not be estimated and count as far, to be on the safe side.")
    return found


def placebo_units_text(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text: how unusual the unit is."""
    own = float(frame.loc[frame["treated"], "statistic"].iloc[0])
    others = int((~frame["treated"]).sum())
    return (
        f"{capitalised(labels.estimand_in_words)}, of {labels.unit_name} ({t_text(own)}) among those of "
        f"{counted(others, 'unit')} without the intervention. {' '.join(placebo_sentences(frame))}"
    )


PLACEBO_UNITS = FigureKind(
    name="placebo_units",
    caption="The unit among units that had no intervention",
    about=("unit", "design"),
    rows=lambda evaluation, outcome: answering(evaluation, "placebo_units", outcome),
    data=placebo_units_data,
    labels=figure_labels,
    draw=draw_placebo_units,
    alt_text=placebo_units_text,
    section="placebos",
)
