"""The figure of the answer: the mean of the treated units, of their peers, and what was expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from msgspec.structs import asdict

from its_eval.columns import THE_SET
from its_eval.evaluation import records
from its_eval.figures.kinds import (
    FigureKind,
    FigureLabels,
    figure_labels,
    first_days,
    frequency_of,
    measured,
    name_of,
    rows_for,
    span_in_words,
)
from its_eval.figures.scales import EndLabel, Panel, before_each, day_numbers, last_known, reach
from its_eval.figures.series import draw_without_any, start_marks, without_any_label
from its_eval.figures.sheet import draw_sheet
from its_eval.figures.style import (
    COUNTERFACTUAL,
    COUNTERFACTUAL_TEXT,
    DASHES,
    NARROW,
    PEER_MEAN,
    UNIT,
    draw_dots,
)
from its_eval.words.labels import fits_gap, is_controlled
from its_eval.words.numbers import counted, rounded
from its_eval.words.units_table import is_later_effect

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from its_eval.evaluation import Evaluation, Row
    from its_eval.figures.kinds import FigureTask


class TogetherLabels(FigureLabels, frozen=True, kw_only=True):
    """What the figure says in words.

    Attributes
    ----------
    who : str
        The unit, or how many there are.
    start : str
        ISO text of the first affected period.
    """

    who: str
    start: str


def _series(evaluation: Evaluation, outcome: str) -> pd.DataFrame:
    """Return the series of units that share a start; none where starts differ."""
    rows = evaluation.rows_of("series", outcome)
    starts = {start for start, _ in evaluation.outcomes[outcome].get("starts", {}).values()}
    # a difference on logits is no difference of levels
    plain = evaluation.outcomes[outcome]["transform"] in ("none", "log")
    return rows if len(starts) == 1 and plain else rows.iloc[:0]


def together_data(evaluation: Evaluation, task: FigureTask) -> pd.DataFrame:
    """Return means over the treated units, one row per period.

    Returns
    -------
    DataFrame
        ``period``, ``date`` (its first day), ``units`` (how many have a value), ``value`` (mean of the
        treated units), ``peers`` (mean of their peers), ``expected`` (mean of what each unit was expected
        to be without the interruption, from its peers where it has some), ``expected_without_any`` (the
        same without any of several interruptions), and, in one period some time after the start,
        ``expected_low`` and ``expected_high``: what would have been expected if the effect were at a limit
        of its interval. For a log outcome means are geometric.

    Notes
    -----
    A period counts only when every unit has a value there: a mean of other units would jump.
    """
    rows = rows_for(evaluation, "series", task) if task.unit else evaluation.rows_of("series", task.outcome)
    rows = rows[rows["design"] == task.design].sort_values(["period", "unit"], kind="stable")
    log = evaluation.outcomes[task.outcome]["transform"] == "log"
    expected, without_any = rows["counterfactual"], rows["counterfactual_without_any"]
    if fits_gap(task.design):
        peers = rows["peer_mean"]
        expected, without_any = (line * peers if log else line + peers for line in (expected, without_any))
    columns = pd.DataFrame(
        {
            "value": rows["unit_value"],
            "peers": rows["peer_mean"],
            "expected": expected,
            "expected_without_any": without_any,
        }
    ).astype(float)
    # a level of nothing has no logarithm, and its mean none either
    columns = columns.where(columns > 0.0).transform(np.log) if log else columns
    grouped = columns.groupby(rows["period"], sort=True)
    n_units = rows["unit"].nunique()
    means = grouped.mean().where(grouped.count() == n_units)
    frame = (means.transform(np.exp) if log else means).reset_index(names="period")
    frame.insert(1, "date", first_days(frame["period"], frequency_of(evaluation, task.outcome)))
    frame.insert(2, "units", grouped["value"].count().to_numpy())
    frame["expected_low"], frame["expected_high"] = np.nan, np.nan
    effect = _later_effect(evaluation, task, n_units)
    if effect is not None:
        after = int(str(effect["estimand"]).rpartition("_")[2])
        event_time = rows.drop_duplicates("period").set_index("period")["event_time"]
        at = frame["period"].map(event_time).eq(after).to_numpy(dtype=bool)
        limits = [_limit(effect, name) for name in ("conf_high", "conf_low")]
        for name, moved in zip(("expected_low", "expected_high"), limits, strict=True):
            frame.loc[at, name] = (
                frame.loc[at, "expected"] * moved if log else frame.loc[at, "expected"] + moved
            )
    return frame


def _limit(effect: Row, name: str) -> float:
    """Return how far what was expected moves when the effect is at a limit: up when the effect is less."""
    if effect["scale"] == "ratio":
        return float(effect["estimate"] / effect[name])
    return float(effect["estimate"] - effect[name])


def _later_effect(evaluation: Evaluation, task: FigureTask, n_units: int) -> Row | None:
    """Return the effect some time after the first start: of the set, or of the unit alone."""
    rows = evaluation.rows_of("verdicts", task.outcome)
    first = str(evaluation.outcomes[task.outcome]["interruption"])
    rows = rows[(rows["design"] == task.design) & (rows["interruption"] == first)]
    rows = rows[rows["unit"].eq(THE_SET) == (n_units > 1)]
    return next((row for _, row in records(rows) if is_later_effect(row)), None)


def together_labels(evaluation: Evaluation, task: FigureTask) -> TogetherLabels:
    """Return the words of the figure."""
    rows = _series(evaluation, task.outcome)
    units = sorted(set(rows.loc[rows["design"] == task.design, "unit"]))
    return TogetherLabels(
        **asdict(figure_labels(evaluation, task)),
        who=name_of(evaluation, units[0])
        if len(units) == 1
        else f"mean of the {counted(len(units), 'unit')}",
        start=str(next(iter(evaluation.outcomes[task.outcome]["starts"].values()))[0]),
    )


_HEIGHT, _MARGIN = 3.1, 1.9
_CAP = 4.0


def draw_together(frame: pd.DataFrame, labels: TogetherLabels) -> Figure:
    """Return the figure.

    Parameters
    ----------
    frame : DataFrame
        As ``together_data`` returns it; nothing else is drawn.
    labels : TogetherLabels
        Words.
    """
    x = day_numbers([str(date) for date in frame["date"]])
    periods = [str(period) for period in frame["period"]]
    value, peers, expected, without_any, low, high = (
        frame[name].to_numpy(dtype=np.float64)
        for name in ("value", "peers", "expected", "expected_without_any", "expected_low", "expected_high")
    )
    bounds = (0.0, 100.0) if labels.kind == "percentage" and np.nanmax(value) <= 100.0 else None
    limits = reach([value, peers, low, high], [expected, without_any], bounds=bounds)
    barred = np.flatnonzero(~np.isnan(low))
    edge = before_each(x)[periods.index(labels.start)]

    def draw(axes: Axes) -> None:
        after = x >= edge
        axes.plot(x, peers, color=PEER_MEAN, linewidth=1.8, zorder=2, gid="peer-mean")
        axes.plot(x, value, color=UNIT, linewidth=0.8, alpha=0.35, zorder=3)
        draw_dots(axes, x, value, 4.5, clip=False, gid="used")
        draw_without_any(axes, x, without_any)
        line: dict[str, Any] = {"color": COUNTERFACTUAL, "linewidth": 2.4, "linestyle": DASHES, "zorder": 5}
        axes.plot(x[after], expected[after], gid="counterfactual", **line)
        for place in barred:
            ends = np.clip([low[place], high[place]], limits.low, limits.high)
            axes.errorbar(
                [x[place]], [ends.mean()], yerr=[ends.max() - ends.mean()], fmt="none",
                ecolor=COUNTERFACTUAL_TEXT, elinewidth=2.2, capsize=_CAP, capthick=2.2, zorder=6,
            )  # fmt: skip

    names = [EndLabel(labels.who, last_known(value), UNIT, bold=True)]
    if not np.isnan(peers).all():
        names.append(
            EndLabel("their peers" if frame["units"].max() > 1 else "its peers", last_known(peers), PEER_MEAN)
        )
    names.append(
        EndLabel(labels.without, last_known(expected), COUNTERFACTUAL_TEXT, line_colour=COUNTERFACTUAL)
    )
    names += without_any_label(without_any)
    notes = []
    if barred.size:
        notes.append(f"The bar is the {labels.interval} of what was expected at that time.")
        cut = (low[barred] < limits.low) | (high[barred] > limits.high)
        notes += [_beyond(float(low[barred[0]]), float(high[barred[0]]), labels)] if cut.any() else []
    panel = Panel(measured(labels.outcome, labels.measure), limits, _HEIGHT, draw, tuple(names))
    span = (float(x[0]), float(x[-1]))
    marks = start_marks(labels, x, periods, periods.index(labels.start))
    return draw_sheet([panel], span, marks, notes, total_width=NARROW, margin=_MARGIN)


def _beyond(low: float, high: float, labels: TogetherLabels) -> str:
    """Return where a bar that runs off the scale ends."""
    unit = f" {labels.measure}" if labels.measure else ""
    return f"It runs off the scale, from {rounded(low)} to {rounded(high)}{unit}."


def together_text(frame: pd.DataFrame, labels: TogetherLabels) -> str:
    """Return the alt text: the span, and what was seen and expected some time after the start."""
    told = frame[frame["expected_low"].notna()]
    start = f"{labels.outcome}, {span_in_words(frame, labels.frequency)}: {labels.who}"
    start += (
        ", their peers, and what was expected."
        if frame["peers"].notna().any()
        else ", and what was expected."
    )
    if told.empty:
        return start
    row = told.iloc[0]
    value, expected, low, high = (
        rounded(float(row[name])) for name in ("value", "expected", "expected_low", "expected_high")
    )
    seen = f"In {row['period']} it was {value}; expected were {expected}"
    return f"{start} {seen} ({labels.interval} {low} to {high})."


def _rows(evaluation: Evaluation, outcome: str) -> pd.DataFrame:
    """Return the series of the designs in which a unit's own level or its gap to peers is expected."""
    rows = _series(evaluation, outcome)
    shown = [name for name in rows["design"].unique() if name == "single" or is_controlled(name)]
    return rows[rows["design"].isin(shown)]


TOGETHER = FigureKind(
    name="together",
    caption="The treated units, and what was expected of them",
    about=("design",),
    rows=_rows,
    data=together_data,
    labels=together_labels,
    draw=draw_together,
    alt_text=together_text,
    section="answer",
)
