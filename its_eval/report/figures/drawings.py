"""What draws each kind of figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from its_eval.report.figures.against_peers import draw_against_peers
from its_eval.report.figures.balance import draw_balance
from its_eval.report.figures.cumulative import draw_cumulative_effect
from its_eval.report.figures.forest import draw_forest
from its_eval.report.figures.main_its import draw_main_its
from its_eval.report.figures.peer_distances import draw_peer_distances
from its_eval.report.figures.placebo_dates import draw_placebo_dates
from its_eval.report.figures.placebo_units import draw_placebo_units
from its_eval.report.figures.power import draw_power_curve
from its_eval.report.figures.residuals import draw_residuals
from its_eval.report.figures.specification import draw_specification_curve
from its_eval.report.figures.strata_gap import draw_strata_gap
from its_eval.report.figures.units_grid import draw_small_multiples

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from matplotlib.figure import Figure

    from its_eval.report.figures.labels import FigureLabels
    from its_eval.report.figures.main_its_labels import MainItsLabels

#: Kinds with a fit in time, which share the words of the main figure.
IN_TIME: dict[str, Callable[[pd.DataFrame, MainItsLabels], Figure]] = {
    "main_its": draw_main_its,
    "strata_gap": draw_strata_gap,
}
#: All others.
DRAWINGS: dict[str, Callable[[pd.DataFrame, FigureLabels], Figure]] = {
    "small_multiples": draw_small_multiples,
    "against_peers": draw_against_peers,
    "cumulative_effect": draw_cumulative_effect,
    "peer_distances": draw_peer_distances,
    "balance": draw_balance,
    "placebo_units": draw_placebo_units,
    "placebo_dates": draw_placebo_dates,
    "specification_curve": draw_specification_curve,
    "forest": draw_forest,
    "residuals": draw_residuals,
    "power_curve": draw_power_curve,
}
