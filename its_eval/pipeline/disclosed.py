"""What a run with protected counts may say of the true ones: answers, rounded.

Every table, figure and sentence comes from an evaluation of protected counts, so that nothing in it says
more than these do. Of the evaluation of the true counts only the columns `_ROUNDED`, `_BANDED` and `_TEXTS`
of the primary estimator's answers are taken. An estimate is, or is close to, a weighted sum of a series,
whose weights are at most its standard error over the standard deviation of the noise. A count that is
hidden within a width w (in units of the outcome) therefore moves it by at most w / noise standard errors:
so much is the step to which it is rounded, its interval outwards. Two runs that differ by one period then
differ by a step at most. Where a step would be more than a standard error the answer is that of the
protected counts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from its_eval.columns import THE_SET, make_table
from its_eval.comparisons.base import comparison_of
from its_eval.data.disclosure import Protection
from its_eval.data.panel import factor_of
from its_eval.pipeline.planning import on_rows
from its_eval.pipeline.specifications import COUNTS_NOT_SHOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from its_eval.config import Config
    from its_eval.evaluation import Evaluation
    from its_eval.pipeline.plan import OutcomePlan, Plan
    from its_eval.pipeline.sources import Disclosed

#: Taken from the true counts: numbers in units of the estimate, and which way they are rounded.
_ROUNDED: Mapping[str, Callable[[float], float]] = {
    "estimate": np.round,
    "conf_low": np.floor,
    "conf_high": np.ceil,
    "attribution_low": np.floor,
    "attribution_high": np.ceil,
}
#: p-values, taken from the true counts and given as the next of these.
_BANDED = (
    "p_value",
    "p_adjusted",
    "p_attribution",
    "p_attribution_adjusted",
    "p_rank",
    "set_p",
    "set_p_placebo",
)
BANDS = (0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0)
#: What is concluded from the true counts.
_TEXTS = ("label", "direction")
#: What a row is about, of the tables with answers.
_KEYS = {
    "effects": ("outcome", "unit", "design", "estimator", "interruption", "estimand", "scale"),
    "verdicts": ("outcome", "unit", "design", "interruption", "question", "estimand", "scale"),
    "summary": ("outcome", "unit", "design", "estimand", "scale"),
}
#: Columns with what is shown of a value, by table.
_SHOWN = {
    "series": ("observed", "unit_value", "denominator"),
    "peer_series": ("value", "denominator"),
}
_FLAG = "protected_counts"
#: An interval of the normal distribution is so many standard errors to either side.
_HALF = 1.96


def disclosed(
    config: Config, behind: Disclosed, plan: Plan, evaluation: Evaluation, true: Evaluation | None
) -> Evaluation:
    """Return what is published.

    Parameters
    ----------
    config : Config
        With `data.disclosure`.
    behind : Disclosed
        The rows behind the protected ones.
    plan : Plan
        Of the protected counts.
    evaluation, true : Evaluation, Evaluation or None
        Of the protected counts, and of the true ones, where estimates come from these.
    """
    settings = config.data.disclosure
    assert settings is not None  # noqa: S101  (nothing is protected without)
    protection = Protection.of(settings)
    hidden = {item.outcome.name: on_rows(config, behind.missing, item) for item in plan.outcomes}
    tables = dict(evaluation.tables)
    for name, columns in _SHOWN.items():
        tables[name] = _without_hidden(tables[name], columns, hidden)
    steps = {} if true is None else dict(_steps(protection, plan, evaluation))
    coarse = {key for key, step in steps.items() if not step <= 1.0}
    for name in _KEYS:
        tables[name] = _answers(name, tables[name], None if true is None else true.tables[name], steps)
    first, last = settings.suppress
    said = (
        f"Counts from {first} to {last} are not shown and all others are rounded to {settings.round}, by "
        "data.disclosure; tables, figures and checks are made of these counts."
    )
    notes = [said]
    if true is None:
        notes.append("So are all estimates and intervals, which are not those of the true counts.")
        notes += _as_taken(evaluation.tables["sensitivity"], settings.suppress)
    else:
        bands = ", ".join(f"{band:g}" for band in BANDS)
        notes.append(
            "Estimates come from the true counts and are rounded to what a hidden count could have "
            f"moved, their intervals outwards; a p-value is the next above it of {bands}."
        )
    if coarse:
        names = ", ".join(sorted({f"{outcome}, {unit} ({design})" for outcome, unit, design in coarse}))
        notes.append(
            f"{names}: one hidden count could move the estimate by more than its standard error, "
            "so the estimate is that of the protected counts."
        )
    return replace(evaluation, tables=tables, notes=(*evaluation.notes, *notes))


def _as_taken(sensitivity: pd.DataFrame, suppressed: tuple[int, int]) -> list[str]:
    """Return how far the intervals reach when the counts that are not shown are taken as either end."""
    own = sensitivity[sensitivity["dimension"].isin(["primary", COUNTS_NOT_SHOWN])]
    if not own["dimension"].eq(COUNTS_NOT_SHOWN).any():
        return []
    reach = own.groupby(["outcome", "unit", "design", "estimand"]).agg(
        {"conf_low": "min", "conf_high": "max"}
    )
    told = [
        f"{outcome}, {unit} ({design}, {estimand}): {low:.3g} to {high:.3g}"
        for (outcome, unit, design, estimand), low, high in reach.itertuples()
    ]
    first, last = suppressed
    said = (
        "Without the counts that are not shown small values are missing. Whether these are left out or all "
    )
    return [f"{said}{first} or all {last}, the intervals lie within: {'; '.join(told)}."]


def _without_hidden(
    series: pd.DataFrame, columns: Sequence[str], hidden: Mapping[str, OutcomePlan]
) -> pd.DataFrame:
    """Return the table without values whose counts are not shown; what stood in for them is nobody's."""
    shown = series.copy()
    for outcome, plan in hidden.items():
        panel = plan.panel
        places = {period: place for place, period in enumerate(panel.periods)}
        own = np.flatnonzero(
            shown["outcome"].eq(outcome).to_numpy() & shown["unit"].isin(panel.units).to_numpy()
        )
        at = shown["period"].iloc[own].map(places).to_numpy(dtype=int)
        units = panel.columns(shown["unit"].iloc[own].tolist())
        blank = own[np.isnan(panel.values[at, units])]
        shown.loc[shown.index[blank], list(columns)] = np.nan
    return shown


def _steps(
    protection: Protection, plan: Plan, evaluation: Evaluation
) -> Iterator[tuple[tuple[str, str, str], float]]:
    """Yield, by outcome, unit and design, how many standard errors a hidden count may move an estimate.

    All of it is computed from protected counts. A gap between strata has no counts of its own: its step
    is NaN.
    """
    plans = {item.outcome.name: item for item in plan.outcomes}
    series = evaluation.tables["series"]
    groups = series[series["used"]].groupby(["outcome", "unit", "design"], sort=True)
    largest: dict[tuple[str, str], float] = {}
    for (outcome, unit, design), rows in groups:
        item = plans[str(outcome)]
        widths = _widths(protection, item)
        width = widths[item.panel.column(str(unit))]
        comparison = comparison_of(str(design))
        if comparison.is_controlled:
            peers = comparison.peers(item, str(unit))
            # with weights of their own a single peer may stand for all
            share = len(peers) if comparison.subtracts else 1
            width += float(np.max(widths[item.panel.columns(peers)])) / share
        # drifting errors tell more of one period than their own spread says
        left = (rows["observed"] - rows["fitted"]).to_numpy(dtype=np.float64)
        moves = np.diff(left[~np.isnan(left)])
        noise = float(np.sqrt(np.mean(moves**2) / 2.0)) if moves.size else np.nan
        step = width / noise if noise > 0 else np.nan
        yield (str(outcome), str(unit), str(design)), step
        key = (str(outcome), str(design))
        largest[key] = float(np.maximum(largest.get(key, 0.0), step))
    for (outcome, design), step in largest.items():
        yield (outcome, THE_SET, design), step


def _widths(protection: Protection, plan: OutcomePlan) -> NDArray[np.float64]:
    """Return by how much the most hidden value of each unit may be off, in units of the outcome."""
    panel, outcome = plan.panel, plan.outcome
    if panel.parts:
        return np.full(len(panel.units), np.nan)
    sizes = panel.denominators
    if np.isnan(sizes).all():
        return np.full(len(panel.units), protection.width)
    with np.errstate(divide="ignore", invalid="ignore"):
        # the count and its denominator are off by one width each
        off = protection.width * (factor_of(outcome) + panel.values) / sizes
    return np.asarray(np.fmax.reduce(off, axis=0))


def _answers(
    name: str,
    protected: pd.DataFrame,
    true: pd.DataFrame | None,
    steps: Mapping[tuple[str, str, str], float],
) -> pd.DataFrame:
    """Return a table with answers from the true counts where these may be given."""
    keys = list(_KEYS[name])
    given: dict[tuple[Any, ...], Any] = {}
    if true is not None:
        own = true[true["role"].ne("sensitivity")] if "role" in true.columns else true
        places = own[keys].itertuples(index=False, name=None)
        given = dict(zip(places, own.to_dict("records"), strict=True))
    rows = protected.to_dict("records")
    for row in rows:
        answer = given.get(tuple(row[key] for key in keys))
        step = steps.get((row["outcome"], row["unit"], row["design"]), np.nan)
        error = (row["conf_high"] - row["conf_low"]) / (2.0 * _HALF)
        if answer is not None and step <= 1.0 and 0.0 < error < np.inf:
            row.update(_given(row, answer, _nice(step * error), step))
        elif "flags" in row:
            row["flags"] = "; ".join(filter(None, (row["flags"], _FLAG)))
    return make_table(name, [{str(key): value for key, value in row.items()} for row in rows])


def _given(row: Mapping[Any, Any], answer: Mapping[Any, Any], step: float, relative: float) -> dict[str, Any]:
    """Return what is given of an answer from the true counts."""
    found: dict[str, Any] = {}
    digits = max(0, -int(np.floor(np.log10(step))))
    for column, rounding in _ROUNDED.items():
        if column in row:
            # no negative zero
            found[column] = round(float(rounding(answer[column] / step)) * step, digits) + 0.0
    for column in _BANDED:
        if column in row:
            at = int(np.searchsorted(BANDS, answer[column])) if answer[column] <= 1.0 else None
            found[column] = np.nan if at is None else BANDS[at]
    if "statistic" in row:
        found["statistic"] = float(np.round(answer["statistic"] / _nice(relative)) * _nice(relative))
    found |= {column: answer[column] for column in (*_TEXTS, "n_as_large") if column in row}
    return found


def _nice(step: float) -> float:
    """Return the next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(step))
    return float(next(power * head for head in (1.0, 2.0, 5.0, 10.0) if power * head >= step * (1.0 - 1e-9)))
