"""The power curve: the smallest change that would be found, by length of the series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from its_eval.figures.kinds import FigureKind, figure_labels
from its_eval.figures.scales import Across, EndLabel, Panel, reach
from its_eval.figures.sheet import Mark, draw_sheet
from its_eval.figures.style import COUNTERFACTUAL_TEXT, INK, NARROW, UNIT
from its_eval.words.labels import estimand_words
from its_eval.words.numbers import counted, rounded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from its_eval.evaluation import Evaluation
    from its_eval.figures.kinds import FigureLabels, FigureTask


def power_curve_data(evaluation: Evaluation, task: FigureTask) -> pd.DataFrame:
    """Return the smallest detectable effect by length of the series and autocorrelation.

    Returns
    -------
    DataFrame
        ``estimand`` (``slope_change`` is per year), ``autocorrelation``, ``n_pre``, ``n_post`` (periods
        before and from the start), ``configured`` (as in the config), ``minimum_detectable`` (in
        standard deviations of the noise), ``power``, ``alpha``, sorted.

    Raises
    ------
    KeyError
        When the tables have no such rows.
    """
    rows = _rows(evaluation, task.outcome)
    rows = rows[rows["design"] == task.design]
    if rows.empty:
        raise KeyError(f"the table `power_curve` has no rows of {task.outcome}, {task.design}")
    order = ["estimand", "autocorrelation", "n_pre", "n_post"]
    columns = [*order, "configured", "minimum_detectable", "power", "alpha"]
    return rows.sort_values(order, kind="stable")[columns].reset_index(drop=True)


_HEIGHT, _MARGIN = 2.8, 1.0
#: Colour, dashes and marker of each autocorrelation from the least; contrast on white from 5.4.
STROKES = (
    (UNIT, "-", "o"),
    ("#801650", (0.0, (6.0, 1.5)), "s"),
    (INK, (0.0, (1.5, 1.2)), "^"),
    (COUNTERFACTUAL_TEXT, (0.0, (6.0, 1.5, 1.5, 1.5)), "D"),
)


def draw_power_curve(frame: pd.DataFrame, labels: FigureLabels) -> Figure:
    """Return the power curve, a panel per estimand.

    Parameters
    ----------
    frame : DataFrame
        As ``power_curve_data`` returns it; nothing else is drawn.
    labels : FigureLabels
        Words.

    Notes
    -----
    At most four autocorrelations are drawn, evenly spaced among those there are, the least and the
    greatest among them.
    """
    every = sorted(float(value) for value in frame["autocorrelation"].unique())
    chosen = [every[int(place)] for place in np.linspace(0, len(every) - 1, min(len(every), len(STROKES)))]
    panels = [_panel(frame[frame["estimand"] == name], str(name), chosen) for name in _names(frame)]
    power, alpha = float(frame["power"].iloc[0]), float(frame["alpha"].iloc[0])
    found = f"{100.0 * power:g} of 100 such series, tested at {100.0 * alpha:g}\N{NO-BREAK SPACE}%"
    notes = [
        f"A change of this size would be found in {found}.",
        f"It is measured in standard deviations of the noise.{split_words(frame, labels)}",
    ]
    if len(chosen) < len(every):
        more = counted(len(every) - len(chosen), "more line")
        notes.append(f"The table of this figure has {more}.")
    length = frame["n_pre"] + frame["n_post"]
    span = (float(length.min()), float(length.max()))
    span = span if span[0] < span[1] else (span[0] - 1.0, span[1] + 1.0)
    marks, across = _marks(frame, labels), Across(footing=f"number of {labels.frequency}s")
    return draw_sheet(panels, span, marks, notes, across=across, total_width=NARROW, margin=_MARGIN)


def _marks(frame: pd.DataFrame, labels: FigureLabels) -> list[Mark]:
    """Return the length that the config has."""
    own = frame[frame["configured"]].head(1)
    marks = []
    for n_pre, n_post in zip(own["n_pre"], own["n_post"], strict=True):
        words, length = f"as configured, {n_pre} + {n_post} {labels.frequency}s", float(n_pre + n_post)
        marks.append(Mark(words, length, length, "event"))
    return marks


def _names(frame: pd.DataFrame) -> list[str]:
    return sorted(str(name) for name in frame["estimand"].unique())


def _panel(rows: pd.DataFrame, estimand: str, chosen: list[float]) -> Panel:
    """Return the lines of one estimand."""
    lines = {
        rho: rows[(rows["autocorrelation"] == rho) & rows["minimum_detectable"].notna()] for rho in chosen
    }
    drawn = [part["minimum_detectable"].to_numpy(dtype=np.float64) for part in lines.values()]
    limits = reach([*drawn, np.zeros(1)], from_zero=True)

    def draw(axes: Axes) -> None:
        for (_, part), (colour, dashes, marker) in zip(lines.items(), STROKES, strict=False):
            look: dict[str, Any] = {"color": colour, "linestyle": dashes, "marker": marker, "linewidth": 2.2}
            length = part["n_pre"] + part["n_post"]
            axes.plot(length, part["minimum_detectable"], markersize=5.5, zorder=3, gid="power", **look)

    ends = tuple(
        EndLabel(f"{rho:g}", float(part["minimum_detectable"].iloc[-1]), colour)
        for (rho, part), (colour, _, _) in zip(lines.items(), STROKES, strict=False)
        if not part.empty
    )
    what = power_estimand(estimand)
    return Panel(f"Smallest detectable {what}, by autocorrelation", limits, _HEIGHT, draw, ends)


def power_estimand(estimand: str) -> str:
    """Return an estimand of the power curve in words; a change of trend is per year there."""
    return estimand_words(estimand, {"frequency": "year"})


#: Shares of periods that differ by no more than this are called the same.
_SAME_SHARE = 0.05


def split_words(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return how the periods of the power curve lie around the start; blank when in no simple way.

    Parameters
    ----------
    frame : DataFrame
        As ``power_curve_data`` returns it.
    labels : FigureLabels
        Words.
    """
    for column, where in (("n_pre", "before"), ("n_post", "from")):
        if (frame[column] == frame[column].iloc[0]).all():
            return (
                f" In each series {int(frame[column].iloc[0]):,} {labels.frequency}s lie {where} the start."
            )
    share = frame["n_pre"] / (frame["n_pre"] + frame["n_post"])
    if share.max() - share.min() <= _SAME_SHARE:
        return f" About {share.mean():.0%} of the {labels.frequency}s lie before the start."
    return ""


def power_curve_text(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text: the smallest change that the longest series shows."""
    sentences = []
    for estimand, part in frame.groupby("estimand", sort=True):
        known = part[part["minimum_detectable"].notna()]
        if known.empty:
            continue
        length = known["n_pre"] + known["n_post"]
        longest = known[length == length.max()]
        ends = [
            longest.loc[longest["autocorrelation"].idxmin()],
            longest.loc[longest["autocorrelation"].idxmax()],
        ]
        texts = [
            f"{rounded(float(row['minimum_detectable']))} at autocorrelation {row['autocorrelation']:g}"
            for row in ends
        ]
        sentences.append(
            f"Smallest detectable {power_estimand(str(estimand))}, with {int(length.max()):,} "
            f"{labels.frequency}s: {' and '.join(texts)}, in standard deviations of the noise."
        )
    return " ".join(sentences)


def _rows(evaluation: Evaluation, outcome: str) -> pd.DataFrame:
    """Return the rows of ``power_curve``, a table that few runs have: of the first units, level and trend."""
    table = evaluation.tables.get(
        "power_curve", pd.DataFrame(columns=["outcome", "design", "unit", "estimand"])
    )
    table = table[table["outcome"].eq(outcome) & table["estimand"].isin(["level_change", "slope_change"])]
    return table[table["unit"].eq(table["unit"].iloc[0])] if len(table) else table


POWER_CURVE = FigureKind(
    name="power_curve",
    caption="The smallest change that would be found with 80 % power",
    about=("design",),
    rows=_rows,
    data=power_curve_data,
    labels=figure_labels,
    draw=draw_power_curve,
    alt_text=power_curve_text,
    section="power",
)
