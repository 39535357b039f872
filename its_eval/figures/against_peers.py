"""A unit among its peers: their series on one scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.figures.kinds import FigureKind, FigureTask, figure_labels, measured, span_in_words
from its_eval.figures.scales import EndLabel, Panel, day_numbers, last_known, reach
from its_eval.figures.series import AFTER, BEFORE, COPIED, GAP, PEER_COLUMN, TREND, series_data, start_marks
from its_eval.figures.sheet import draw_sheet
from its_eval.figures.style import NARROW, PEER, PEER_MEAN, UNIT
from its_eval.words.labels import gaps_first, is_controlled
from its_eval.words.numbers import counted, rounded

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from its_eval.evaluation import Evaluation
    from its_eval.figures.kinds import FigureLabels


_NOT_SHOWN = {*COPIED, *TREND, *GAP} - {"unit_value", "peer_mean"}


def against_peers_data(evaluation: Evaluation, task: FigureTask) -> pd.DataFrame:
    """Return the values of a unit and of its peers, one row per period.

    Returns
    -------
    DataFrame
        ``period``, ``date``, ``segment``, ``unit_value``, ``peer_mean``, and ``peer_<code>`` for each peer
        whose values are on the same scale.

    Raises
    ------
    KeyError
        When no controlled design has a series of this unit.
    """
    rows = _rows(evaluation, task.outcome)
    designs = set(rows.loc[rows["unit"] == task.unit, "design"])
    if not designs:
        raise KeyError(f"the table `series` has no peers of {task.outcome}, {task.unit}")
    design = min(designs, key=gaps_first)
    frame = series_data(evaluation, FigureTask(task.kind, task.outcome, task.unit, design))
    return frame[[name for name in frame.columns if name in _peers(frame) or name not in _NOT_SHOWN]]


def _peers(frame: pd.DataFrame) -> list[str]:
    """Return the columns of single peers."""
    return [name for name in frame.columns if name.startswith(PEER_COLUMN) and name != "peer_mean"]


_HEIGHT, _MARGIN = 3.6, 2.0


def draw_against_peers(frame: pd.DataFrame, labels: FigureLabels) -> Figure:
    """Return the lines of a unit and of its peers.

    Parameters
    ----------
    frame : DataFrame
        As ``against_peers_data`` returns it; nothing else is drawn.
    labels : FigureLabels
        Words.
    """
    x = day_numbers([str(date) for date in frame["date"]])
    unit, mean = (frame[name].to_numpy(dtype=np.float64) for name in ("unit_value", "peer_mean"))
    names = _peers(frame)
    peers = frame[names].to_numpy(dtype=np.float64)
    bounds = (0.0, 100.0) if labels.kind == "percentage" and _within(unit, mean, peers) else None
    limits = reach([unit, mean, peers], bounds=bounds, from_zero=True)

    def draw(axes: Axes) -> None:
        for column in range(peers.shape[1] if len(names) > 1 else 0):
            axes.plot(x, peers[:, column], color=PEER, linewidth=0.9, zorder=1, gid="peer")
        axes.plot(x, mean, color=PEER_MEAN, linewidth=2.2, zorder=2, gid="peer-mean")
        axes.plot(x, unit, color=UNIT, linewidth=2.6, marker="o", markersize=3.5, zorder=3, gid="unit")

    average = "geometric mean" if labels.log else "mean"
    whose = f"{average} of {counted(len(names), 'peer') if names else 'the peers'}"
    if len(names) == 1:
        whose = f"{names[0].removeprefix(PEER_COLUMN)}, the only peer"
    ends = (
        EndLabel(labels.unit_name, last_known(unit), UNIT, bold=True),
        EndLabel(whose, last_known(mean), PEER_MEAN),
    )
    notes = ["Thin lines are single peers."] if len(names) > 1 else []
    if limits.low > 0.0:
        notes.append("The scale does not start at zero.")
    start = int(np.flatnonzero(frame["segment"] != BEFORE)[0])
    marks = start_marks(labels, x, [str(period) for period in frame["period"]], start)
    panel = Panel(measured(labels.outcome, labels.measure), limits, _HEIGHT, draw, ends)
    span = (float(x[0]), float(x[-1]))
    return draw_sheet([panel], span, marks, notes, total_width=NARROW, margin=_MARGIN)


def _within(*values: np.ndarray) -> bool:
    """Return whether everything lies between 0 and 100."""
    joined = np.concatenate([part.ravel() for part in values])
    known = joined[~np.isnan(joined)]
    return bool(((known >= 0.0) & (known <= 100.0)).all())


def against_peers_text(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text: means of unit and peers before and after."""
    names = _peers(frame)
    peers = counted(len(names), "peer") if names else "its peers"
    before, after = (
        f"{rounded(float(mean['unit_value']))} and {rounded(float(mean['peer_mean']))}"
        for mean in (
            frame.loc[frame["segment"] == segment, ["unit_value", "peer_mean"]].mean()
            for segment in (BEFORE, AFTER)
        )
    )
    return (
        f"{labels.outcome} of {labels.unit_name} and of {peers}, {span_in_words(frame, labels.frequency)}. "
        f"On average unit and peers stood at {before} before {labels.interruption_in_words}, and at {after} "
        "after."
    )


def _rows(evaluation: Evaluation, outcome: str) -> pd.DataFrame:
    """Return the series that have peers beside them."""
    series = evaluation.rows_of("series", outcome)
    shown = [name for name in series["design"].unique() if is_controlled(name)]
    return series[series["peer_mean"].notna() & series["design"].isin(shown)]


#: The upper half of a controlled main figure, which the report shows as a whole.
AGAINST_PEERS = FigureKind(
    name="against_peers",
    caption="The unit and each of its peers",
    about=("unit",),
    rows=_rows,
    data=against_peers_data,
    labels=figure_labels,
    draw=draw_against_peers,
    alt_text=against_peers_text,
    in_report=False,
)
