"""Estimates as columns of the contract's tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict

from its_eval.columns import Column, TableColumns, Texts
from its_eval.comparisons.base import comparison_of
from its_eval.design.segments import short_segments
from its_eval.effects.bands import bands
from its_eval.effects.columns import EffectColumns, Kind
from its_eval.effects.nonlinear import above_zero
from its_eval.pipeline.error_model import error_variance
from its_eval.pipeline.estimate import Estimates, needs_level
from its_eval.pipeline.sheet import NotEstimated, Sheet

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.design.matrix import Interruption
    from its_eval.pipeline.plan import OutcomePlan
    from its_eval.pipeline.primary import Analysis

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

Row = dict[str, Any]


class Answers(Struct, frozen=True):
    """What one estimator answers about series that were fitted together.

    Attributes
    ----------
    estimates : Estimates
        The fit.
    effects : EffectColumns
        Every estimand.
    estimand : str
        The primary one; of ``change`` the one that is shown.
    is_first : bool
        Whether the estimator is the one that answers the question.
    """

    estimates: Estimates
    effects: EffectColumns
    estimand: str
    is_first: bool

    @property
    def keys(self) -> dict[str, Column]:
        """The columns that name the series, but for the unit: outcome, design, estimator."""
        sheet = self.estimates.sheet
        return {
            "outcome": sheet.plan.outcome.name,
            "design": sheet.comparison,
            "estimator": self.estimates.estimator,
        }

    @property
    def units(self) -> Texts:
        """The unit of each series."""
        return Texts(np.arange(len(self.estimates.units)), self.estimates.units)

    def is_primary(self, kind: Kind) -> bool:
        """Return whether a kind of row answers the question."""
        return self.is_first and kind.estimand == self.estimand and kind.interruption == 0

    @property
    def primary(self) -> list[int]:
        """Columns of the effects that answer the question, on whatever scales."""
        return [place for place, kind in enumerate(self.effects.kinds) if self.is_primary(kind)]

    @property
    def certain(self) -> BoolArray:
        """Which rows rest on the data and not on rounding, with or without a p-value, shape (S, K)."""
        return np.broadcast_to(~self.estimates.stuck[:, None], self.effects.present.shape)

    @property
    def counts(self) -> BoolArray:
        """Which rows have a p-value that counts, shape (S, K)."""
        return self.effects.counts(self.estimates.stuck)


def answers(estimates: Estimates, analysis: Analysis, *, is_first: bool) -> Answers:
    """Return what an estimator answers."""
    shown = analysis.shown_estimand(estimates.design)
    return Answers(estimates, estimates.effects(analysis.question), shown, is_first)


def add_effects(answer: Answers, p_adjusted: FloatArray, confidence: float, into: TableColumns) -> None:
    """Add a row for every series and estimand that it has."""
    kinds, columns, plan = answer.effects.kinds, answer.effects, answer.estimates.sheet.plan
    series, place = np.nonzero(columns.present)
    interruptions = answer.estimates.design.interruptions

    def worded(words: Sequence[str]) -> Texts:
        """Return what each kind of row is called, for every row."""
        return Texts.of(words).take(place)

    roles = ["secondary" if answer.is_first else "sensitivity"] * len(kinds)
    for number in answer.primary:
        roles[number] = "primary"
    numbers = ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")
    into.add(
        len(series),
        {
            **answer.keys,
            "unit": answer.units.take(series),
            "role": worded(roles),
            "interruption": worded([interruptions[kind.interruption].name for kind in kinds]),
            "interruption_period": worded(
                [plan.period(interruptions[kind.interruption].start) for kind in kinds]
            ),
            "estimand": worded([kind.estimand for kind in kinds]),
            "scale": worded([kind.scale for kind in kinds]),
            "inference_scale": worded([kind.inference_scale for kind in kinds]),
            "conf_level": confidence,
            **{name: getattr(columns, name)[series, place] for name in numbers},
            "p_adjusted": p_adjusted[series, place],
            "inference": answer.estimates.inference,
        },
    )


def add_coefficients(answer: Answers, confidence: float, into: TableColumns) -> None:
    """Add a row for every series and term, on the scale of the fit."""
    terms, count = answer.estimates.design.terms, len(answer.estimates.units)
    every = answer.estimates.whole.contrasts(np.eye(len(terms)))
    low, high = every.interval(confidence)
    numbers = {
        "estimate": every.estimate,
        "std_error": every.std_error,
        "df": every.df,
        "statistic": every.statistic,
        "p_value": every.p_value,
        "conf_low": low,
        "conf_high": high,
    }
    into.add(
        count * len(terms),
        {
            **answer.keys,
            "unit": answer.units.take(np.repeat(np.arange(count), len(terms))),
            "term": Texts(np.tile(np.arange(len(terms)), count), terms),
            **{name: array.ravel() for name, array in numbers.items()},
        },
    )


def error_model_rows(answer: Answers) -> Iterator[Row]:
    """Yield the rows of ``error_model``: every coefficient of the error process of every series.

    Of a series at a bound, which another model answers, they are those of the fit that met the bound.
    """
    fit, sheet = answer.estimates.fit, answer.estimates.sheet
    if fit is None or fit.processes is None:
        return
    for unit, found in zip(answer.estimates.units, fit.processes, strict=True):
        if found is None:
            continue
        for term, value, error in zip(found.terms, found.estimate, found.std_error, strict=True):
            yield {
                "outcome": sheet.plan.outcome.name,
                "unit": unit,
                "design": sheet.comparison,
                "estimator": answer.estimates.estimator,
                "process": found.process,
                "chosen_by": "data" if found.by_data else "config",
                "term": term,
                "estimate": value,
                "std_error": error,
            }


def add_fits(answer: Answers, more_flags: dict[str, set[str]], into: TableColumns) -> list[str]:
    """Add a row for every series, and return its flags; `more_flags` are those that only checks can give.

    Of a series at a bound, which another model answers, autocorrelations, sigma, variance ratio and
    log-likelihood are those of the fit that met the bound.
    """
    estimates = answer.estimates
    design, observed, statistics = estimates.design, estimates.observed, estimates.statistics
    count = len(estimates.units)
    before, after = design.segments()
    nothing = np.full(count, np.nan)
    partials = statistics.partial_autocorrelations
    order = partials.shape[1]
    fit = estimates.fit
    # where the data chose, series with a lower order than others have blank places
    chosen = estimates.entry is not None and estimates.entry.order == "aicc"

    flags = _flags(answer, more_flags)

    def known(values: FloatArray | None) -> FloatArray:
        # the likelihood of a series that does not vary around its fit has no bound
        return nothing if values is None else np.where(np.isinf(values), np.nan, values)

    into.add(
        count,
        {
            **answer.keys,
            "unit": answer.units,
            "n": _counted(observed) if fit is None else fit.n_used.astype(np.float64),
            "n_pre": _counted(before & observed),
            "n_post": _counted(after & observed),
            "n_missing": _counted(design.usable & ~observed),
            "n_terms": float(len(design.terms)),
            "ar_order": (~np.isnan(partials)).sum(axis=1).astype(np.float64) if chosen else float(order),
            "rho1": partials[:, 0] if order > 0 else nothing,
            "rho2": partials[:, 1] if order > 1 else nothing,
            "variance_ratio": known(None if fit is None else fit.variance_ratio),
            "sigma": known(statistics.sigma),
            "log_likelihood": known(statistics.log_likelihood),
            "dispersion": known(None if fit is None else fit.dispersion),
            "flags": flags,
            "season": design.season.label,
            "weights": "none" if estimates.relative_variance is None else "sampling variance",
        },
    )
    return [flags.words[code] for code in flags.codes]


def _counted(periods: BoolArray) -> float | FloatArray:
    """Return how many periods there are, of each series where they differ."""
    return float(periods.sum()) if periods.ndim == 1 else periods.sum(axis=1).astype(np.float64)


def _flags(answer: Answers, more_flags: dict[str, set[str]]) -> Texts:
    """Return the warnings of each series: those of the fit, and those that effects and checks show."""
    estimates = answer.estimates
    sheet, columns, kind = estimates.sheet, estimates.columns, estimates.kind
    flags = dict(estimates.statistics.flags)
    if kind is not None and kind.weighs and estimates.relative_variance is None:
        flags["unweighted"] = np.asarray(~np.isnan(sheet.sampling[:, columns]).all(axis=0))
    if estimates.is_family:
        flags |= _without_events(estimates)
    if sheet.plan.min_segment is not None:
        design = estimates.design
        used = np.broadcast_to(estimates.observed & design.usable, (len(columns), design.n_periods))
        flags["short_segment"] = short_segments(design.interruptions, used)
    primary = answer.primary
    if primary:
        low = answer.effects.df_floor & answer.effects.present
        flags["df_floor"] = np.asarray(low[:, primary].any(axis=1))
    if estimates.params is not None and needs_level(sheet, estimates.scale):
        after = estimates.design.effect_periods()
        level = estimates.params @ estimates.design.counterfactual[after].T
        if not sheet.own_level:
            level = level + sheet.peer_means[np.ix_(after, columns)].T
        flags["counterfactual_outside_range"] = np.asarray(((level < 0) | (level > 100)).any(axis=1))
    if estimates.params is not None and estimates.scale.is_plain:
        flags["level_not_positive"] = _not_positive(estimates, estimates.params)
    for name in sorted({name for words in more_flags.values() for name in words}):
        flags[name] = np.array([name in more_flags.get(unit, ()) for unit in estimates.units])
    names = sorted(flags)
    raised = np.array([flags[name] for name in names], dtype=np.bool_).reshape(len(names), len(columns))
    sets, codes = np.unique(raised, axis=1, return_inverse=True)
    words = ["; ".join(name for name, up in zip(names, column, strict=True) if up) for column in sets.T]
    return Texts(codes.reshape(-1), words)


def _not_positive(estimates: Estimates, params: FloatArray) -> BoolArray:
    """Return the series whose level without the intervention is 0 or less somewhere after it, shape (S,)."""
    sheet, design = estimates.sheet, estimates.design
    after = design.effect_periods()
    level = params @ design.counterfactual[after].T
    if not sheet.own_level:
        level = level + sheet.peer_means[np.ix_(after, estimates.columns)].T
    return ~above_zero(np.where(estimates.observed[..., after], level, np.nan))


def _without_events(estimates: Estimates) -> dict[str, BoolArray]:
    """Return by flag the series with a segment in which nothing, or everybody, was counted, shape (S,).

    Where one segment alone is such, and has no event, its own flag says which.
    """
    sheet, columns = estimates.sheet, estimates.columns
    counts = sheet.counts[:, columns]
    left = sheet.denominators[:, columns] - counts if estimates.scale.name == "logit" else counts
    used = [segment & estimates.observed for segment in estimates.design.segments()]
    nothing, everybody = (np.array([kind[part].sum(axis=0) == 0 for part in used]) for kind in (counts, left))
    empty = nothing | everybody
    alone = nothing & ~empty[::-1]
    return {"no_events": empty.any(axis=0), "no_events_before": alone[0], "no_events_after": alone[1]}


def add_series(answer: Answers, confidence: float, into: TableColumns) -> None:
    """Add a row for every series and period: data, fit and counterfactual, on the response scale.

    The counterfactual is the fit without the interruption under evaluation; where others are fitted too there
    is another without any of them, from the first one on.

    A difference of logarithms becomes the ratio of the unit to the geometric mean of its peers, a difference
    of logits an odds ratio.
    """
    estimates = answer.estimates
    sheet, columns, plan = estimates.sheet, estimates.columns, estimates.sheet.plan
    own, scale = sheet.scale, estimates.scale
    shown = bands(
        estimates.design,
        estimates.whole,
        confidence,
        error_variance(estimates),
        np.where(estimates.observed[:, None], sheet.values[:, columns], np.nan).T,
    )
    prediction = shown.prediction
    if estimates.is_family:
        # a count varies around its mean in a way that no band on the link scale shows
        prediction = (np.full_like(shown.fitted, np.nan), np.full_like(shown.fitted, np.nan))
    response = scale.back if sheet.own_level else scale.effect
    observed = sheet.observed[:, columns].T
    sizes = sheet.denominators[:, columns].T
    if sheet.own_level:
        observed = own.back(observed)
        on_link = scale.to(observed, sizes)
    else:
        on_link, observed = observed, response(observed)
    design, time = estimates.design, np.arange(plan.panel.n_periods)
    start = design.interruption.start
    after = time >= start
    without_any = np.full_like(shown.fitted, np.nan)
    if len(design.interruptions) > 1:
        began = time >= min(item.start for item in design.interruptions)
        without_any = response(np.where(began, estimates.whole.params @ design.before_all.T, np.nan))
    numbers = {
        "observed": observed,
        "unit_value": own.back(sheet.unit_values[:, columns].T),
        "peer_mean": own.back(sheet.peer_means[:, columns].T),
        "denominator": sizes,
        "fitted": response(shown.fitted),
        "counterfactual": response(np.where(after, shown.counterfactual, np.nan)),
        "counterfactual_low": response(shown.confidence[0]),
        "counterfactual_high": response(shown.confidence[1]),
        "prediction_low": response(prediction[0]),
        "prediction_high": response(prediction[1]),
        "deseasonalised": response(on_link - shown.season),
        "counterfactual_without_any": without_any,
    }
    count, n = observed.shape
    keys = answer.keys
    del keys["estimator"]
    into.add(
        count * n,
        {
            **keys,
            "unit": answer.units.take(np.repeat(np.arange(count), n)),
            "period": Texts(np.tile(np.arange(n), count), plan.panel.periods),
            "event_time": np.tile(np.arange(n) - start, count).astype(np.float64),
            "used": np.tile(estimates.observed, count),
            "used_reason": _unused_words(estimates),
            **{name: array.ravel() for name, array in numbers.items()},
        },
    )


def _unused_words(estimates: Estimates) -> Texts:
    """Return why each period of each series is not used; blank where it is."""
    plan = estimates.sheet.plan
    panel, n = plan.panel, plan.panel.n_periods
    words = ["", "missing", "small denominator", "covariate missing"]
    codes = np.ones((len(estimates.units), n), dtype=np.intp)
    codes[_without_covariate(estimates)] = 3
    listed = [panel.places.get(unit, -1) for unit in estimates.units]
    if panel.small_denominator.any():
        for series, column in enumerate(listed):
            if column >= 0:
                codes[series, panel.small_denominator[:, column]] = 2
    for series, unit in enumerate(estimates.units):
        for index, event in plan.unit_masks.get(unit, {}).items():
            codes[series, index] = len(words)
            words.append(event)
    for index, reason in enumerate(unused_reasons(plan, estimates.design.interruptions)):
        if reason:
            codes[:, index] = len(words)
            words.append(reason)
    codes[:, estimates.observed] = 0
    distinct = {word: code for code, word in enumerate(dict.fromkeys(words))}
    return Texts(np.array([distinct[word] for word in words])[codes.ravel()], list(distinct))


def _without_covariate(estimates: Estimates) -> BoolArray:
    """Return the periods that have a value, but not one of every covariate, shape (S, n)."""
    sheet = estimates.sheet
    found = np.zeros((len(estimates.columns), sheet.plan.panel.n_periods), dtype=np.bool_)
    for series, column in enumerate(estimates.columns if sheet.covariates else ()):
        own = sheet.covariates[column]
        if own is not None:
            found[series] = np.isnan(own).any(axis=1) & ~np.isnan(sheet.observed[:, column])
    return found


def unused_reasons(plan: OutcomePlan, interruptions: tuple[Interruption, ...]) -> list[str]:
    """Return why each period is not used by a series; blank when nothing takes it out."""
    reasons = list(plan.mask_reasons)
    for interruption in interruptions:
        for index in range(interruption.start, min(interruption.first_effect, len(reasons))):
            reasons[index] = reasons[index] or f"phase-in of {interruption.name}"
    return reasons


def add_not_estimated(failed: Sequence[NotEstimated], into: TableColumns) -> None:
    """Add a row for every series without an estimate."""
    if failed:
        names = ("outcome", "unit", "design", "estimator", "reason", "message")
        into.add(len(failed), {name: Texts.of(getattr(item, name) for item in failed) for name in names})


def without_primary(answer: Answers) -> list[NotEstimated]:
    """Return the series of the first estimator whose primary estimand the data do not have."""
    if not answer.is_first:
        return []
    has = np.asarray(answer.effects.present[:, answer.primary].any(axis=1))
    message = (
        f"{answer.estimand} cannot be had from these data: an effect at k periods has to lie within the "
        "window, a cumulative effect needs denominators and no logarithm, a relative effect a level above "
        "zero in every period"
    )
    sheet = answer.estimates.sheet
    return [
        NotEstimated(
            sheet.plan.outcome.name,
            unit,
            sheet.comparison,
            answer.estimates.estimator,
            "no_primary_estimand",
            message,
        )
        for unit, found in zip(answer.estimates.units, has, strict=True)
        if not found
    ]


def peer_rows(plan: OutcomePlan) -> dict[str, list[Row]]:
    """Return the rows of the four tables about peers."""
    # series in memory are fitted without peers: start-up time
    from its_eval.peers.balance import balance, contributions  # noqa: PLC0415
    from its_eval.pipeline.peer_choice import pre_period_balance  # noqa: PLC0415

    rows: dict[str, list[Row]] = {
        name: [] for name in ("peers", "peer_exclusions", "peer_contributions", "balance")
    }
    for unit, peer_set in plan.peer_sets.items():
        keys = {"outcome": plan.outcome.name, "unit": unit}
        for rank, peer in enumerate(peer_set.peers, start=1):
            known = int(peer_set.pool_ranks[rank - 1])
            place = {"peer": peer, "distance": peer_set.distances[rank - 1], "pool_rank": known or None}
            rows["peers"].append(keys | {"rank": rank} | place)
        exclusions, others = peer_set.set_aside()
        for excluded in exclusions:
            row = {"candidate": excluded.candidate, "distance": excluded.distance, "reason": excluded.reason}
            rows["peer_exclusions"].append(keys | row | {"count": 1})
        for reason, count in others.items():
            # those farther than the last peer are counted, not named
            row = {"candidate": "", "distance": np.nan, "reason": reason, "count": count}
            rows["peer_exclusions"].append(keys | row)
        rows["peer_contributions"] += [{"unit": unit} | asdict(part) for part in contributions(peer_set)]
        rows["balance"] += [keys | asdict(part) for part in balance(peer_set)]
        rows["balance"] += [keys | asdict(part) for part in pre_period_balance(plan, unit)]
    return rows


def donor_weight_rows(sheet: Sheet, columns: Iterable[int]) -> Iterator[Row]:
    """Yield the rows of ``donor_weights``: every donor of a unit that is beside a mixture, and its weight."""
    for column in columns if sheet.mixtures else ():
        mixture, target = sheet.mixtures[column], sheet.targets[column]
        for donor in target.peers if mixture else ():
            weight = mixture.get(donor, 0.0)
            yield {
                "outcome": sheet.plan.outcome.name,
                "unit": target.unit,
                "design": sheet.comparison,
                "donor": donor,
                "weight": weight,
                "role": "gaps" if donor not in mixture else "part" if weight else "no part",
            }


def donor_weights(plan: OutcomePlan, units: Sequence[str], designs: Sequence[str]) -> list[Row]:
    """Return the weights of donors for some treated units, largest first, without a fit; none without."""
    rows: list[Row] = []
    for comparison in map(comparison_of, designs):
        if comparison.mixture_words:
            sheet, _ = comparison.sheet(plan, [comparison.target(plan, unit) for unit in units])
            rows += donor_weight_rows(sheet, range(len(sheet.targets)))
    places = {name: place for place, name in enumerate(designs)}
    return sorted(rows, key=lambda row: (row["unit"], places[row["design"]], -row["weight"], row["donor"]))
