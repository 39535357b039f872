"""The specification curve: all estimates in order, and beneath them the choices behind each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from its_eval.report.figures.rows import Rows, interval_reach, stack_rows
from its_eval.report.figures.sheet import Across, Panel, draw_sheet
from its_eval.report.figures.specification_data import PRIMARY, choices_of, specification_curve_data
from its_eval.report.figures.style import INK, NARROW, QUIET, UNIT, house_style
from its_eval.report.figures.time_marks import Mark
from its_eval.report.figures.words import heading_of_effect, specification_sentences

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from its_eval.report.figures.labels import FigureLabels

    Values = NDArray[np.float64]

__all__ = ["draw_specification_curve", "specification_curve_data"]

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
