"""The tables of XmR charts: a row per point, and a row per series."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from its_eval.data.periods import format_period, period_start
from its_eval.spc.caveats import LEFT_BASELINE, caveats, independence
from its_eval.spc.independence import limit_share
from its_eval.spc.limits import moving_ranges
from its_eval.spc.phases import ChartSettings, phases_of
from its_eval.spc.rules import deciding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from its_eval.spc.limits import Limits
    from its_eval.spc.phases import Better, Phase

    Values = NDArray[np.float64]

POINT_COLUMNS = [
    *("indicator", "unit", "period", "date", "value", "moving_range", "phase", "in_baseline"),
    *("mean", "lower_limit", "upper_limit", "near_lower_limit", "near_upper_limit", "mean_range"),
    *("range_upper_limit", "target", "outside", "trend", "two_of_three", "shift", "range_outside"),
    *("rules", "variation"),
]
SUMMARY_COLUMNS = [
    *("indicator", "unit", "n", "n_missing", "n_gaps", "first", "last", "last_value", "better"),
    *("n_baseline", "mean", "lower_limit", "upper_limit", "mean_range", "n_special", "variation", "rules"),
    *("target", "assurance", "autocorrelation", "autocorrelation_p", "season_p", "limit_share"),
    *("status", "message"),
]


def spc_tables(
    frame: pd.DataFrame, settings: ChartSettings, n_missing: dict[tuple[str, str], int] | None = None
) -> dict[str, pd.DataFrame]:
    """Return points with their limits and rules, and a summary of every series.

    Parameters
    ----------
    frame : DataFrame
        Columns indicator, unit, period (ordinal), value, target; sorted, none missing.
    settings : ChartSettings
        How charts are made.
    n_missing : dict, optional
        Rows without a value, by indicator and unit.

    Returns
    -------
    dict of str to DataFrame
        ``points`` and ``summary``. `variation` is improvement, concern or common cause (high or low special
        cause where no direction is better); that of a series is that of its last point. `assurance` says
        where the target lies: consistently met, consistently missed, or hit and miss when it is within the
        limits.
    """
    points: list[dict[str, object]] = []
    summary: list[dict[str, object]] = []
    for (indicator, unit), rows in frame.groupby(["indicator", "unit"], sort=True):
        key = (str(indicator), str(unit))
        values = rows["value"].to_numpy(dtype=np.float64)
        periods = rows["period"].to_numpy(dtype=np.int64)
        targets = rows["target"].to_numpy(dtype=np.float64)
        phases = phases_of(values, periods, settings)
        own = _point_rows(key, values, periods, targets, phases, settings)
        points += own
        summary.append(
            _summary_row(key, values, periods, phases, own, settings)
            | {"n_missing": (n_missing or {}).get(key, 0)}
        )
    return {
        "points": pd.DataFrame(points, columns=POINT_COLUMNS),
        "summary": pd.DataFrame(summary, columns=SUMMARY_COLUMNS),
    }


def _point_rows(
    key: tuple[str, str],
    values: Values,
    periods: NDArray[np.int64],
    targets: Values,
    phases: Sequence[Phase],
    settings: ChartSettings,
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for number, phase in enumerate(phases, start=1):
        ranges = moving_ranges(values[phase.places])
        signs = deciding(phase.found)
        lines = phase.limits
        for place, (value, spread, period, target) in enumerate(
            zip(values[phase.places], ranges, periods[phase.places], targets[phase.places], strict=True)
        ):
            said = {rule: int(found[place]) for rule, found in phase.found.items()}
            rows.append(
                {
                    "indicator": key[0],
                    "unit": key[1],
                    "period": format_period(int(period), settings.frequency),
                    "date": period_start(int(period), settings.frequency).isoformat(),
                    "value": value,
                    "moving_range": spread,
                    "phase": number,
                    "in_baseline": bool(phase.baseline[place]),
                    "mean": lines.mean,
                    "lower_limit": lines.lower,
                    "upper_limit": lines.upper,
                    "near_lower_limit": lines.near_lower,
                    "near_upper_limit": lines.near_upper,
                    "mean_range": lines.mean_range,
                    "range_upper_limit": lines.range_upper,
                    "target": target,
                    **{rule.replace("-", "_"): bool(sign) for rule, sign in said.items()},
                    "range_outside": bool(spread > lines.range_upper),
                    "rules": ", ".join(rule for rule, sign in said.items() if sign),
                    "variation": variation(int(signs[place]), settings.better),
                }
            )
    return rows


def variation(sign: int, better: Better) -> str:
    """Return what a special cause means: improvement, concern, or only high or low.

    Examples
    --------
    >>> variation(-1, "lower"), variation(1, "neither"), variation(0, "higher")
    ('improvement', 'high', 'common cause')
    """
    if sign == 0:
        return "common cause"
    if better == "neither":
        return "high" if sign > 0 else "low"
    return "improvement" if (sign > 0) == (better == "higher") else "concern"


def assurance(target: float, limits: Limits, better: Better) -> str:
    """Return whether a process that goes on like this meets its target; blank when that cannot be said."""
    if math.isnan(target) or math.isnan(limits.lower) or better == "neither":
        return ""
    if limits.lower <= target <= limits.upper:
        return "hit and miss"
    return "consistently met" if (target < limits.lower) == (better == "higher") else "consistently missed"


def _summary_row(
    key: tuple[str, str],
    values: Values,
    periods: NDArray[np.int64],
    phases: Sequence[Phase],
    points: Sequence[dict[str, object]],
    settings: ChartSettings,
) -> dict[str, object]:
    last, lines = points[-1], phases[-1].limits
    r, r_p, season = independence(values, periods, phases, settings.frequency)
    complaints = caveats(r, r_p, season, phases)
    target = float(str(last["target"]))
    assured = assurance(target, lines, settings.better)
    if assured and not last["in_baseline"] and last["rules"]:
        complaints.append(LEFT_BASELINE)
    return {
        "indicator": key[0],
        "unit": key[1],
        "n": len(values),
        "n_gaps": int((np.diff(periods) > 1).sum()),
        "first": points[0]["period"],
        "last": last["period"],
        "last_value": last["value"],
        "better": settings.better,
        "n_baseline": lines.n,
        "mean": lines.mean,
        "lower_limit": lines.lower,
        "upper_limit": lines.upper,
        "mean_range": lines.mean_range,
        "n_special": sum(bool(point["rules"]) for point in points),
        "variation": last["variation"],
        "rules": last["rules"],
        "target": target,
        "assurance": assured,
        "autocorrelation": r,
        "autocorrelation_p": r_p,
        "season_p": season,
        "limit_share": limit_share(r),
        "status": "attention" if complaints else "pass",
        "message": " ".join(complaints),
    }
