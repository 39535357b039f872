"""The coverage figure: which unit has a value in which period, for the units where something is amiss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.data.coverage import DUPLICATE, ENDED, MISSING, NOT_YET, PRESENT, SUPPRESSED
from its_eval.figures.kinds import first_days
from its_eval.figures.scales import before_each, dated_ticks, day_numbers
from its_eval.figures.style import (
    BAND,
    COUNTERFACTUAL,
    EDGE,
    INK,
    LINE_HEIGHT,
    PEER,
    UNIT,
    WIDTH,
    blank_figure,
    house_style,
    text_width,
    wrap,
    write,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Values = NDArray[np.float64]


#: So many units are drawn, those with the most gaps first.
MOST_UNITS = 60
_ROW = 0.2
_BENEATH = 0.36
#: What a status looks like: fill, mark, colour of the mark, and its words. A mark as well as a fill, so that
#: nothing hangs on colour alone.
_LOOKS = {
    PRESENT: (PEER, "", "", "value"),
    DUPLICATE: (UNIT, "", "", "several rows"),
    SUPPRESSED: (BAND, "o", COUNTERFACTUAL, "row without a value"),
    MISSING: ("#FFFFFF", "x", INK, "no row"),
    NOT_YET: ("#FFFFFF", "", "", "not yet, or no more"),
    ENDED: ("#FFFFFF", "", "", ""),
}
_JUMP = ("v", INK, "jump in size")


def coverage_figure_data(
    table: pd.DataFrame, indicator: str, frequency: str, stratum: str = ""
) -> pd.DataFrame:
    """Return what the coverage figure draws.

    Parameters
    ----------
    table : DataFrame
        As ``coverage_table`` returns it.
    indicator, stratum : str
        Which part of it.
    frequency : str
        Of the periods.

    Returns
    -------
    DataFrame
        ``unit``, ``period``, ``date`` (its first day), ``status``, ``jump`` and ``rank``: the place of the
        unit from above, 0 for a unit that has a value in every period and no jump, which is counted and not
        drawn. Units follow by how many periods lack a value, then by code.

    Raises
    ------
    KeyError
        When the table has no such indicator.
    """
    rows = table[(table["indicator"] == indicator) & (table["stratum"] == stratum)]
    if rows.empty:
        raise KeyError(f"the coverage table has no rows of {indicator!r}, stratum {stratum!r}")
    frame = rows[["unit", "period", "status", "jump"]].reset_index(drop=True)
    periods = frame["period"].unique()
    starts = dict(zip(periods, first_days(periods, frequency), strict=True))
    frame.insert(2, "date", frame["period"].map(starts))
    lacking = frame["status"].ne(PRESENT).groupby(frame["unit"]).sum()
    jumping = frame["jump"].notna().groupby(frame["unit"]).any()
    amiss = [unit for unit in lacking.index if lacking[unit] or jumping[unit]]
    ordered = sorted(amiss, key=lambda unit: (-int(lacking[unit]), unit))
    ranks = {unit: place for place, unit in enumerate(ordered, start=1)}
    frame["rank"] = [ranks.get(unit, 0) for unit in frame["unit"]]
    return frame.sort_values(["rank", "unit", "date"], kind="stable").reset_index(drop=True)


@house_style()
def draw_coverage(frame: pd.DataFrame, heading: str) -> Figure:
    """Return the coverage figure of one indicator: a row per unit, a column per period.

    Parameters
    ----------
    frame : DataFrame
        As ``coverage_figure_data`` returns it.
    heading : str
        What is shown, e.g. the label of the outcome.
    """
    drawn = frame[frame["rank"].between(1, MOST_UNITS)]
    units = list(dict.fromkeys(drawn["unit"]))
    dates = sorted(set(frame["date"]))
    left = EDGE + max([text_width(unit) for unit in units], default=0.0) + 0.12
    width = WIDTH - left - 2 * EDGE
    title = wrap(heading, WIDTH - left - EDGE)
    notes = wrap(_notes(frame, len(units)), WIDTH - left - EDGE)
    above = EDGE + LINE_HEIGHT * (len(title.split("\n")) + 1) + 0.1
    beneath = _BENEATH + LINE_HEIGHT * len(notes.split("\n")) + EDGE
    height = _ROW * max(len(units), 1)
    total = above + height + beneath
    figure = blank_figure(WIDTH, total)
    write(figure, left, total - EDGE, title)
    _key(figure, left, total - above + 0.06 + LINE_HEIGHT, drawn)
    axes = figure.add_axes((left / WIDTH, beneath / total, width / WIDTH, height / total))
    _cells(axes, drawn, units, dates)
    write(figure, left, LINE_HEIGHT * len(notes.split("\n")) + EDGE, notes)
    return figure


def _notes(frame: pd.DataFrame, n_drawn: int) -> str:
    n_units, n_amiss = frame["unit"].nunique(), int(frame["rank"].max())
    n_whole = n_units - n_amiss
    said = f"{n_whole} of {n_units} units have a value in every period and no jump; they are not drawn."
    if n_amiss > n_drawn:
        said += f" Of the other {n_amiss} the {n_drawn} with the most gaps are drawn."
    return said


def _cells(axes: Axes, drawn: pd.DataFrame, units: list[str], dates: list[str]) -> None:
    from matplotlib.colors import ListedColormap  # noqa: PLC0415  (start-up time)

    x = day_numbers(dates)
    span = np.diff(x)[-1] if len(x) > 1 else 28.0
    edges = np.append(before_each(x), x[-1] + 0.5 * span) if len(x) > 1 else np.array([x[0], x[0] + span])
    middles = 0.5 * (edges[1:] + edges[:-1])
    statuses = list(_LOOKS)
    column = {date: place for place, date in enumerate(dates)}
    grid = np.full((len(units), len(dates)), statuses.index(NOT_YET))
    at = (drawn["rank"].to_numpy() - 1, drawn["date"].map(column).to_numpy(dtype=int))
    grid[at] = [statuses.index(status) for status in drawn["status"]]
    colours = ListedColormap([look[0] for look in _LOOKS.values()])
    rows = np.arange(len(units) + 1)
    if units:
        axes.pcolormesh(
            edges, rows, grid, cmap=colours, vmin=-0.5, vmax=len(statuses) - 0.5,
            edgecolor="white", linewidth=0.4, gid="cells",
        )  # fmt: skip
    size = min(5.0, 72.0 * 0.7 * (WIDTH - 2.0) / max(len(dates), 1))
    for status, (_, mark, colour, _) in _LOOKS.items():
        where = np.argwhere(grid == statuses.index(status))
        if mark and len(where):
            axes.plot(
                middles[where[:, 1]], where[:, 0] + 0.5, linestyle="none", marker=mark, color=colour,
                markersize=size, gid=status,
            )  # fmt: skip
    jumping = drawn[drawn["jump"].notna()]
    if len(jumping):
        marker, colour, _ = _JUMP
        axes.plot(
            middles[jumping["date"].map(column).to_numpy(dtype=int)], jumping["rank"].to_numpy() - 0.5,
            linestyle="none", marker=marker, color=colour, markersize=size + 2.0, gid="jump",
        )  # fmt: skip
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(max(len(units), 1), 0)
    axes.grid(visible=False)
    axes.set_yticks(rows[:-1] + 0.5, units)
    axes.tick_params(axis="y", length=0)
    axes.set_xticks(*dated_ticks((float(x[0]), float(x[-1]))))


def _key(figure: Figure, left: float, top: float, drawn: pd.DataFrame) -> None:
    """Draw what each look that occurs means, in one line above the cells."""
    width, height = figure.get_size_inches()
    place = left
    shown = set(drawn["status"].replace(ENDED, NOT_YET)) | {PRESENT}
    looks = [look for status, look in _LOOKS.items() if status in shown]
    if drawn["jump"].notna().any():
        looks.append(("#FFFFFF", *_JUMP))
    for fill, mark, colour, words in looks:
        box = figure.add_axes(
            (place / width, (top - 0.155) / height, 0.15 / width, 0.13 / height), facecolor=fill
        )
        box.set_xticks([])
        box.set_yticks([])
        for spine in box.spines.values():
            spine.set_visible(True)
            spine.set_color(INK)
            spine.set_linewidth(0.6)
        if mark:
            box.plot([0.5], [0.5], marker=mark, color=colour, markersize=5.0)
            box.set_xlim(0, 1)
            box.set_ylim(0, 1)
        write(figure, place + 0.22, top, words, gid="key")
        place += 0.22 + text_width(words) + 0.22
