"""Placebo in space: every eligible donor in the place of a treated unit, and what that says of its change."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict, astuple, replace

from its_eval.checks.label_power import OwnTest, smallest_labelled
from its_eval.checks.placebo import placebo
from its_eval.checks.result import CheckResult
from its_eval.effects.attribution import (
    LABEL_DONORS,
    SHOWN_DONORS,
    Attribution,
    TermAttribution,
    attribution,
    donor_mean,
)
from its_eval.effects.estimands import linear_contrasts
from its_eval.effects.exchangeability import Percentiles, effective_donors, percentiles
from its_eval.estimators.fit import ContrastEstimates
from its_eval.pipeline.plan import Others
from its_eval.pipeline.primary import interruption_number, primary_columns

if TYPE_CHECKING:
    from its_eval.comparisons.base import Comparison
    from its_eval.pipeline.estimate import Estimates
    from its_eval.pipeline.plan import OutcomePlan, Target
    from its_eval.pipeline.primary import Analysis, PrimaryColumns, PrimaryEstimate
    from its_eval.pipeline.question import Asked


Row = dict[str, object]

#: The work of counting independent donors grows with the cube of their number.
MOST_COUNTED = 1000


class QuantityBeside(Struct, frozen=True):
    """One quantity of a treated unit beside those of the donors, on the scale of the fit.

    Attributes
    ----------
    low, high, p_value : float
        Interval and p-value that allow for how much donors change by themselves.
    tau, own_change, own_change_high : float
        How much they do.
    n_as_large : int or None
        Donors that changed as much.
    minimum_detectable : float
        The smallest change that would be labelled, with 80 % power.
    coincident_change : float
        The smallest other change at that time that would take the unit's own interval to no change.
    """

    low: float = math.nan
    high: float = math.nan
    p_value: float = math.nan
    tau: float = math.nan
    own_change: float = math.nan
    own_change_high: float = math.nan
    n_as_large: int | None = None
    minimum_detectable: float = math.nan
    coincident_change: float = math.nan


class Beside(Struct, frozen=True):
    """The answer of a treated unit beside the donors.

    Attributes
    ----------
    quantities : mapping of str to QuantityBeside
        By name, as those of the question.
    p_value : float
        Of the question; NaN with too few donors for an interval.
    p_rank : float
        Place among the donors and itself.
    least_p : float
        The smallest p-value that the rank can have.
    n_donors : int
        Donors J.
    compared : bool
        Whether they are enough to decide a label.
    statistic : float
        What is ranked.
    statistics, estimates : ndarray, shape (J,)
        The same of the donors, and their estimate of the answer; NaN unfitted.
    donors : tuple of str
        Who they are.
    flags : tuple of str
        Warnings.
    place : Percentiles or None
        Where the unit stood among the donors before the start.
    n_effective : float
        As many independent donors tell as much as these, who share others; NaN where that is not worked out.
    """

    quantities: Mapping[str, QuantityBeside]
    p_value: float
    p_rank: float
    least_p: float
    n_donors: int
    compared: bool
    statistic: float
    statistics: np.ndarray
    estimates: np.ndarray
    donors: tuple[str, ...]
    flags: tuple[str, ...] = ()
    place: Percentiles | None = None
    n_effective: float = math.nan


class DonorFits(Struct, frozen=True):
    """Donors in the place of treated units that share them, their peers and their start.

    Attributes
    ----------
    units : tuple of str
        The treated units.
    donors : tuple of str
        All donors, fitted or not.
    estimates : tuple of Estimates
        Their fits.
    """

    units: tuple[str, ...]
    donors: tuple[str, ...]
    estimates: tuple[Estimates, ...]


def donor_fits(
    plan: OutcomePlan,
    comparison: Comparison,
    analysis: Analysis,
    targets_of: Mapping[str, tuple[Target, ...]],
) -> list[DonorFits]:
    """Fit every donor as if it had been treated, once for treated units that ask for the same.

    Parameters
    ----------
    plan : OutcomePlan
        What was planned.
    comparison : Comparison
        Any; of one without peers the donors' own series are fitted.
    analysis : Analysis
        What is asked.
    targets_of : mapping of str to tuple of Target
        The donors of each treated unit, as `donors.targets_of_donors` gives them.
    """
    # treated units that ask for the same share one tuple
    asked: dict[object, tuple[tuple[Target, ...], list[str]]] = {}
    for unit, targets in targets_of.items():
        if targets:
            own = unit if comparison.takes_all_donors else ""
            asked.setdefault((id(targets), own), (targets, []))[1].append(unit)
    entries = comparison.entries(plan.outcome.estimators)[:1]
    found = []
    for targets, units in asked.values():
        chosen = targets
        if not comparison.is_controlled:
            chosen = tuple(replace(item, peers=()) for item in targets)
        elif comparison.takes_all_donors:
            # the treated unit is in the pools of its donors, as they are in its own
            pool = (*plan.donors.get(units[0], ()), units[0])
            chosen = tuple(replace(item, peers=Others(pool, item.unit)) for item in targets)
        estimates, _ = comparison.estimates(plan, analysis.ask, chosen, entries)
        donors = tuple(target.unit for target in chosen)
        found.append(DonorFits(tuple(units), donors, tuple(estimates)))
    return found


def beside_donors(
    analysis: Analysis,
    comparison: Comparison,
    asked: Asked,
    estimates: Sequence[Estimates],
    fits: Sequence[DonorFits],
    level: float,
    family_level: float,
) -> dict[str, Beside]:
    """Return by unit what the donors say of the change at one interruption.

    Parameters
    ----------
    analysis, comparison : Analysis, Comparison
        What is asked, of which comparison.
    asked : Asked
        The treated units' answers.
    estimates : sequence of Estimates
        Their fits.
    fits : sequence of DonorFits
        The donors.
    level, family_level : float
        Level of the intervals, and of a question as one of the family of the label.
    """
    found: dict[str, Beside] = {}
    own_scales = comparison.scales(estimates)
    own = {unit: asked.of(unit) for unit in asked.p_values}
    fitted = {unit: (item, place) for item in estimates for place, unit in enumerate(item.units)}
    for part in fits:
        units = [unit for unit in part.units if own.get(unit)]
        columns = {
            name: primary_columns(part.estimates, name, analysis.question, asked.key)
            for name in asked.quantities
        }
        if not units or not any(len(item) for item in columns.values()):
            continue
        scales = comparison.scales(part.estimates)
        if scales is not None and own_scales is not None:
            beside = dict(_by_scale(asked, own, units, part, columns, scales, own_scales))
        else:
            beside = dict(
                _attributed(
                    analysis, comparison, asked, own, fitted, units, part, columns, level, family_level
                )
            )
        n_effective = _independent(comparison, part)
        for unit, item in beside.items():
            place = place_before(estimates[0].sheet.plan, unit, part.donors)
            flags = (*item.flags, "unlike_donors") if place.unusual else item.flags
            found[unit] = replace(item, flags=flags, place=place, n_effective=n_effective)
    return found


def place_before(plan: OutcomePlan, unit: str, donors: Sequence[str]) -> Percentiles:
    """Return where a unit's own values stood among those of its donors before its start."""
    interruptions = plan.interruptions[unit]
    before = plan.usable(interruptions) & (np.arange(plan.panel.n_periods) < interruptions[0].start)
    values = plan.scaled[before]
    return percentiles(values[:, plan.panel.column(unit)], values[:, plan.panel.columns(donors)])


def _independent(comparison: Comparison, part: DonorFits) -> float:
    """Return how many independent donors tell as much; NaN without peers, and for more than are counted."""
    if not comparison.is_controlled or len(part.donors) > MOST_COUNTED:
        return math.nan
    rows = [
        {sheet.targets[column].unit: 1.0}
        | {other: -share for other, share in comparison.shares(sheet, column).items()}
        for sheet, columns in ((item.sheet, item.columns.tolist()) for item in part.estimates)
        for column in columns
    ]
    places = {code: place for place, code in enumerate(dict.fromkeys(code for row in rows for code in row))}
    weights = np.zeros((len(rows), len(places)))
    for number, row in enumerate(rows):
        weights[number, [places[code] for code in row]] = list(row.values())
    return effective_donors(weights)


def numbers_of(columns: PrimaryColumns, units: Sequence[str]) -> np.ndarray:
    """Return estimate, standard error and degrees of freedom of units, shape (3, U); NaN without."""
    places = {target.unit: place for place, target in enumerate(columns.targets)}
    chosen = np.array([places.get(unit, -1) for unit in units], dtype=np.intp)
    every = np.array([columns.estimate, columns.std_error, columns.df])
    every = np.where(columns.stuck, np.nan, every)
    return np.concatenate([every, np.full((3, 1), np.nan)], axis=1)[:, chosen]


def contrasts_of(parts: Sequence[np.ndarray]) -> ContrastEstimates:
    """Return terms, each as `numbers_of` returns them, beside each other."""
    estimate, std_error, df = np.stack(parts, axis=2)
    return ContrastEstimates(estimate, std_error, df, df)


def _attributed(
    analysis: Analysis,
    comparison: Comparison,
    asked: Asked,
    own: Mapping[str, Mapping[str, PrimaryEstimate]],
    fitted: Mapping[str, tuple[Estimates, int]],
    units: Sequence[str],
    part: DonorFits,
    columns: Mapping[str, PrimaryColumns],
    level: float,
    family_level: float,
) -> Iterator[tuple[str, Beside]]:
    """Yield the units with their attribution intervals, by question and by quantity."""
    others = {name: numbers_of(item, part.donors) for name, item in columns.items()}
    treated = {name: numbers_of(asked.quantities[name], units) for name in asked.quantities}

    def of(*names: str) -> tuple[Attribution, ...]:
        units_here, donors_here = (
            contrasts_of([numbers[name] for name in names]) for numbers in (treated, others)
        )
        return attribution(
            units_here, donors_here, centred=comparison.subtracts, alpha=analysis.alpha, level=1.0 - level
        )

    together = of(*asked.terms)
    alone = {name: of(name) for name in asked.quantities if name not in asked.terms}
    first = next(iter(asked.quantities))
    mean = None
    if comparison.subtracts and together[0].n_donors >= SHOWN_DONORS:
        mean = donor_mean(contrasts_of([others[asked.terms[0]]]))
    for place, unit in enumerate(units):
        whole = together[place]
        if not whole.terms:
            continue
        by_term = dict(zip(asked.terms, whole.terms, strict=True))
        by_term |= {name: items[place].terms[0] for name, items in alone.items() if items[place].terms}
        shown = whole.use != "too_few"
        smallest = {}
        if whole.use == "label":
            smallest = _smallest(asked, own[unit], fitted.get(unit), whole, family_level)
        flags = ["rank_differs"] if whole.rank_differs and shown else []
        if mean is not None and mean.deviates:
            flags.append("donors_moved")
        if whole.use != "label":
            flags.append("few_donors")
        quantities = {
            name: _quantity(by_term[name], smallest.get(name, math.nan), shown=shown)
            for name in asked.quantities
            if name in by_term
        }
        yield (
            unit,
            Beside(
                quantities,
                whole.p_value if shown else math.nan,
                whole.rank_p_value,
                1.0 / (whole.n_donors + whole.n_unfitted + 1),
                whole.n_donors + whole.n_unfitted,
                whole.use == "label",
                own[unit][first].statistic,
                others[first][0] / others[first][1],
                others[first][0],
                part.donors,
                tuple(flags),
            ),
        )


def _smallest(
    asked: Asked,
    own: Mapping[str, PrimaryEstimate],
    fitted: tuple[Estimates, int] | None,
    whole: Attribution,
    alpha: float,
) -> dict[str, float]:
    """Return the smallest change of each term alone that would be labelled, with 80 % power."""
    if len(asked.terms) == 1:
        item = own[asked.terms[0]]
        test = OwnTest(np.array([[item.std_error**2]]), item.df, np.array([item.df]))
    elif fitted is None:
        return {}
    else:
        estimates, position = fitted
        number = interruption_number(estimates.design, asked.key) or 0
        rows = linear_contrasts(estimates.design, estimates.observed, (), number)
        test = OwnTest.of(estimates.whole, position, np.array([rows[name] for name in asked.terms]))
    found = smallest_labelled(test, whole.terms, np.eye(len(asked.terms)), alpha=alpha)
    return dict(zip(asked.terms, found.tolist(), strict=True))


def _quantity(term: TermAttribution, smallest: float, *, shown: bool) -> QuantityBeside:
    """Return one quantity beside the donors; with too few of them only who changed as much."""
    if not shown:
        return QuantityBeside(n_as_large=term.as_large, coincident_change=term.smallest_other)
    return QuantityBeside(
        term.low,
        term.high,
        term.p_value,
        term.tau,
        term.own_change,
        term.own_change_limit,
        term.as_large,
        smallest,
        term.smallest_other,
    )


def _by_scale(
    asked: Asked,
    own: Mapping[str, Mapping[str, PrimaryEstimate]],
    units: Sequence[str],
    part: DonorFits,
    columns: Mapping[str, PrimaryColumns],
    scales: Mapping[str, float],
    own_scales: Mapping[str, float],
) -> Iterator[tuple[str, Beside]]:
    """Yield the place of units among donors by the answer over a scale of their own.

    For fits without standard errors: a synthetic control's estimate over its prediction error before the
    start. Where that error is 0 the statistic is not defined, and nothing is ranked.
    """
    first = next(iter(asked.quantities))
    estimates = numbers_of(columns[first], part.donors)[0]
    sizes = np.array([scales.get(donor, math.nan) for donor in part.donors])
    statistics = np.divide(estimates, sizes, out=np.full(sizes.shape, np.nan), where=sizes > 0)
    for unit in units:
        item, size = own[unit][first], own_scales.get(unit, math.nan)
        statistic = item.estimate / size if size > 0 else math.nan
        rank = placebo(statistic, statistics)
        n_as_large = int((np.abs(estimates) >= abs(item.estimate) * (1.0 - 1e-9)).sum())
        few = rank.n_donors < LABEL_DONORS
        flags = [*(["few_donors"] if few else []), *(["followed_exactly"] if math.isnan(statistic) else [])]
        yield (
            unit,
            Beside(
                {first: QuantityBeside(n_as_large=n_as_large)},
                rank.p_value,
                rank.p_value,
                1.0 / (rank.n_donors + 1),
                rank.n_donors,
                not few and not math.isnan(statistic),
                statistic,
                statistics,
                estimates,
                part.donors,
                tuple(flags),
            ),
        )


def placebo_rows(
    plan: OutcomePlan, design_name: str, asked: Asked, beside: Mapping[str, Beside]
) -> Iterator[Row]:
    """Yield the rows of ``placebo_units``: the answer of every donor and of the unit, over its error."""
    own = asked.answer.by_unit
    for unit, item in beside.items():
        values = zip(
            (*item.donors, unit),
            (*item.estimates, own[unit].estimate),
            (*item.statistics, item.statistic),
            strict=True,
        )
        for code, estimate, statistic in values:
            yield {
                "outcome": plan.outcome.name,
                "unit": unit,
                "design": design_name,
                "estimand": own[unit].estimand,
                "placebo": code,
                "estimate": own[unit].shown(float(estimate)),
                "statistic": float(statistic),
            }


def placebo_check(item: Beside) -> CheckResult:
    """Return the check ``placebo_units``: the place of a unit among the donors."""
    if math.isnan(item.p_rank):
        message = (
            "Its change cannot be ranked: there is no prediction error before the start to hold it against."
        )
        return CheckResult("placebo_units", math.nan, math.nan, "not_applicable", message)
    rank = round(item.p_rank / item.least_p)
    message = (
        f"Its change is number {rank} of {item.n_donors + 1}, itself and {item.n_donors} units without the "
        f"intervention (p = {item.p_rank:.3f}; no smaller p than {item.least_p:.3f} is possible)."
    )
    return CheckResult("placebo_units", float(rank), item.p_rank, "pass", message)


def exchangeability_check(
    among: Percentiles | None, n_donors: int, n_effective: float = math.nan
) -> CheckResult | None:
    """Return the check ``exchangeability``: whether the unit could be one of those it is judged by."""
    if among is None or all(math.isnan(place) for place in astuple(among)):
        return None
    places = {name: place for name, place in asdict(among).items() if not math.isnan(place)}
    message = f"Percentiles before the start among {n_donors} units without the intervention: " + ", ".join(
        f"{name} {place:.0f}" for name, place in places.items()
    )
    unusual = among.unusual
    if unusual:
        message += f". It is unlike them ({', '.join(unusual)}), so that what they do says less of it."
    else:
        message += ": it could be one of them."
    if not math.isnan(n_effective):
        message += f" They share peers, and tell as much as {n_effective:.0f} independent ones."
    farthest = max(places.values(), key=lambda place: abs(place - 50.0))
    return CheckResult("exchangeability", farthest, math.nan, "note" if unusual else "pass", message)
