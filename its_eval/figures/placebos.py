"""The placebo figures: other units, and other dates, in place of the real one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from its_eval.calendar import parse_period, period_start
from its_eval.figures.labels import name_of, primary_rows
from its_eval.figures.scales import Across, EndLabel, Limits, Panel, day_numbers, reach
from its_eval.figures.sheet import Mark, draw_sheet
from its_eval.figures.style import INK, NARROW, QUIET, SHADE, SHADE_ALPHA, UNIT, house_style
from its_eval.figures.text_layout import placebo_sentences, t_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from its_eval.evaluation import Evaluation
    from its_eval.figures.labels import FigureLabels

    Values = NDArray[np.float64]


#: Two statistics that differ by less than this share are equal.
_TIE = 1e-9


def placebo_units_data(evaluation: Evaluation, outcome: str, unit: str, design: str) -> pd.DataFrame:
    """Return the effect estimated for a unit and for every unit that had no intervention.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome, unit, design : str
        Which series of it.

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
    rows, own, estimand = _placebos(evaluation, "placebo_units", outcome, unit, design)
    rows = rows[rows["placebo"] != unit]
    frame = pd.DataFrame(
        {
            "placebo": [unit, *rows["placebo"].astype(str)],
            "name": [name_of(evaluation, str(code)) for code in (unit, *rows["placebo"])],
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


def placebo_dates_data(evaluation: Evaluation, outcome: str, unit: str, design: str) -> pd.DataFrame:
    """Return the effect estimated at the real start and at dates before it.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome, unit, design : str
        Which series of it.

    Returns
    -------
    DataFrame
        ``period``, ``date`` (its first day), ``actual`` (the real start), ``estimand``, ``estimate``,
        ``statistic`` (in standard errors), in order of time.

    Raises
    ------
    KeyError
        As for ``placebo_units_data``.
    """
    rows, own, estimand = _placebos(evaluation, "placebo_dates", outcome, unit, design)
    frequency = str(evaluation.outcomes[outcome]["frequency"])
    start = str(own["interruption_period"])
    rows = rows[rows["placebo"] != start]
    periods = [*rows["placebo"].astype(str), start]
    frame = pd.DataFrame(
        {
            "period": periods,
            "date": [
                period_start(parse_period(period, frequency), frequency).isoformat() for period in periods
            ],
            "actual": [False] * len(rows) + [True],
            "estimand": estimand,
            "estimate": [*rows["estimate"], own["estimate"]],
            "statistic": [*rows["statistic"], own["statistic"]],
        }
    )
    return frame.sort_values("date", kind="stable").reset_index(drop=True)


def _placebos(
    evaluation: Evaluation, table: str, outcome: str, unit: str, design: str
) -> tuple[pd.DataFrame, dict[str, Any], str]:
    """Return the placebos of the primary estimand, the unit's own estimate, and the estimand."""
    summary = primary_rows(evaluation, outcome, unit, design)
    rows = evaluation.rows_of(table, outcome, unit)
    rows = rows[(rows["design"] == design) & rows["estimand"].isin(summary["estimand"])]
    if rows.empty:
        raise KeyError(
            f"the table `{table}` has no rows of the primary estimand of {outcome}, {unit}, {design}"
        )
    estimand = str(rows["estimand"].iloc[0])
    effects = evaluation.rows_of("effects", outcome, unit)
    effects = effects[
        (effects["design"] == design) & (effects["estimand"] == estimand) & (effects["role"] == "primary")
    ]
    if effects.empty:
        raise KeyError(
            f"the table `effects` has no estimate of {outcome}, {unit}, {design} beside its placebos"
        )
    # a ratio has the statistic of its logarithm
    first: pd.Series[Any] = effects.sort_values("scale", kind="stable").iloc[0]
    own = {str(name): first[name] for name in ("estimate", "statistic", "interruption_period")}
    own["p_placebo"] = summary["p_placebo"].iloc[0]
    return rows.sort_values("placebo", kind="stable"), own, estimand


_HEIGHT, _MARGIN = 3.0, 2.0
#: About what chance alone exceeds once in twenty.
_USUAL = 2.0


def draw_placebo_dates(frame: pd.DataFrame, labels: FigureLabels) -> Figure:
    """Return the effects at the real start and at placebo dates.

    Parameters
    ----------
    frame : DataFrame
        As ``placebo_dates_data`` returns it; nothing else is drawn.
    labels : FigureLabels
        Words.
    """
    x = day_numbers([str(date) for date in frame["date"]])
    t = frame["statistic"].to_numpy(dtype=np.float64)
    actual = frame["actual"].to_numpy(dtype=bool)
    limits = reach([t, np.array([-_USUAL, _USUAL])])

    def draw(axes: Axes) -> None:
        axes.axhline(0.0, color=QUIET, linewidth=1.0, zorder=0.8)
        for edge in (-_USUAL, _USUAL):
            axes.axhline(edge, color=QUIET, linewidth=1.2, linestyle=(0.0, (1.0, 2.0)), zorder=0.9)
        shown = np.clip(t, limits.low, limits.high)
        axes.plot(
            x[~actual],
            shown[~actual],
            linestyle="none",
            marker="o",
            markersize=6.0,
            color=QUIET,
            clip_on=False,
            zorder=3,
            gid="placebo",
        )
        axes.plot(
            x[actual],
            shown[actual],
            linestyle="none",
            marker="D",
            markersize=10.0,
            color=UNIT,
            clip_on=False,
            zorder=4,
            gid="unit",
        )

    own = float(t[actual][0])
    start = f"{labels.start_in_words}, " if labels.start_in_words else ""
    ends = (
        EndLabel(
            f"the real start, {start}{t_text(own)}",
            own if np.isfinite(own) else 0.0,
            UNIT,
            bold=True,
            tied=False,
        ),
    )
    what = labels.estimand_in_words
    heading = f"{what[:1].upper()}{what[1:]}, in standard errors (t), by supposed start"
    notes = [
        "Dots are dates at which nothing began, estimated from the time before the real start.",
        "By chance alone about one in twenty lies beyond the dotted lines.",
    ]
    with house_style():
        return draw_sheet(
            [Panel(heading, limits, _HEIGHT, draw, ends)],
            (float(x[0]), float(x[-1]) if len(x) > 1 else float(x[0]) + 1.0),
            [],
            notes,
            total_width=NARROW,
            margin=_MARGIN,
        )


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
                    axes.plot(
                        x[those],
                        y[those],
                        linestyle="none",
                        marker=_ARROWS.get(side, "o"),
                        markersize=size,
                        markerfacecolor=face,
                        markeredgecolor=INK if face == "white" else face,
                        markeredgewidth=min(1.3, size / 5.0),
                        clip_on=False,
                        zorder=3,
                        gid=gid,
                    )
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
    what = labels.estimand_in_words
    heading = f"{what[:1].upper()}{what[1:]}, in standard errors (t)"
    with house_style():
        return draw_sheet(
            [Panel(heading, Limits(0.0, height), height, draw, (), ())],
            (limits.low, limits.high),
            marks,
            ["Each dot is a unit without the intervention.", *placebo_sentences(frame)],
            across=Across(lines=True),
            total_width=NARROW,
            margin=_EDGES - 0.24,
        )


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
