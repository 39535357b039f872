"""Figures among the sections: which stands where, and in what words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from its_eval.report.blocks import Folded, Picture
from its_eval.report.comparisons import PEERS, compared_with
from its_eval.report.figures.catalogue import describe
from its_eval.report.source import anchor

if TYPE_CHECKING:
    from its_eval.report.blocks import Block
    from its_eval.report.embedding import StoredFigure
    from its_eval.report.figures.catalogue import FigureTask
    from its_eval.report.source import ReportSource

#: The figure that shows a series with its fit and what would have been expected.
MAIN_FIGURE = "main_its"
#: The two strata of a unit and the gap between them.
STRATA_FIGURE = "strata_gap"
#: Kinds of figure by the section in which they stand, in order.
PLACES: dict[str, tuple[str, ...]] = {
    # against_peers is the upper half of a controlled main figure, and stands in the run's folder only
    "units": ("small_multiples", STRATA_FIGURE, MAIN_FIGURE, "cumulative_effect"),
    "effects": ("forest",),
    "placebos": ("placebo_units",),
    "dates": ("placebo_dates",),
    "peers": ("peer_distances", "balance"),
    "checks": ("residuals",),
    "choices": ("specification_curve",),
    "power": ("power_curve",),
}
#: What a kind of figure shows.
CAPTIONS = {
    MAIN_FIGURE: "Every observation, the fitted lines, and what the earlier trend would have given",
    STRATA_FIGURE: "Two strata, and the gap between them against its earlier trend",
    "small_multiples": "All units on one scale",
    "cumulative_effect": "The difference from what the earlier trend would have given, added up",
    "forest": "Estimates of all units, and of all together",
    "placebo_units": "The unit among units that had no intervention",
    "placebo_dates": "The start among dates at which nothing happened",
    "peer_distances": "How near the peers are",
    "balance": "How far the unit is from its peers and from all others, characteristic by characteristic",
    "residuals": "What the fit leaves over",
    "specification_curve": "The estimate under every choice tried",
    "power_curve": "The smallest change that would be found four times in five",
}


def caption(source: ReportSource, task: FigureTask) -> str:
    """Return the words under a figure: what it shows, of what, compared with what."""
    of = [source.label(task.outcome)]
    of += [source.unit_name(task.unit)] if task.unit else []
    of += [f"compared with {compared_with(task.design)}"] if task.design else []
    return f"{CAPTIONS[task.kind]}: {', '.join(of)}."


def picture(source: ReportSource, figure: StoredFigure) -> Picture:
    """Return a figure as a block."""
    alt = describe(source.evaluation, figure.task)
    wide = figure.task.kind in (MAIN_FIGURE, STRATA_FIGURE)
    return Picture(anchor("figure", figure.stem), figure, alt, caption(source, figure.task), wide)


def pictures(source: ReportSource, section: str, outcome: str, unit: str = "") -> list[Block]:
    """Return the figures of a section about an outcome as a whole, or about one of its units."""
    found = [figure for kind in PLACES[section] for figure in source.figures_of(kind, outcome, unit)]
    return [picture(source, figure) for figure in found]


def folded_pictures(source: ReportSource, section: str, outcome: str, title: str) -> list[Block]:
    """Return the figures of all units of an outcome in a section, to be opened."""
    drawn = [block for unit in source.units(outcome) for block in pictures(source, section, outcome, unit)]
    return [Folded(title, drawn)] if drawn else []


def main_figures(source: ReportSource, outcome: str, unit: str) -> list[Block]:
    """Return the figure that answers best in the open, and the other views of a unit to be opened."""
    drawn = pictures(source, "units", outcome, unit)
    # a gap is shown between the strata that it is made of
    kinds = {block.figure.task.kind for block in drawn if isinstance(block, Picture)}
    best = STRATA_FIGURE if STRATA_FIGURE in kinds else MAIN_FIGURE
    answering = [block for block in drawn if isinstance(block, Picture) and block.figure.task.kind == best]
    controlled = [block for block in answering if block.figure.task.design != "single"]
    shown: list[Block] = [*(controlled or answering)[:1]]
    rest = [block for block in drawn if block not in shown]
    if not rest:
        return shown
    alone = bool(controlled) and all(
        isinstance(block, Picture) and block.figure.task.design == "single" for block in rest
    )
    title = f"The same unit compared with {compared_with('single')}, without {PEERS}"
    return [*shown, Folded(title if alone else "Other views of the same unit", rest)]
