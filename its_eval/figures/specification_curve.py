"""The specification curve: all estimates in order, and beneath them the choices behind each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from its_eval.evaluation import records
from its_eval.figures.kinds import FigureKind, answering, figure_labels, primary_rows, rows_for
from its_eval.figures.scales import Across, Panel, Rows, interval_reach, stack_rows
from its_eval.figures.sheet import Mark, draw_sheet
from its_eval.figures.style import INK, NARROW, QUIET, UNIT, draw_dots
from its_eval.words.numbers import counted, rounded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from its_eval.evaluation import Evaluation
    from its_eval.figures.kinds import FigureLabels, FigureTask

    Values = NDArray[np.float64]


PRIMARY = "primary"
ESTIMATOR = "estimator"
TRANSFORM = "transform"
#: Dimension of a specification that differs in several choices, and what stands between these.
COMBINATION, SEPARATOR = "combination", "; "
_NUMBERS = ["estimate", "conf_low", "conf_high"]


def specification_curve_data(evaluation: Evaluation, task: FigureTask) -> pd.DataFrame:
    """Return the primary estimate and those of all other specifications, from the lowest to the highest.

    Returns
    -------
    DataFrame
        ``rank`` from 1, ``dimension`` and ``choice`` (what differs from the primary specification, as in
        ``sensitivity``), ``primary``, ``estimand``, ``estimate``, ``conf_low``, ``conf_high``,
        ``excludes_none`` (the interval excludes no effect). What
        could not be estimated comes last.

    Raises
    ------
    KeyError
        When the tables have no specifications of this series.

    Notes
    -----
    After Simonsohn, Simmons & Nelson (2020, doi:10.1038/s41562-020-0912-z). The other estimators of
    ``effects`` are specifications too, unless ``sensitivity`` has that dimension itself. Specifications
    with another transform of the outcome are left out: their estimates are other quantities.
    """
    summary = primary_rows(evaluation, task)
    rows = rows_for(evaluation, "sensitivity", task)
    rows = rows[rows["estimand"].isin(summary["estimand"])]
    if not (rows["dimension"] != PRIMARY).any():
        named = f"{task.outcome}, {task.unit}, {task.design}"
        raise KeyError(f"the table `sensitivity` has no rows of the primary estimand of {named}")
    ratio = bool((summary["scale"] == "ratio").any())
    effects = rows_for(evaluation, "effects", task)
    effects = effects[effects["estimand"].isin(summary["estimand"])]
    others = effects[
        (effects["role"] == "sensitivity") & (effects["scale"] == ("ratio" if ratio else "response"))
    ]
    others = others.assign(dimension=ESTIMATOR, choice=others["estimator"])
    if (rows["dimension"] == ESTIMATOR).any():
        others = others.iloc[:0]
    # on another scale an estimate is another quantity, which has no place on this axis
    rows = rows[[TRANSFORM not in dict(choices_of(row)) for _, row in records(rows)]]
    columns = ["dimension", "choice", "estimand", *_NUMBERS]
    parts = [part[columns] for part in (rows, others) if not part.empty]
    frame = pd.concat(parts, ignore_index=True)
    frame["primary"] = frame["dimension"] == PRIMARY
    none = 1.0 if ratio else 0.0
    frame["excludes_none"] = (frame["conf_low"] > none) | (frame["conf_high"] < none)
    frame = frame.sort_values(["estimate", "dimension", "choice"], kind="stable", na_position="last")
    frame = frame.reset_index(drop=True)
    frame.insert(0, "rank", range(1, len(frame) + 1))
    order = ["rank", "dimension", "choice", "primary", "estimand", *_NUMBERS, "excludes_none"]
    return frame[order]


def choices_of(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a specification differs in, as pairs of dimension and choice.

    Examples
    --------
    >>> choices_of({"dimension": "k", "choice": "5"})
    [('k', '5')]
    >>> choices_of({"dimension": "combination", "choice": "k=5; order=1"})
    [('k', '5'), ('order', '1')]
    """
    dimension, choice = str(row["dimension"]), str(row["choice"])
    if dimension != COMBINATION:
        return [(dimension, choice)]
    found: list[tuple[str, str]] = []
    for part in choice.split(SEPARATOR):
        name, equals, value = part.partition("=")
        if equals or not found:
            found.append((name, value))
        else:
            # a choice that itself contains the separator
            found[-1] = (found[-1][0], f"{found[-1][1]}{SEPARATOR}{part}")
    return found


_UPPER, _AIR = 2.9, 0.05
_MARGIN = 0.35
#: A dimension with more choices than this is one row of the dashboard.
_MOST_CHOICES = 8
#: Inches between two specifications below which their marks become strokes.
_DENSE = 0.06
_DIMENSIONS = {
    "k": "number of peers",
    "random_donors": "random peers, draw",
    "scale": "scaling",
    "leave_one_peer_out": "peer left out",
    "metric": "distance",
    "drop_characteristic": "characteristic left out",
    "counts_not_shown": "counts not shown taken as",
    "order": "AR order",
    "pre_window": "periods before",
    "transition": "phase-in",
    "length": "length of the change",
    "missing": "missing periods",
}
#: Choices that are not their own words.
_CHOICES = {
    ("order", "reml_ar_noise"): "1 with noise",
    ("order", "reml_local_level"): "1 with drift",
    ("order", "reml_ar_sampling"): "1 with sampling noise",
    ("trend", "quadratic"): "a parabola",
}


def draw_specification_curve(frame: pd.DataFrame, labels: FigureLabels) -> Figure:
    """Return the specification curve with its dashboard.

    Parameters
    ----------
    frame : DataFrame
        As ``specification_curve_data`` returns it; nothing else is drawn.
    labels : FigureLabels
        Words.
    """
    x = frame["rank"].to_numpy(dtype=np.float64)
    estimate, low, high = (labels.shown(frame[name]) for name in ("estimate", "conf_low", "conf_high"))
    primary, clear = (frame[name].to_numpy(dtype=bool) for name in ("primary", "excludes_none"))
    limits = interval_reach(estimate, low, high)
    dashboard, marks_of = _dashboard(frame)
    spacing = 3.8 / max(len(frame), 1)
    size = float(np.clip(72.0 * spacing * 0.75, 2.0, 7.5))

    def draw_curve(axes: Axes) -> None:
        axes.axhline(0.0, color=QUIET, linewidth=1.2, zorder=0.8, gid="none")
        bottom, top = np.clip(low, limits.low, limits.high), np.clip(high, limits.low, limits.high)
        stroke = float(np.clip(72.0 * spacing * 0.35, 0.6, 2.0))
        axes.vlines(x[~primary], bottom[~primary], top[~primary], color=QUIET, linewidth=stroke, zorder=1)
        axes.vlines(x[primary], bottom[primary], top[primary], color=UNIT, linewidth=3.2, zorder=3)
        for chosen, marker, face, edge, much, gid in (
            (~primary & ~clear, "o", "white", INK, size, "holds-none"),
            (~primary & clear, "o", INK, INK, size, "excludes-none"),
            (primary, "D", UNIT, "white", 10.0, "primary"),
        ):
            look: dict[str, Any] = {
                "edge_width": min(1.0, much / 5.0),
                "marker": marker,
                "zorder": 4,
                "gid": gid,
            }
            draw_dots(axes, x[chosen], estimate[chosen], much, face, edge, **look)

    def draw_dashboard(axes: Axes) -> None:
        for centre, (_, ranks) in zip(dashboard.centres, marks_of, strict=True):
            axes.plot(
                ranks,
                np.full(len(ranks), centre),
                linestyle="none",
                marker="s" if spacing >= _DENSE else "|",
                markersize=min(size, 7.0) if spacing >= _DENSE else 8.0,
                markeredgewidth=1.0,
                color=INK,
                zorder=3,
                gid="choice",
            )

    panels = [Panel(labels.heading_of_effect, limits, _UPPER, draw_curve, ())]
    if marks_of:
        differs, height = "What differs from the primary specification", dashboard.height
        panels.append(Panel(differs, dashboard.limits, height, draw_dashboard, (), dashboard.ticks))
    marks = [Mark("primary specification", float(place), float(place), "event") for place in x[primary]]
    notes = [
        f"Each dot is one way of doing the analysis, its line the {labels.interval}.",
        "Dots are filled where the interval lies to one side of no effect, else hollow.",
        *specification_sentences(frame, ratio=labels.ratio),
        *(["Lines up to the edge go on beyond the scale."] if limits.leaves_out(low, high) else []),
    ]
    span, across = (0.4, len(frame) + 0.6), Across(ticks=())
    return draw_sheet(panels, span, marks, notes, across=across, total_width=NARROW, margin=_MARGIN)


def _dashboard(frame: pd.DataFrame) -> tuple[Rows, list[tuple[str, Values]]]:
    """Return rows for the choices, and for each its words and the ranks that have it."""
    found: dict[str, dict[str, list[float]]] = {}
    for _, row in records(frame[frame["dimension"] != PRIMARY]):
        for dimension, choice in choices_of(row):
            found.setdefault(dimension, {}).setdefault(choice, []).append(float(row["rank"]))
    marks: list[tuple[str, Values]] = []
    for dimension in sorted(found, key=dimension_words):
        words, choices = dimension_words(dimension), found[dimension]
        if len(choices) > _MOST_CHOICES:
            every = np.array(sorted(rank for ranks in choices.values() for rank in ranks))
            marks.append((f"{words}: {len(choices)} in turn", every))
            continue
        for choice in sorted(choices, key=_natural):
            shown = _CHOICES.get((dimension, choice), choice.replace("_", " "))
            marks.append((f"{words}: {shown}" if shown else words, np.array(choices[choice])))
    return stack_rows([words for words, _ in marks], air=_AIR), marks


def dimension_words(dimension: str) -> str:
    """Return a dimension of choice as it is called in figures.

    Examples
    --------
    >>> dimension_words("pre_window"), dimension_words("min_coverage")
    ('periods before', 'min coverage')
    """
    return _DIMENSIONS.get(dimension, dimension.replace("_", " "))


def _natural(text: str) -> list[tuple[int, float, str]]:
    """Return a sort key under which 5 comes before 10."""
    parts = re.split(r"(\d+(?:\.\d+)?)", text)
    return [(0, float(part), "") if part[:1].isdigit() else (1, 0.0, part) for part in parts if part]


def specification_sentences(frame: pd.DataFrame, *, ratio: bool) -> list[str]:
    """Return how much the answer depends on choices, in words.

    Parameters
    ----------
    frame : DataFrame
        As ``specification_curve_data`` returns it.
    ratio : bool
        Estimates are ratios, so that one stands for no effect.
    """
    own, others = frame.loc[frame["primary"], "estimate"].dropna(), frame[~frame["primary"]]
    known = others[others["estimate"].notna()]
    found = []
    if not own.empty:
        none = 1.0 if ratio else 0.0
        same = int(((known["estimate"] - none) * (float(own.iloc[0]) - none) > 0).sum())
        found.append(f"{same:,} of {len(known):,} others point the same way as the primary one.")
    clear = int(known["excludes_none"].sum())
    found.append(
        f"The interval lies to one side of no effect in {clear:,} of {len(known):,}"
        f"{'' if own.empty else ' others'}."
    )
    if len(known) < len(others):
        found.append(f"{len(others) - len(known):,} could not be estimated.")
    return found


def specification_curve_text(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text: the span of the estimates, and how many agree."""
    shown = labels.shown(frame["estimate"])
    low, high = rounded(float(np.nanmin(shown))), rounded(float(np.nanmax(shown)))
    number = counted(len(frame), "specification")
    return (
        f"{labels.heading_of_effect}, of {labels.unit_name} in {number}: from {low} to {high}. "
        f"{' '.join(specification_sentences(frame, ratio=labels.ratio))}"
    )


def _rows(evaluation: Evaluation, outcome: str) -> pd.DataFrame:
    """Return the specifications beside the primary ones."""
    rows = answering(evaluation, "sensitivity", outcome)
    return rows[rows["dimension"] != PRIMARY]


SPECIFICATION_CURVE = FigureKind(
    name="specification_curve",
    caption="The estimate under every choice tried",
    about=("unit", "design"),
    rows=_rows,
    data=specification_curve_data,
    labels=figure_labels,
    draw=draw_specification_curve,
    alt_text=specification_curve_text,
    section="choices",
)
