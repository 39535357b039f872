"""The forest plot: the estimate of every unit, and pooled ones beneath."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from its_eval.calendar import parse_period, period_start
from its_eval.figures.labels import DIFFERENCES, SINGLE, name_of, primary_rows, rows_about
from its_eval.figures.main_its import AFTER, BEFORE, DURING, PHASE_IN
from its_eval.figures.rows import draw_intervals, interval_reach, stack_rows
from its_eval.figures.scales import Across, EndLabel, Panel
from its_eval.figures.sheet import draw_sheet
from its_eval.figures.style import COUNTERFACTUAL_TEXT, INK, NARROW, QUIET, UNIT, house_style
from its_eval.figures.text_layout import heading_of_effect, interval_text, sentence, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from its_eval.evaluation import Evaluation
    from its_eval.figures.labels import FigureLabels


#: Columns of the small multiples that are lines and bands, named as in ``series``.
LINES = ("fitted", "counterfactual", "counterfactual_low", "counterfactual_high")
UNIT_ROW, POOLED = "unit", "pooled"
#: Pooled estimates that are drawn, in order; the table `pooled` has more.
METHODS = {
    "set": "mean of the units, fitted as one series",
    "set_union_of_peers": "the same, every peer counted once",
    "paule_mandel_mkh": "pooled, random effects (modified Hartung–Knapp)",
    "fixed_effect": "pooled, fixed effect",
}
_ROUNDING = 1e-9


def small_multiples_data(evaluation: Evaluation, outcome: str, design: str) -> pd.DataFrame:
    """Return the numbers of the series of all units, one row per unit and period.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome, design : str
        Which series of it.

    Returns
    -------
    DataFrame
        ``unit``, ``name``, ``period``, ``date`` (its first day), ``segment`` (before, phase-in, after),
        ``used``, ``value`` (the observation without its season), ``fitted``, ``counterfactual``,
        ``counterfactual_low``, ``counterfactual_high``, all without season. Units are sorted by code.

    Raises
    ------
    KeyError
        When the tables have no such series.

    Notes
    -----
    The season is what the deseasonalised column of ``series`` leaves out, so lines have no value where
    there is no observation; being straight, or smooth, they are drawn across. For the design ``single`` a
    counterfactual of a percentage is missing from the first period in which it lies outside 0 to 100.
    """
    table = evaluation.tables["series"]
    rows = table[(table["outcome"] == outcome) & (table["design"] == design)]
    if rows.empty:
        raise KeyError(f"the table `series` has no rows of {outcome}, {design}")
    rows = rows.sort_values(["unit", "period"], kind="stable").reset_index(drop=True)
    about = evaluation.outcomes[outcome]
    frequency = str(about["frequency"])
    dates = {
        period: period_start(parse_period(period, frequency), frequency).isoformat()
        for period in rows["period"].unique()
    }
    form = _season_form(str(about["transform"]), design)
    frame = pd.DataFrame(
        {
            "unit": rows["unit"],
            "name": [name_of(evaluation, unit) for unit in rows["unit"]],
            "period": rows["period"],
            "date": rows["period"].map(dates),
            "segment": "",
            "used": rows["used"],
            "value": rows["deseasonalised"],
        }
    )
    for name in LINES:
        frame[name] = _without_season(rows, name, form)
    bounded = about["kind"] == "percentage" and design == SINGLE
    for _, part in rows.groupby("unit", sort=False):
        segments = _segments(part)
        frame.loc[part.index, "segment"] = segments
        frame.loc[part.index[segments == DURING], "fitted"] = np.nan
        if bounded and part["unit_value"].dropna().between(0.0, 100.0).all():
            stopped = _outside(frame.loc[part.index, "counterfactual"].to_numpy(dtype=np.float64))
            frame.loc[part.index[stopped], list(LINES[1:])] = np.nan
    return frame


def _season_form(transform: str, design: str) -> str:
    """Return on which scale the season is added: as it is, logarithms (of ratios) or logits."""
    if transform == "logit":
        return "log" if design in DIFFERENCES else "logit"
    return transform


def _without_season(rows: pd.DataFrame, name: str, form: str) -> pd.Series:
    """Return a column of ``series`` less the season that its observations show."""
    if form == "log":
        return rows[name] * rows["deseasonalised"] / rows["observed"]
    if form == "none":
        return rows[name] - (rows["observed"] - rows["deseasonalised"])
    odds = {column: rows[column] / (100.0 - rows[column]) for column in (name, "observed", "deseasonalised")}
    product = odds[name] * odds["deseasonalised"] / odds["observed"]
    return 100.0 * product / (1.0 + product)


def _segments(rows: pd.DataFrame) -> NDArray[np.object_]:
    """Return for every period of a unit whether it lies before, in an excluded phase-in, or after."""
    after = np.maximum.accumulate(rows["counterfactual"].notna().to_numpy())
    phase = rows["used_reason"].str.startswith(PHASE_IN).to_numpy()
    return np.where(phase, DURING, np.where(after, AFTER, BEFORE)).astype(object)


def _outside(line: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the periods from the first in which a percentage would be impossible."""
    impossible = (line < -_ROUNDING) | (line > 100.0 + _ROUNDING)
    stopped: NDArray[np.bool_] = np.maximum.accumulate(impossible)
    return stopped


def forest_data(evaluation: Evaluation, outcome: str, design: str) -> pd.DataFrame:
    """Return the primary estimate of every unit and the pooled ones, one row each.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome, design : str
        Which estimates.

    Returns
    -------
    DataFrame
        ``row`` (unit or pooled), ``unit`` (blank when pooled), ``name`` (of the unit or the method),
        ``estimand``, ``estimate``, ``conf_low``, ``conf_high``, ``prediction_low``, ``prediction_high``
        (where a further unit would lie; pooled rows only), ``n_units``. For a log or logit
        outcome all are ratios.
    """
    summary = primary_rows(evaluation, outcome, design=design)
    shown = ("estimand", "estimate", "conf_low", "conf_high")
    units = [
        {"row": UNIT_ROW, "unit": row.unit, "name": name_of(evaluation, str(row.unit))}
        | {column: getattr(row, column) for column in shown}
        for row in summary.sort_values("unit", kind="stable").itertuples()
    ]
    columns = ("row", "unit", "name", *shown, "prediction_low", "prediction_high", "n_units")
    frame = pd.DataFrame.from_records(units, columns=list(columns))
    pooled = rows_about(evaluation, "pooled", outcome)
    pooled = pooled[
        (pooled["design"] == design)
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
    values = [interval_text(row, labels) for row in frame.to_dict("records")]
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
        draw_intervals(
            axes,
            rows.centres,
            ahead[0],
            ahead[1],
            limits,
            colour=COUNTERFACTUAL_TEXT,
            width=2.0,
            linestyle=_DOTTED,
            gid="prediction",
        )
        draw_intervals(axes, rows.centres, low, high, limits, colour=INK, width=2.0)
        for chosen, marker, size, colour, gid in (
            (~pooled, "o", 8.0, UNIT, "estimate"),
            (pooled, "D", 8.5, INK, "pooled"),
        ):
            axes.plot(
                estimate[chosen],
                rows.centres[chosen],
                linestyle="none",
                marker=marker,
                markersize=size,
                markerfacecolor=colour,
                markeredgecolor="white",
                markeredgewidth=0.6,
                zorder=4,
                gid=gid,
            )

    ends = [
        EndLabel(text, float(centre), INK, bold=bool(heavy), tied=False)
        for text, centre, heavy in zip(values, rows.centres, pooled, strict=True)
    ]
    panel = Panel(heading_of_effect(labels), rows.limits, rows.height, draw, tuple(ends), rows.ticks)
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
    with house_style():
        return draw_sheet(
            [panel],
            (limits.low, limits.high),
            [],
            notes,
            across=Across(lines=True),
            total_width=NARROW,
            margin=width + _BESIDE,
        )


def _left_out(frame: pd.DataFrame) -> list[str]:
    """Say how many of the units drawn are in the pooled estimates, where some are not."""
    n_drawn = int((frame["row"] != POOLED).sum())
    counts = frame.loc[frame["row"] == POOLED, "n_units"]
    fewest = int(counts.min()) if len(counts) else n_drawn
    if fewest >= n_drawn:
        return []
    return [f"Random and fixed effects are of {fewest} of the {n_drawn} units: those that have a p-value."]
