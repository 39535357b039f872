"""The tables of XmR charts, and why the limits of a series should not be trusted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from its_eval.improvement.xmr import FEWEST_POINTS, ChartSettings, deciding, moving_ranges, phases_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from its_eval.calendar import Calendar
    from its_eval.improvement.xmr import Better, ControlLimits, Phase

    Values = NDArray[np.float64]


#: Fewer points say nothing about their independence.
FEWEST_FOR_INDEPENDENCE = 12


def autocorrelation(values: Values) -> tuple[float, float]:
    """Return the lag-one autocorrelation of a series and its p-value.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Distances from the centre line, in order of time, none missing.

    Returns
    -------
    tuple of float
        r = Σ x_t x_{t+1} / Σ x_t² about the mean, and the two-sided p-value of "the order means nothing";
        NaN for fewer than 12 points or a series that does not vary.

    Notes
    -----
    Under any order r has mean −1/n, and for normal points variance (n − 2)² / (n² (n − 1)) (Moran 1948,
    *Biometrika* 35:255); the p-value is the normal approximation.
    """
    from scipy import special  # noqa: PLC0415  (start-up time)

    n = len(values)
    centred = values - values.mean() if n else values
    total = float(centred @ centred)
    if n < FEWEST_FOR_INDEPENDENCE or total <= 0.0:
        return math.nan, math.nan
    r = float(centred[:-1] @ centred[1:]) / total
    z = (r + 1.0 / n) / ((n - 2.0) / (n * math.sqrt(n - 1.0)))
    return r, 2.0 * float(special.ndtr(-abs(z)))


def season_p(values: Values, places: NDArray[np.int64], per_year: int) -> float:
    """Return the p-value of "the place within the year means nothing".

    Parameters
    ----------
    values : ndarray, shape (n,)
        Distances from the centre line, in order of time.
    places : ndarray of int, shape (n,)
        Place of each within its year.
    per_year : int
        Places that a year has.

    Notes
    -----
    Kruskal–Wallis test on what is left after a straight line, as for stable season in X-12 (Lothian & Morry
    1978). NaN for yearly data, for less than two years, or where some place was seen only once.
    """
    from scipy import stats  # noqa: PLC0415  (start-up time)

    if per_year < 2 or len(values) < 2 * per_year:
        return math.nan
    groups = [np.flatnonzero(places == place) for place in np.unique(places)]
    if min(len(group) for group in groups) < 2:
        return math.nan
    order = np.arange(len(values), dtype=np.float64)
    left = values - np.polyval(np.polyfit(order, values, 1), order)
    if not np.ptp(left) > 1e-9 * max(float(np.abs(values).max()), 1e-300):
        return math.nan
    return float(stats.kruskal(*(left[group] for group in groups)).pvalue)


def limit_share(r: float) -> float:
    """Return how far XmR limits of an autocorrelated series reach, as a share of three standard deviations.

    For a stationary normal series the mean moving range is 2σ√((1 − ρ)/π), so limits made of it lie at
    √(1 − ρ) of the distance at which they would lie for independent points.

    Examples
    --------
    >>> round(limit_share(0.75), 2)
    0.5
    """
    return math.sqrt(max(1.0 - r, 0.0))


#: Autocorrelation or season counts as found below this p-value.
ALPHA = 0.05
#: Said where a target is judged by limits that no longer describe the process.
LEFT_BASELINE = (
    "The target is judged by the limits of the baseline, which the latest points have left; "
    "--recalculate gives later points limits of their own."
)


def independence(
    values: Values, periods: NDArray[np.int64], phases: Sequence[Phase], calendar: Calendar
) -> tuple[float, float, float]:
    """Return autocorrelation, its p-value and that of the season.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Points in order of time.
    periods : ndarray of int, shape (n,)
        Their ordinals.
    phases : sequence of Phase
        Their stretches.
    calendar : Calendar
        What ordinals count.

    Notes
    -----
    The autocorrelation is that of the points which make the limits: a change after the baseline is what the
    chart is to show, and no fault of it. The season is sought in all points, less the mean of their part.
    """
    parts = []
    for phase in phases:
        own = values[phase.places]
        parts += [own[chosen] for chosen in (phase.baseline, ~phase.baseline) if chosen.any()]
    left = np.concatenate([part - part.mean() for part in parts])
    baseline = np.concatenate([phase.baseline for phase in phases])
    r, r_p = autocorrelation(left[baseline])
    places = np.array([calendar.season_position(int(period)) for period in periods])
    return r, r_p, season_p(left, places, calendar.per_year)


def caveats(r: float, r_p: float, season: float, phases: Sequence[Phase]) -> list[str]:
    """Return why the limits of a series should not be trusted, a sentence each.

    Parameters
    ----------
    r, r_p, season : float
        As ``independence`` returns them.
    phases : sequence of Phase
        Stretches of the series.
    """
    sentences = []
    if r_p < ALPHA and r > 0:
        sentences.append(
            f"Neighbouring points resemble each other (r = {r:.2f}), by nature or because the level moved: "
            f"the limits reach about {100 * limit_share(r):.0f} % as far as they should, and rules fire "
            "without a cause; use its-eval run."
        )
    elif r_p < ALPHA:
        sentences.append(
            f"Neighbouring points alternate (r = \N{MINUS SIGN}{-r:.2f}): the limits reach too far, and "
            "causes are missed; use its-eval run."
        )
    if season < ALPHA:
        sentences.append(
            f"There is a season (p = {season:.2g}): a chart takes the usual winter or summer for a special "
            "cause; use its-eval run with seasonality."
        )
    shortest = min(phase.limits.n for phase in phases)
    if shortest < 2:
        sentences.append("There are no limits: the baseline has fewer than two points.")
    elif shortest < FEWEST_POINTS:
        sentences.append(
            f"Limits from {shortest} points are provisional; they settle from {FEWEST_POINTS} points on."
        )
    return sentences


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
            said = {rule: int(signs_of_rule[place]) for rule, signs_of_rule in phase.found.items()}
            rows.append(
                {
                    "indicator": key[0],
                    "unit": key[1],
                    "period": settings.calendar.format(int(period)),
                    "date": settings.calendar.first_day(int(period)).isoformat(),
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


def assurance(target: float, limits: ControlLimits, better: Better) -> str:
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
    r, r_p, season = independence(values, periods, phases, settings.calendar)
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
