"""From coded rows of one indicator to a panel, without a text or a data frame in between where possible."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from its_eval.data.load import IndicatorRows
from its_eval.data.panel import Panel, build_panel, outcome_values
from its_eval.data.periods import format_period

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from its_eval.config import Outcome
    from its_eval.data.dataset import CodedRows, IndicatorArrays


def coded_window(
    rows: IndicatorArrays,
    treated: NDArray[np.bool_],
    bounds: tuple[int | None, int | None],
    frequency: str,
) -> tuple[int, int]:
    """Return first and last ordinal: those of the config, else the span of the treated units' rows.

    Parameters
    ----------
    rows : IndicatorArrays
        With a row of a treated unit at least.
    treated : ndarray of bool
        By code of a unit.
    bounds : tuple of int or None
        What the config says.
    frequency : str
        Of the ordinals.

    Raises
    ------
    ValueError
        When no such row lies within the bounds.
    """
    periods = rows.period[treated[rows.unit]]
    span = int(periods.min()), int(periods.max())
    first = span[0] if bounds[0] is None else bounds[0]
    last = span[1] if bounds[1] is None else bounds[1]
    if first > last:
        shown = [format_period(ordinal, frequency) for ordinal in span]
        raise ValueError(
            f"the treated units have data from {shown[0]} to {shown[1]}, outside its start and end"
        )
    return first, last


def coded_panel(
    coded: CodedRows, outcome: Outcome, span: tuple[int, int], min_denominator: float | None, frequency: str
) -> Panel:
    """Lay one indicator out on a regular calendar, as ``build_panel`` does from rows with texts."""
    rows = coded.by_indicator[outcome.indicator]
    if rows.numerator is not None or rows.denominator is not None or rows.value is None:
        found = IndicatorRows(_frame(rows).assign(indicator=outcome.indicator), (), frequency)
        panel = build_panel(found, outcome, span, min_denominator)
        # codes stood for the units, and sort in the same way
        return replace(panel, units=tuple(coded.units[int(code)] for code in panel.units))
    start, end = span
    inside = (rows.period >= start) & (rows.period <= end)
    unit, period, value = rows.unit[inside], rows.period[inside], rows.value[inside]
    present = np.bincount(unit, minlength=len(coded.units)) > 0
    shape = (end - start + 1, int(present.sum()))
    values, nothing = np.full(shape, np.nan), np.full(shape, np.nan)
    values[period - start, (np.cumsum(present) - 1)[unit]] = value
    counts = values.copy() if outcome.kind == "count" else nothing
    units = tuple(coded.units[code] for code in np.flatnonzero(present))
    small = np.zeros(shape, dtype=bool)
    return Panel(outcome.name, frequency, start, units, values, nothing, counts, small)


def coded_values(rows: IndicatorArrays, outcome: Outcome, frequency: str) -> NDArray[np.float64]:
    """Return the value of each row, rebuilt from numerator and denominator where it is blank."""
    if rows.value is not None and rows.numerator is None:
        return rows.value
    return outcome_values(IndicatorRows(_frame(rows), (), frequency), outcome)


def _frame(rows: IndicatorArrays) -> pd.DataFrame:
    """Return the rows as the frame that panels are built of; codes stand for the units."""
    import pandas as pd  # noqa: PLC0415

    nothing = np.full(len(rows.unit), np.nan)
    names = ("value", "numerator", "denominator")
    numbers = {name: getattr(rows, name) for name in names}
    filled = {name: nothing if array is None else array for name, array in numbers.items()}
    return pd.DataFrame({"unit": rows.unit, "period": rows.period, **filled})
