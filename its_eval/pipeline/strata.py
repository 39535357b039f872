"""The data of an outcome: its own rows, or for a gap what lies between two strata of each unit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from its_eval.config.stratified import least_denominator, strata_of_gap
from its_eval.data.panel import Panel, build_panel, outcome_values, require_filled, window
from its_eval.data.periods import format_period
from its_eval.design.transform import to_link

if TYPE_CHECKING:
    from its_eval.config import Outcome
    from its_eval.data.load import IndicatorRows


def outcome_window(
    rows: IndicatorRows, outcome: Outcome, treated: tuple[str, ...], bounds: tuple[int | None, int | None]
) -> tuple[int, int]:
    """Return first and last ordinal of an outcome; of a gap where both of its strata have data.

    Raises
    ------
    ValueError
        As `window` and `require_filled` of its_eval.data.panel, and when the strata have no period in common.
    """
    spans = [window(rows, part, treated, bounds) for part in strata_of_gap(outcome) or (outcome,)]
    first, last = max(span[0] for span in spans), min(span[1] for span in spans)
    if first > last:
        shown = [" to ".join(format_period(end, rows.frequency) for end in span) for span in spans]
        raise ValueError(f"its strata have no period in common: {' and '.join(shown)}")
    for part in strata_of_gap(outcome) or (outcome,):
        frame = rows.frame[rows.frame["indicator"].eq(part.indicator).to_numpy()]
        known = ~np.isnan(outcome_values(replace(rows, frame=frame), part))
        require_filled(frame.loc[known, "period"].to_numpy(dtype=np.int64), (first, last), rows.frequency)
    return first, last


def outcome_panel(
    rows: IndicatorRows, outcome: Outcome, span: tuple[int, int], min_denominator: float | None
) -> Panel:
    """Return the panel of an outcome; `min_denominator` is that of all data, and strata have one besides."""
    parts = [
        build_panel(rows, part, span, least_denominator(part, min_denominator))
        for part in strata_of_gap(outcome)
    ]
    if parts:
        return gap_panel(outcome, parts[0], parts[1])
    return build_panel(rows, outcome, span, least_denominator(outcome, min_denominator))


def gap_panel(outcome: Outcome, first: Panel, second: Panel) -> Panel:
    """Return the gap between two strata, the first minus the second on the scale of the fit.

    Parameters
    ----------
    outcome : Outcome
        The gap.
    first, second : Panel
        Panels of its strata on one window.

    Returns
    -------
    Panel
        For the units that have both strata. A difference where the strata are modelled as they are, in their
        unit; a ratio where they are modelled by logarithms (of values, or of odds), so that its logarithm is
        the difference on that scale. It has no denominators: its sampling variance is the sum of those of its
        `parts`. A value is suppressed where either stratum's is.
    """
    units = tuple(unit for unit in first.units if unit in second.units)
    columns = [[panel.column(unit) for unit in units] for panel in (first, second)]
    one, other = (_only(panel, units, own) for panel, own in zip((first, second), columns, strict=True))
    transform = strata_of_gap(outcome)[0].transform
    linked = [to_link(panel.values, transform, panel.denominators) for panel in (one, other)]
    difference = linked[0] - linked[1]
    nothing = np.full(difference.shape, np.nan)
    return Panel(
        outcome.name,
        first.frequency,
        first.start,
        units,
        difference if transform == "none" else np.exp(difference),
        nothing,
        nothing,
        one.small_denominator | other.small_denominator,
        (one, other),
    )


def _only(panel: Panel, units: tuple[str, ...], columns: list[int]) -> Panel:
    return replace(
        panel,
        units=units,
        values=panel.values[:, columns],
        denominators=panel.denominators[:, columns],
        counts=panel.counts[:, columns],
        small_denominator=panel.small_denominator[:, columns],
    )
