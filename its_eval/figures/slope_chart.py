"""The slope chart of a measure: every project from before to after, unit by unit."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from msgspec import Struct

from its_eval.columns import BEFORE_AFTER_PAIRS, EVERYBODY
from its_eval.figures.kinds import FigureKind
from its_eval.figures.scales import Limits, Tick, reach
from its_eval.figures.sheet import Chart, draw_grid
from its_eval.figures.style import PEER, UNIT
from its_eval.words.numbers import rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from its_eval.evaluation import Evaluation
    from its_eval.figures.kinds import FigureTask

    Values = NDArray[np.float64]


BEFORE = "before"
_NOT_TIMES = frozenset({"unit", "project", BEFORE, "complete"})


class SlopeLabels(Struct, frozen=True):
    """What a slope chart says in words.

    Attributes
    ----------
    measure : str
        What was measured.
    times : tuple of str
        Names of the follow-ups in order of time.
    units : bool
        Whether there is a chart for each unit, besides the one for all.
    """

    measure: str
    times: tuple[str, ...]
    units: bool


def measures(evaluation: Evaluation) -> list[str]:
    """Return what projects were measured in that at least one has both measurements of; none without any."""
    pairs = evaluation.tables.get(BEFORE_AFTER_PAIRS)
    return [] if pairs is None else sorted(pairs.loc[pairs["used"].astype(bool), "measure"].unique())


def _pairs(evaluation: Evaluation, measure: str) -> pd.DataFrame:
    """Return the pairs of a measure; none where no project has both measurements of it."""
    pairs = evaluation.tables.get(BEFORE_AFTER_PAIRS, pd.DataFrame(columns=["measure", "used"]))
    own = pairs[pairs["measure"] == measure]
    return own if own["used"].astype(bool).any() else own.iloc[:0]


def slope_data(evaluation: Evaluation, task: FigureTask) -> pd.DataFrame:
    """Return the numbers of the slope chart of a measure of a run; see `slope_chart_data`."""
    own = _pairs(evaluation, task.outcome)
    if own.empty:
        raise KeyError(f"the table `{BEFORE_AFTER_PAIRS}` has no rows of {task.outcome}")
    # within a project follow-ups stand in order of time
    return slope_chart_data(own, task.outcome, [str(time) for time in own["follow_up"].unique()])


def slope_labels(evaluation: Evaluation, task: FigureTask) -> SlopeLabels:
    """Return the words of the slope chart of a measure of a run."""
    frame = slope_data(evaluation, task)
    return SlopeLabels(task.outcome, slope_times(frame), bool(frame["unit"].ne(EVERYBODY).any()))


def slope_times(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the follow-ups of a slope chart, in order of time."""
    return tuple(str(name) for name in frame.columns if name not in _NOT_TIMES)


def slope_chart_data(pairs: pd.DataFrame, measure: str, times: Sequence[str]) -> pd.DataFrame:
    """Return a row per project: unit, project, ``before``, a column per follow-up, complete.

    Parameters
    ----------
    pairs : DataFrame
        The table ``pairs`` of a before-and-after comparison.
    measure : str
        Which measure.
    times : sequence of str
        Follow-ups in order of time.
    """
    rows = pairs[pairs["measure"].eq(measure)]
    first = rows.drop_duplicates(["unit", "project"]).set_index(["unit", "project"])
    frame = pd.DataFrame({BEFORE: first["baseline"]})
    for time in times:
        frame[time] = rows[rows["follow_up"].eq(time)].set_index(["unit", "project"])["value"]
    frame["complete"] = frame[[BEFORE, *times]].notna().all(axis=1)
    return frame.sort_index().reset_index()


#: From this ratio of largest to smallest on, a scale is logarithmic.
_LOGARITHMIC_FROM = 50.0
#: So many numbers at a logarithmic scale are enough.
_MOST_TICKS = 6


def draw_slope_chart(frame: pd.DataFrame, labels: SlopeLabels) -> Figure:
    """Return the slope chart of one measure.

    Parameters
    ----------
    frame : DataFrame
        As ``slope_chart_data`` returns it; nothing else is drawn.
    labels : SlopeLabels
        Words.

    Notes
    -----
    Every project is a grey line. The strong line joins the means of the projects measured every time, so
    that it is about the same projects at each of its points.
    """
    columns = [BEFORE, *labels.times]
    values = frame[columns].to_numpy(dtype=np.float64)
    known = values[np.isfinite(values)]
    logarithmic = known.min() > 0 and known.max() >= _LOGARITHMIC_FROM * known.min()
    groups = [("All units" if labels.units else "All projects", frame)]
    if labels.units:
        groups += [(str(unit), rows) for unit, rows in frame.groupby("unit", sort=True)]
    places = np.arange(len(columns), dtype=np.float64)
    charts = [
        Chart(
            f"{name}\n{_change(rows, columns)}",
            partial(
                _draw, rows[columns].to_numpy(dtype=np.float64), rows["complete"].to_numpy(dtype=bool), places
            ),
            bold=index == 0,
        )
        for index, (name, rows) in enumerate(groups)
    ]
    limits = _around(known) if logarithmic else reach([known], from_zero=True)
    notes = [
        "Grey: a project each. Blue: mean of the projects measured every time, as many as n says.",
        "Logarithmic scale: equal slopes are equal changes in per cent." if logarithmic else "",
        "No control group; regression to the mean looks the same.",
    ]
    return draw_grid(
        charts,
        (-0.15, len(columns) - 0.85),
        limits,
        heading=labels.measure,
        notes=[note for note in notes if note],
        chart_height=1.7,
        across=[Tick(float(place), _short(name)) for place, name in zip(places, columns, strict=True)],
        log_ticks=_round_numbers(limits) if logarithmic else None,
        columns=min(3, len(charts)),
    )


def _short(name: str) -> str:
    """Return the name of a time as it stands beneath a small chart."""
    return name.replace(" days", " d")


def _change(rows: pd.DataFrame, columns: Sequence[str]) -> str:
    """Return number, first and last mean and change of the projects measured every time."""
    whole = rows[rows["complete"]]
    if whole.empty:
        return "none measured every time"
    first, last = (float(whole[name].mean()) for name in (columns[0], columns[-1]))
    text = f"n = {len(whole)}: {_number(first)} → {_number(last)}"
    return f"{text} ({100.0 * (last - first) / abs(first):+.0f} %)".replace("-", "−") if first else text


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _draw(values: Values, complete: NDArray[np.bool_], places: Values, axes: Axes) -> None:
    for row in values:
        known = np.isfinite(row)
        axes.plot(
            places[known], row[known], color=PEER, linewidth=0.9, marker="o", markersize=2.5, zorder=2.0
        )
    if complete.any():
        means = values[complete].mean(axis=0)
        axes.plot(
            places, means, color=UNIT, linewidth=2.4, marker="o", markersize=6.0, zorder=3.0, gid="mean"
        )


def _around(known: Values) -> Limits:
    """Return the ends of a logarithmic scale."""
    low, high = float(known.min()), float(known.max())
    margin = (high / low) ** 0.06
    return Limits(low / margin, high * margin)


def _round_numbers(limits: Limits) -> list[float]:
    """Return 1, 2 and 5 times powers of ten within the limits, or as few of them as are enough."""
    powers = range(int(np.floor(np.log10(limits.low))), int(np.ceil(np.log10(limits.high))) + 1)
    choices = [((1.0, 2.0, 5.0), 1), ((1.0, 3.0), 1), *(((1.0,), stride) for stride in range(1, len(powers)))]
    for steps, stride in choices:
        found = [step * 10.0**power for power in powers[::stride] for step in steps]
        inside = [value for value in found if limits.low <= value <= limits.high]
        if len(inside) <= _MOST_TICKS:
            break
    return inside


def slope_text(frame: pd.DataFrame, labels: SlopeLabels) -> str:
    """Return the alt text: means of the projects measured every time."""
    whole = frame[frame["complete"]]
    start = f"{labels.measure} of {len(frame)} projects before and after"
    if whole.empty:
        return f"{start}; none was measured every time."
    means = [f"{name} {rounded(float(whole[name].mean()))}" for name in (BEFORE, *labels.times)]
    return f"{start}. Means of the {len(whole)} measured every time: {', '.join(means)}."


#: The report has a section of its own about projects before and after, which places it.
SLOPE_CHART = FigureKind(
    name="slope_chart",
    caption="Every project from before to after, and their mean",
    about=(),
    rows=_pairs,
    data=slope_data,
    labels=slope_labels,
    draw=draw_slope_chart,
    alt_text=slope_text,
    subjects=measures,
)
