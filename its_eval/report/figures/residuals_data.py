"""The numbers of the residual diagnostics: four views of the innovations of one fit."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from its_eval.data.periods import parse_period, period_start
from its_eval.report.figures.main_its_data import series_of, start_index

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.evaluation import Evaluation

    Values = NDArray[np.float64]

TIME, LAGS, NORMAL, SPREAD = "time", "lags", "normal", "spread"
BEFORE, AFTER = "before", "after"
#: 97.5th percentile of the normal distribution.
_Z = NormalDist().inv_cdf(0.975)


def residuals_data(evaluation: Evaluation, outcome: str, unit: str, design: str) -> pd.DataFrame:
    """Return four views of the innovations of a fit in one table.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome, unit, design : str
        Which series of it.

    Returns
    -------
    DataFrame
        ``panel``, ``label``, ``x``, ``y``, ``limit``. Panel ``time``: an innovation ``y`` per period
        (``label``; ``x`` counts periods). ``lags``: autocorrelation ``y`` at lag ``x``, with the ``limit``
        of white noise. ``normal``: ordered innovations ``y`` against the normal quantile ``x``.
        ``spread``: innovations ``y`` by segment (``label``), with their standard deviation as ``limit``.

    Raises
    ------
    KeyError
        When the tables have no innovations of this series.

    Notes
    -----
    Autocorrelations divide the sum of products of innovations a lag apart, as far as both are there, by
    the sum of all squares; lags go up to min(24, n/5). Limits are ±1.96/√n (Box & Jenkins), which is rough:
    innovations of a fit with many terms stay within them less often. Normal quantiles are at
    (i − 3/8)/(n + 1/4) (Blom 1958).
    """
    rows = evaluation.rows_of("residuals", outcome, unit)
    rows = rows[rows["design"] == design].dropna(subset=["innovation"])
    if rows.empty:
        raise KeyError(f"the table `residuals` has no rows of {outcome}, {unit}, {design}")
    frequency = str(evaluation.outcomes[outcome]["frequency"])
    rows = rows.sort_values("period", kind="stable")
    ordinals = np.array([parse_period(str(period), frequency) for period in rows["period"]])
    values = rows["innovation"].to_numpy(dtype=np.float64)
    series = series_of(evaluation, outcome, unit, design)
    start = parse_period(str(series["period"].iloc[start_index(series)]), frequency)
    days = [period_start(int(ordinal), frequency).isoformat() for ordinal in ordinals]
    parts = [
        _part(TIME, days, (ordinals - ordinals[0]).astype(np.float64), values),
        _lags(ordinals, values),
        _quantiles(values),
    ]
    for name, chosen in ((BEFORE, ordinals < start), (AFTER, ordinals >= start)):
        part = values[chosen]
        deviation = float(part.std(ddof=1)) if part.size > 1 else np.nan
        parts.append(_part(SPREAD, [name] * len(part), np.arange(len(part), dtype=np.float64), part))
        parts[-1]["limit"] = deviation
    return pd.concat([part for part in parts if not part.empty], ignore_index=True)


def _part(panel: str, labels: list[str], x: Values, y: Values) -> pd.DataFrame:
    return pd.DataFrame({"panel": panel, "label": labels, "x": x, "y": y, "limit": np.nan})


def _lags(ordinals: NDArray[np.int_], values: Values) -> pd.DataFrame:
    grid = np.full(int(ordinals[-1] - ordinals[0]) + 1, np.nan)
    grid[ordinals - ordinals[0]] = values - values.mean()
    squares = np.nansum(grid**2)
    longest = max(min(24, len(values) // 5), 1)
    lags = np.arange(1, min(longest, len(grid) - 1) + 1)
    scale = squares if squares > 0 else np.nan
    found = np.array([np.nansum(grid[lag:] * grid[:-lag]) / scale for lag in lags])
    part = _part(LAGS, [""] * len(lags), lags.astype(np.float64), found)
    part["limit"] = _Z / np.sqrt(len(values))
    return part


def _quantiles(values: Values) -> pd.DataFrame:
    n = len(values)
    normal = NormalDist()
    quantiles = np.array([normal.inv_cdf((i - 0.375) / (n + 0.25)) for i in range(1, n + 1)])
    return _part(NORMAL, [""] * n, quantiles, np.sort(values))
