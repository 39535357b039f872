"""Writing all XmR charts of a table: a page of all units for each indicator, and a chart for each series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from its_eval.figures.style import figure_stem, house_style, save_figure
from its_eval.figures.xmr import XmrLabels, draw_xmr, draw_xmr_grid, xmr_data, xmr_grid_data
from its_eval.side_by_side import side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pandas as pd


class ChartPages(Struct, frozen=True):
    """The charts of a table, and where they belong.

    Attributes
    ----------
    summary, points : DataFrame
        Tables of XmR charts: a row for each series, and for each of its points.
    folder : Path
        Where pictures and their numbers are written.
    start, intervention : str
        First period of an intervention and what it is called; blank without one.
    grid_only : bool
        Whether an indicator of several units has its page alone.
    """

    summary: pd.DataFrame
    points: pd.DataFrame
    folder: Path
    start: str = ""
    intervention: str = ""
    grid_only: bool = False

    def parts(self) -> Iterator[tuple[str, str | None, str]]:
        """Yield indicator, unit (None for the page of all units) and what is said of the series."""
        for indicator, rows in self.summary.groupby("indicator", sort=True):
            if len(rows) > 1:
                yield str(indicator), None, ""
            if not (self.grid_only and len(rows) > 1):
                for unit, message in rows[["unit", "message"]].itertuples(index=False, name=None):
                    yield str(indicator), str(unit), str(message)

    def write(self, part: tuple[str, str | None, str]) -> str:
        """Draw and write one page or chart; return the name of its files."""
        indicator, unit, message = part
        with house_style():
            if unit is None:
                frame = xmr_grid_data(self.points, indicator)
                figure = draw_xmr_grid(frame, indicator, self.start, self.intervention)
                stem = figure_stem(indicator, "all", "grid", figure="xmr")
            else:
                frame = xmr_data(self.points, indicator, unit)
                title = f"{indicator}, {unit}" if unit else indicator
                figure = draw_xmr(frame, XmrLabels(title, self.intervention, self.start, message))
                stem = figure_stem(indicator, unit, "chart", figure="xmr")
            save_figure(figure, frame, self.folder, stem)
        return stem


def write_charts(pages: ChartPages, jobs: int, progress: Callable[[str, int, int], None]) -> None:
    """Draw and write all charts; the files are the same for any number of processes.

    Parameters
    ----------
    pages : ChartPages
    jobs : int
        Processes.
    progress : callable
        Called with a phrase, charts drawn and charts in all.
    """
    parts = list(pages.parts())
    alone = jobs == 1 or len(parts) < 2
    drawn = map(pages.write, parts) if alone else side_by_side(ChartPages.write, pages, parts, jobs)
    for done, _ in enumerate(drawn, start=1):
        progress("drawing charts", done, len(parts))
