"""Figures among the sections: which stands where, and in what words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from its_eval.report.blocks import Folded, Picture
from its_eval.report.embedding import MAIN_FIGURE
from its_eval.report.narrative import headline
from its_eval.report.sections.cells import records
from its_eval.report.source import PEERS, anchor, compared_with

if TYPE_CHECKING:
    from its_eval.report.blocks import Block
    from its_eval.report.embedding import StoredFigure
    from its_eval.report.source import ReportSource

#: Kinds of figure by the section in which they stand, in order; those not named stand with the choices.
PLACES: dict[str, tuple[str, ...]] = {
    "units": ("small_multiples", MAIN_FIGURE, "treated_and_peers", "cumulative_effect"),
    "effects": ("forest",),
    "placebos": ("placebo_units", "placebo_dates", "placebo"),
    "peers": ("peer_distance", "love_plot"),
    "checks": ("residuals",),
    "power": ("power",),
}
#: What a kind of figure shows; others say it by their name.
CAPTIONS = {
    MAIN_FIGURE: "Every observation, the fitted lines, and what the earlier trend would have given",
    "small_multiples": "All units on one scale",
    "treated_and_peers": "The unit and its peers",
    "cumulative_effect": "The difference from what the earlier trend would have given, added up",
    "forest": "Estimates of all units, and of all together",
    "placebo": "The unit among units that had no intervention",
    "placebo_units": "The unit among units that had no intervention",
    "placebo_dates": "The start among dates at which nothing happened",
    "peer_distance": "How near the peers are",
    "love_plot": "How far the unit is from its peers and from all others, characteristic by characteristic",
    "residuals": "What the fit leaves over",
    "specification_curve": "The estimate under every choice tried",
    "power": "The smallest change that would be found four times in five",
}


def caption(source: ReportSource, figure: StoredFigure) -> str:
    """Return the words under a figure: what it shows, of what, compared with what."""
    what = CAPTIONS.get(figure.kind, figure.kind.replace("_", " ").strip().capitalize())
    of = [source.label(figure.outcome)] if figure.outcome else []
    of += [source.unit_name(figure.unit)] if figure.unit else []
    if figure.design:
        of.append(f"compared with {compared_with(figure.design)}")
    return f"{what}: {', '.join(of)}." if of else f"{what}."


def alternative(source: ReportSource, figure: StoredFigure) -> str:
    """Return what a figure shows for those who cannot see it, with the sentence that answers its question."""
    text = f"Chart. {caption(source, figure)}"
    summary = source.rows("summary", figure.outcome, figure.unit)
    about = source.about(figure.outcome)
    own = summary[summary["design"] == figure.design]
    return " ".join([text, *(headline(row, about) for _, row in records(own))])


def picture(source: ReportSource, figure: StoredFigure) -> Picture:
    """Return a figure as a block."""
    return Picture(
        anchor("figure", figure.stem), figure, alternative(source, figure), caption(source, figure)
    )


def pictures(source: ReportSource, section: str, outcome: str, unit: str = "") -> list[Block]:
    """Return the figures of a section about an outcome as a whole, or about one of its units."""
    found: list[Block] = []
    for kind in PLACES[section]:
        found += [picture(source, figure) for figure in source.figures_of(kind, outcome, unit)]
    return found


def other_pictures(source: ReportSource) -> list[Block]:
    """Return the figures that no section asks for: nothing that was drawn is lost."""
    placed = {kind for kinds in PLACES.values() for kind in kinds}
    known = {*source.outcomes, ""}
    return [
        picture(source, figure)
        for figure in source.figures
        if figure.kind not in placed or figure.outcome not in known
    ]


def main_figures(source: ReportSource, outcome: str, unit: str) -> list[Block]:
    """Return the figure that answers best in the open, and the other views of a unit to be opened."""
    drawn = pictures(source, "units", outcome, unit)
    open_ = [block for block in drawn if isinstance(block, Picture) and block.figure.kind == MAIN_FIGURE]
    controlled = [block for block in open_ if block.figure.design != "single"]
    shown = (controlled or open_ or drawn)[:1]
    rest = [block for block in drawn if block not in shown]
    if not rest:
        return shown
    only_single = all(isinstance(block, Picture) and block.figure.design == "single" for block in rest)
    title = f"The same unit compared with {compared_with('single')}, without {PEERS}"
    return [*shown, Folded(title if only_single else "Other views of the same unit", rest)]
