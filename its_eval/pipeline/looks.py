"""Repeated looks, declared beforehand: at which level each of them keeps what a single look promises.

A series is looked at after 8, 9, … periods. With p_l the p-value at look l and G(x) the probability that the
smallest of them is x or less although nothing changed, G(p) is a p-value over all looks together: that it is
α or less at any look has probability α. G is simulated with this very design and estimator, for errors AR(1)
with autocorrelations of 0, .4 and .8, and the largest of the three taken; each simulated series serves all
looks, as a real one does. The level is the same at each look, as in Pocock 1977 (*Biometrika* 64:191).

Of the data only the calendar enters: G can be had before there are any. Missing periods, covariates and
sampling weights are left out.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.checks.joint_table import joint_p_values
from its_eval.columns import ALL_INTERRUPTIONS
from its_eval.data.panel import empty_panel
from its_eval.effects.columns import Question
from its_eval.effects.estimands import CHANGE, periods_after, terms_of
from its_eval.errors import NothingEstimatedError
from its_eval.estimators.reml.entry import REML_AR
from its_eval.estimators.reml.kenward_roger import f_tail, joint_scale
from its_eval.pipeline.estimate import Ask, Estimates, estimate
from its_eval.pipeline.pieces import fit_context
from its_eval.pipeline.plan import (
    OutcomePlan,
    Target,
    Treatment,
    masked_periods,
    planned_designs,
    season_of,
)
from its_eval.pipeline.question import question_of
from its_eval.pipeline.sheet import Sheet
from its_eval.pipeline.truths import autoregressive_errors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Config, Estimator, Looks, Outcome
    from its_eval.design.matrix import Design, Interruption
    from its_eval.estimators.fit import Fit

    FloatArray = NDArray[np.float64]

#: Simulated series of each autocorrelation, and with more patience.
PATHS, PRECISE_PATHS = 4000, 40_000
#: Autocorrelations over which the promise holds, and worlds outside it: nearly, and quite, a random walk.
PROMISED = (0.0, 0.4, 0.8)
NEAR_WALK, RANDOM_WALK = 0.95, "random walk"
#: Series that are fitted at once.
_CHUNK = 4000
#: The smallest probability that is read off the simulation has so many series below it.
_FEWEST = 20
#: Probabilities at which G is kept; between them it is a power of p, and so it is below the smallest.
_SPENT = (
    *(0.001, 0.0015, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.0125, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05),
    *(0.06, 0.08, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8),
    *(0.85, 0.9, 0.95),
)
#: Estimands that are tested by the average effect.
_OF_AN_AVERAGE = dict.fromkeys(("cumulative_effect", "relative_average_effect"), "average_effect")


class LookLevels(Struct, frozen=True):
    """G: what a p-value at one look is worth over all declared looks.

    Attributes
    ----------
    looks : tuple of int
        Periods from the start on at each look.
    paths : int
        Simulated series of each autocorrelation.
    p_values, spent : tuple of float
        Some x with G(x), both increasing, the last 1.
    ever_false : mapping of str to tuple of float
        By world, the probability that any look at all finds a change at `alpha` where there is none: without
        and with the adjustment. The worlds 0, 0.4 and 0.8 are those that were promised.
    alpha : float
        Level of `ever_false`.
    """

    looks: tuple[int, ...]
    paths: int
    p_values: tuple[float, ...]
    spent: tuple[float, ...]
    ever_false: Mapping[str, tuple[float, float]]
    alpha: float = 0.05

    def adjusted(self, p: float | FloatArray) -> FloatArray:
        """Return G(p); NaN stays NaN."""
        return _power_between(np.asarray(p, dtype=np.float64), self.p_values, self.spent, self._exponent)

    def level(self, alpha: float) -> float:
        """Return the level of each look at which all of them together have level alpha: G^-1(alpha)."""
        found = _power_between(np.array(alpha), self.spent, self.p_values, 1.0 / self._exponent)
        return float(found)

    @property
    def _exponent(self) -> float:
        """Of p below the smallest x, that of the stretch up to ten times its G.

        The true exponent grows towards 1, so that what is so carried on is not too small.
        """
        spent, p_values = np.log(self.spent), np.log(self.p_values)
        high = int(np.searchsorted(spent, spent[0] + np.log(10.0)))
        return float((spent[high] - spent[0]) / (p_values[high] - p_values[0]))

    @classmethod
    def largest(cls, found: Sequence[LookLevels]) -> LookLevels:
        """Return what holds for units of several designs: the largest G, and the largest rates."""
        first = found[0]
        p_values = np.minimum.reduce([item.p_values for item in found])
        rates = {
            world: (
                max(item.ever_false[world][0] for item in found),
                max(item.ever_false[world][1] for item in found),
            )
            for world in first.ever_false
        }
        return replace(first, p_values=tuple(p_values.tolist()), ever_false=rates)

    def plain(self) -> dict[str, Any]:
        """Return it as lists and numbers, for a file."""
        return {
            "looks": list(self.looks),
            "paths": self.paths,
            "p_values": list(self.p_values),
            "spent": list(self.spent),
            "ever_false": {world: list(rates) for world, rates in self.ever_false.items()},
            "alpha": self.alpha,
        }

    @classmethod
    def of_plain(cls, found: Mapping[str, Any]) -> LookLevels:
        """Return what `plain` wrote."""
        return cls(
            tuple(map(int, found["looks"])),
            int(found["paths"]),
            tuple(map(float, found["p_values"])),
            tuple(map(float, found["spent"])),
            {str(world): (float(one), float(other)) for world, (one, other) in found["ever_false"].items()},
            float(found["alpha"]),
        )


def _power_between(
    x: FloatArray, knots: Sequence[float], values: Sequence[float], exponent: float
) -> FloatArray:
    """Return the curve through knots that is a power of x between any two; below them as told."""
    at, of = np.log(knots), np.log(values)
    with np.errstate(divide="ignore"):
        place = np.log(x)
    below = of[0] + exponent * (place - at[0])
    return np.asarray(np.exp(np.where(place < at[0], below, np.interp(place, at, of))))


class LookDesign(Struct, frozen=True):
    """The design of a unit up to the last look, without data.

    Attributes
    ----------
    plan : OutcomePlan
        Calendar, season and masks of the whole time.
    interruptions : tuple of Interruption
        The intervention first, then fitted events.
    observed : ndarray of bool, shape (n,)
        Periods that have a value and are used.
    origin : int
        The period from which looks are counted: the first start of any treated unit.
    question : str
        ``change`` or an estimand.
    """

    plan: OutcomePlan
    interruptions: tuple[Interruption, ...]
    observed: NDArray[np.bool_]
    origin: int
    question: str

    def sheet(self, errors: FloatArray) -> Sheet:
        """Return series (n, S) without an effect as columns of this design."""
        values = np.where(self.observed[:, None], errors, np.nan)
        nothing = np.broadcast_to(np.nan, values.shape)
        targets = tuple(Target(str(number), self.interruptions) for number in range(errors.shape[1]))
        return Sheet(self.plan, "single", targets, values, values, values, nothing, nothing, nothing, nothing)

    def until(self, sheet: Sheet, end: int) -> Sheet:
        """Return the series as they stand when the data end before a period."""
        known = tuple(item for place, item in enumerate(self.interruptions) if not place or item.start < end)
        cut = sheet.until(end)
        if known == self.interruptions:
            return cut
        return replace(cut, targets=tuple(replace(target, interruptions=known) for target in cut.targets))


def look_designs(
    config: Config, outcome: Outcome, first: int, treatment: Treatment
) -> list[tuple[LookDesign, list[str]]]:
    """Return the designs of the treated units up to the last look, each with its units.

    Parameters
    ----------
    config : Config
        With `looks`.
    outcome : Outcome
        One that is evaluated.
    first : int
        Ordinal of the first period of its window.
    treatment : Treatment
        Units and dates.
    """
    if config.looks is None:
        return []
    calendar = config.data.calendar
    starts = [calendar.parse(date) - first for date in treatment.dates.values()]
    origin = min(start for start in starts if start > 0)
    units = treatment.units
    panel = empty_panel(outcome.name, calendar, first, origin + config.looks.until, units)
    masked, reasons = masked_periods(config, outcome, panel)
    # the scale does not matter to series without an effect
    plain = outcome.model_copy(update={"kind": "number", "transform": "none"})
    season = season_of(outcome.seasonality, config.data.frequency)
    plan = OutcomePlan(
        plain,
        units,
        panel,
        {},
        season,
        masked,
        reasons,
        {},
        {},
        {},
        (),
        trend=outcome.trend,
        min_segment=config.min_segment,
    )
    question = config.estimands.primary
    return [
        (LookDesign(plan, design.interruptions, observed, origin, question), some)
        for design, observed, some in planned_designs(config, outcome, treatment, panel)
    ]


def spending(
    looks: Looks,
    design: LookDesign,
    estimator: Estimator,
    seed: int,
    paths: int = PATHS,
    alpha: float = 0.05,
) -> dict[str, LookLevels]:
    """Simulate G for each interruption of a design.

    Parameters
    ----------
    looks : Looks
        When.
    design : LookDesign
        What is fitted.
    estimator : Estimator
        By what; neither a family nor a slow one.
    seed : int
        Of all random numbers.
    paths : int
        Series of each autocorrelation; half as many of the worlds outside the promise.
    alpha : float
        At which false findings are counted.

    Returns
    -------
    dict of str to LookLevels
        By interruption: blank for the intervention, fitted events by name, and with several
        ``all interruptions``.

    Raises
    ------
    NothingEstimatedError
        When the design cannot be estimated at any of the looks.
    """
    rng = np.random.default_rng([seed, zlib.crc32(b"looks")])
    worlds, promised = dict(_worlds()), [_name(one) for one in PROMISED]
    n = design.plan.panel.n_periods
    parts: list[dict[str, dict[str, FloatArray]]] = []
    # all worlds are fitted together: what depends on the design alone is computed once
    for start in range(0, paths, _CHUNK):
        count = min(_CHUNK, paths - start)
        errors = {
            world: draw(n, count if world in promised else -(-count // 2), rng)
            for world, draw in worlds.items()
        }
        smallest = _smallest(looks, design, estimator, np.hstack(list(errors.values())))
        edges = np.cumsum([item.shape[1] for item in errors.values()])[:-1]
        parts.append(
            {key: dict(zip(errors, np.split(values, edges), strict=True)) for key, values in smallest.items()}
        )
    return {
        key: _levels(
            looks,
            paths,
            alpha,
            {world: np.concatenate([part[key][world] for part in parts]) for world in worlds},
        )
        for key in parts[0]
    }


Draw = Callable[[int, int, np.random.Generator], "FloatArray"]


def _name(autocorrelation: float) -> str:
    return f"{autocorrelation:g}"


def _worlds() -> Iterator[tuple[str, Draw]]:
    """Yield worlds by name, with what draws their errors (n, reps)."""

    def autoregressive(autocorrelation: float) -> Draw:
        return lambda n, reps, rng: autoregressive_errors(np.array([autocorrelation]), n, reps, rng)

    for autocorrelation in (*PROMISED, NEAR_WALK):
        yield _name(autocorrelation), autoregressive(autocorrelation)
    yield RANDOM_WALK, lambda n, reps, rng: np.cumsum(rng.standard_normal((n, reps)), axis=0)


def _levels(looks: Looks, paths: int, alpha: float, smallest: Mapping[str, FloatArray]) -> LookLevels:
    """Return G from the smallest p-values of each world."""
    spent = tuple(value for value in _SPENT if value * paths >= _FEWEST)
    promised = [np.quantile(smallest[_name(one)], spent, method="inverted_cdf") for one in PROMISED]
    p_values = np.minimum.reduce(promised)
    found = LookLevels(looks.at, paths, (*p_values.tolist(), 1.0), (*spent, 1.0), {}, alpha)
    level = found.level(alpha)
    rates = {
        world: (float((values <= alpha).mean()), float((values <= level).mean()))
        for world, values in smallest.items()
    }
    return replace(found, ever_false=rates)


def _smallest(
    looks: Looks, design: LookDesign, estimator: Estimator, errors: FloatArray
) -> dict[str, FloatArray]:
    """Return the smallest p-value over the looks of each series, shape (S,), by interruption."""
    sheet = design.sheet(errors)
    smallest: dict[str, FloatArray] = {}
    reasons: list[str] = []
    for periods in looks.at:
        cut = design.until(sheet, design.origin + periods)
        found, failed = estimate([(cut, [estimator])], Ask(_question(design), whole_fits=False))
        reasons += [item.message for item in failed[:1]]
        for item in found:
            for key, p_values in _p_values(design, item):
                known = smallest.setdefault(key, np.ones(errors.shape[1]))
                known[item.columns] = np.fmin(known[item.columns], p_values)
    if not smallest:
        raise NothingEstimatedError("\n".join(["no look can be estimated", *dict.fromkeys(reasons)]))
    return smallest


def _question(design: LookDesign) -> Question:
    """Return what is read of a fit: an effect after k periods only where it is asked for."""
    after = periods_after(design.question)
    return Question(() if after is None else (after,), 0.95)


def _terms(question: str, fitted: Design, number: int) -> tuple[str, ...]:
    """Return the contrasts that are tested together for an interruption."""
    shape = fitted.interruptions[number].shape
    asked = question_of(question, shape) if number else question
    # a sum, and an average in per cent, are as far from 0 as the average
    return tuple(_OF_AN_AVERAGE.get(name, name) for name in terms_of(asked, shape))


def _from_table(item: Estimates) -> bool:
    """Return whether the joint test of series follows from their autocorrelations."""
    return item.kind is REML_AR and item.entry is not None and item.entry.variance == "constant"


def _p_values(design: LookDesign, item: Estimates) -> Iterator[tuple[str, FloatArray]]:
    """Yield by interruption the p-values of series, as the verdict of a run has them."""
    every: list[str] = []
    places: list[int] = []
    for number, interruption in enumerate(item.design.interruptions):
        terms = [(number, name) for name in _terms(design.question, item.design, number)]
        if set(terms) <= set(item.reading.names):
            own = [item.reading.names.index(term) for term in terms]
            yield interruption.name if number else "", _joint(item, own)
        places += [item.reading.names.index((number, name)) for name in terms_of(CHANGE, interruption.shape)]
        every.append(interruption.name)
    if len(every) > 1:
        yield ALL_INTERRUPTIONS, _joint(item, places)


def _joint(item: Estimates, places: Sequence[int]) -> FloatArray:
    """Return the p-values of some of the contrasts that were read, tested together, or NaN."""
    read = item.statistics.estimates.take(np.s_[:, list(places)])
    separate = read.p_value
    if len(places) == 1:
        p_values = separate[:, 0]
    else:
        rows = item.reading.rows[list(places)]
        if _from_table(item):
            partials = item.statistics.partial_autocorrelations
            p_values = joint_p_values(item.design.matrix, item.observed, rows, read, partials)
        else:
            fit = _whole(item)
            scale = joint_scale(fit.covariance, rows)
            p_values = f_tail(scale.statistic(fit.params @ rows.T), len(rows), scale.df)
        # where there is no F distribution as `joint_test`
        bonferroni = np.minimum(1.0, len(places) * separate.min(axis=1))
        p_values = np.where(np.isnan(p_values), bonferroni, p_values)
    return np.where(item.stuck, np.nan, p_values)


def _whole(item: Estimates) -> Fit:
    """Return the fit of series, made now where only contrasts were estimated."""
    if item.fit is not None:
        return item.fit
    if item.kind is None or item.entry is None:
        raise ValueError(f"{item.estimator} has no estimator that could fit again")
    context = fit_context(item.sheet, item.design, item.observed)
    return item.kind.fit(item.design.matrix, item.sheet.values[:, item.columns], item.entry, context)
