"""The specification curve: all estimates in order, and beneath them the choices behind each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from its_eval.figures.labels import primary_rows
from its_eval.figures.rows import Rows, interval_reach, stack_rows
from its_eval.figures.scales import Across, Panel
from its_eval.figures.sheet import Mark, draw_sheet
from its_eval.figures.style import INK, NARROW, QUIET, UNIT, house_style
from its_eval.figures.text_layout import heading_of_effect, specification_sentences

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from its_eval.evaluation import Evaluation
    from its_eval.figures.labels import FigureLabels

    Values = NDArray[np.float64]


PRIMARY = "primary"
ESTIMATOR = "estimator"
TRANSFORM = "transform"
#: Dimension of a specification that differs in several choices, and what stands between these.
COMBINATION, SEPARATOR = "combination", "; "
_NUMBERS = ["estimate", "conf_low", "conf_high"]


def specification_curve_data(evaluation: Evaluation, outcome: str, unit: str, design: str) -> pd.DataFrame:
    """Return the primary estimate and those of all other specifications, from the lowest to the highest.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome, unit, design : str
        Which series of it.

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
    summary = primary_rows(evaluation, outcome, unit, design)
    rows = evaluation.rows_of("sensitivity", outcome, unit)
    rows = rows[(rows["design"] == design) & rows["estimand"].isin(summary["estimand"])]
    if not (rows["dimension"] != PRIMARY).any():
        raise KeyError(
            f"the table `sensitivity` has no rows of the primary estimand of {outcome}, {unit}, {design}"
        )
    ratio = bool((summary["scale"] == "ratio").any())
    effects = evaluation.rows_of("effects", outcome, unit)
    effects = effects[(effects["design"] == design) & effects["estimand"].isin(summary["estimand"])]
    others = effects[
        (effects["role"] == "sensitivity") & (effects["scale"] == ("ratio" if ratio else "response"))
    ]
    others = others.assign(dimension=ESTIMATOR, choice=others["estimator"])
    if (rows["dimension"] == ESTIMATOR).any():
        others = others.iloc[:0]
    # on another scale an estimate is another quantity, which has no place on this axis
    rows = rows[[TRANSFORM not in dict(choices_of(row)) for _, row in rows.iterrows()]]
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


def choices_of(row: pd.Series) -> list[tuple[str, str]]:
    """Return what a specification differs in, as pairs of dimension and choice.

    Examples
    --------
    >>> choices_of(pd.Series({"dimension": "k", "choice": "5"}))
    [('k', '5')]
    >>> choices_of(pd.Series({"dimension": "combination", "choice": "k=5; order=1"}))
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
    "order": "AR order",
    "pre_window": "periods before",
    "transition": "phase-in",
}
#: Choices that are not their own words.
_CHOICES = {("order", "reml_ar_noise"): "1 with noise"}


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
    names = [words for words, _ in marks_of]
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
            axes.plot(
                x[chosen],
                estimate[chosen],
                linestyle="none",
                marker=marker,
                markersize=much,
                markerfacecolor=face,
                markeredgecolor=edge,
                markeredgewidth=min(1.0, much / 5.0),
                zorder=4,
                gid=gid,
            )

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

    heading = heading_of_effect(labels)
    panels = [Panel(heading, limits, _UPPER, draw_curve, ())]
    if names:
        panels.append(
            Panel(
                "What differs from the primary specification",
                dashboard.limits,
                dashboard.height,
                draw_dashboard,
                (),
                dashboard.ticks,
            )
        )
    marks = [Mark("primary specification", float(place), float(place), "event") for place in x[primary]]
    with house_style():
        return draw_sheet(
            panels,
            (0.4, len(frame) + 0.6),
            marks,
            [
                f"Each dot is one way of doing the analysis, its line the {labels.interval}.",
                "Dots are filled where the interval lies to one side of no effect, else hollow.",
                *specification_sentences(frame, ratio=labels.ratio),
                *(["Lines up to the edge go on beyond the scale."] if limits.leaves_out(low, high) else []),
            ],
            across=Across(ticks=()),
            total_width=NARROW,
            margin=_MARGIN,
        )


def _dashboard(frame: pd.DataFrame) -> tuple[Rows, list[tuple[str, Values]]]:
    """Return rows for the choices, and for each its words and the ranks that have it."""
    found: dict[str, dict[str, list[float]]] = {}
    for _, row in frame[frame["dimension"] != PRIMARY].iterrows():
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
