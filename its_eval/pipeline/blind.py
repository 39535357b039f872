"""A blind run: everything but the effect, from data in which treated units end at their start.

What treated units did from the start on has been dropped where the data are loaded (`Sources.cut`): nothing
here can show it. Peers, balance and data quality are those of a run; treated units are described by a fit of
the time before alone; donors take their place at the start, and the treated are not ranked among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict

from its_eval.checks.autocorrelation import Whitening, simulate_residuals
from its_eval.checks.diagnostics import FittedSeries, diagnose
from its_eval.checks.form import floor_ceiling, pre_trend
from its_eval.checks.power import design_fit, minimum_detectable
from its_eval.checks.result import CheckResult, settled
from its_eval.columns import COLUMNS, TableColumns
from its_eval.comparisons.base import comparison_of
from its_eval.config.estimators import Estimator
from its_eval.effects.columns import Reading
from its_eval.effects.estimands import CHANGE, linear_contrasts, terms_of
from its_eval.errors import NotEstimableError
from its_eval.estimators.catalogue import ESTIMATORS
from its_eval.estimators.fit import ContrastEstimates
from its_eval.estimators.kind import DESCRIPTIVE_BELOW, FitContext, ShortSeriesError, Statistics
from its_eval.evaluation import Evaluation
from its_eval.pipeline.disclosed import disclosed
from its_eval.pipeline.donors import targets_of_donors
from its_eval.pipeline.estimate import Estimates
from its_eval.pipeline.foresight import require_something, without_data
from its_eval.pipeline.pieces import fit_context
from its_eval.pipeline.placebo_dates import placebos_in_time
from its_eval.pipeline.placebos import donor_fits, exchangeability_check, place_before
from its_eval.pipeline.pooled import overlap_check
from its_eval.pipeline.primary import Analysis
from its_eval.pipeline.run import add_peer_series, evaluation_of
from its_eval.pipeline.sheet import NotEstimated
from its_eval.pipeline.tables import peer_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.comparisons.base import Comparison
    from its_eval.config import Config
    from its_eval.design.matrix import Design
    from its_eval.estimators.fit import Fit
    from its_eval.pipeline.placebos import DonorFits
    from its_eval.pipeline.plan import OutcomePlan, Plan, Target
    from its_eval.pipeline.sheet import Sheet
    from its_eval.pipeline.sources import Sources

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]

Row = dict[str, Any]
#: How the time before is fitted where the estimator that answers has no autoregressive errors.
_DESCRIPTIVE = Estimator(name="reml_ar", label="reml_ar")
#: Simulated series by which the size of a test is measured, and the check that tells it.
DRAWS, CALIBRATION = 500, "calibration"


def evaluate_blind(
    config: Config, sources: Sources, plan: Plan, progress: Callable[[str], None]
) -> Evaluation:
    """Describe what has been planned without its effect.

    Parameters
    ----------
    config, sources, plan : Config, Sources, Plan
        Of data in which the rows of treated units end before their start.
    progress : callable
        Called with a phrase before each stage.

    Raises
    ------
    ValueError
        When the data of treated units do not end at their start.
    NothingEstimatedError
        When no series could be described.
    """
    if sources.cut != "treated":
        raise ValueError("a blind run needs sources whose treated units end at their start")
    rows: dict[str, list[Row]] = {name: [] for name in COLUMNS}
    peer_series = TableColumns("peer_series")
    failed = without_data(config, plan)
    for outcome in plan.outcomes:
        for name, some in peer_rows(outcome).items():
            rows[name] += some
        add_peer_series(outcome, peer_series)
        donors = targets_of_donors(config, sources, outcome, outcome.treated)
        for name in config.designs:
            comparison = comparison_of(name)
            progress(f"{outcome.outcome.label}, {name}: the time before")
            failed += comparison.outside(outcome)
            if comparison.one_model or comparison.takes_all_donors:
                failed += _not_blind(outcome, comparison)
                continue
            described, lost = _described(outcome, comparison)
            failed += lost
            progress(f"{outcome.outcome.label}, {name}: the donors")
            asked = Analysis.of(config)
            fits = donor_fits(outcome, comparison, asked, donors) if config.checks.placebo_units else []
            rows["placebo_units"] += _placebos(outcome, comparison, asked, fits)
            for before in described:
                for table, some in before.rows(config, donors).items():
                    rows[table] += some
            if comparison.subtracts and len(outcome.treated) > 1:
                rows["checks"] += [
                    {"outcome": outcome.outcome.name, "unit": "", "design": name, **asdict(check)}
                    for check in overlap_check(outcome)
                ]
    require_something(len(rows["fits"]), failed)
    rows["not_estimated"] += [asdict(item) for item in failed]
    found = evaluation_of(config, sources, plan, rows, {"peer_series": peer_series})
    # of protected counts only what anybody may see, and nothing of the true ones
    return found if sources.disclosed is None else disclosed(config, sources.disclosed, plan, found, None)


def _not_blind(plan: OutcomePlan, comparison: Comparison) -> Iterator[NotEstimated]:
    """Yield a row for each unit of a comparison that fits treated units and others in one model."""
    for unit in plan.treated:
        said = f"{comparison.name} fits {unit} and others in one model, which is no part of a blind run"
        yield NotEstimated(plan.outcome.name, unit, comparison.name, "", "blind", said)


class _Before(Struct, frozen=True):
    """The time before the start of one series, as it was fitted.

    Attributes
    ----------
    plan, comparison, sheet, column
        The series.
    entry : Estimator
        By which it was fitted.
    early : ndarray, shape (n, k)
        Design of the time before, without the interruption.
    terms : tuple of str, length k
        Of that design.
    season : str
        Its seasonal form in words.
    whole : Design
        Of the window, with the interruption.
    values : ndarray, shape (n,)
        Of the n periods before, on the fitted scale; NaN where not used.
    fit : Fit
        Of one series.
    """

    plan: OutcomePlan
    comparison: Comparison
    sheet: Sheet
    column: int
    entry: Estimator
    early: FloatArray
    terms: tuple[str, ...]
    season: str
    whole: Design
    values: FloatArray
    fit: Fit

    @property
    def unit(self) -> str:
        """Whose."""
        return self.sheet.targets[self.column].unit

    @property
    def keys(self) -> Row:
        """What names it in tables."""
        return {"outcome": self.plan.outcome.name, "unit": self.unit, "design": self.comparison.name}

    @property
    def start(self) -> int:
        """T0."""
        return self.whole.interruption.start

    @property
    def observed(self) -> BoolArray:
        """Periods before that entered the fit."""
        return ~np.isnan(self.values)

    def rows(self, config: Config, donors: Mapping[str, tuple[Target, ...]]) -> dict[str, list[Row]]:
        """Return its rows of every table."""
        analysis = Analysis.of(config)
        checks, residuals = self._checks(config, analysis)
        if donors.get(self.unit):
            codes = [target.unit for target in donors[self.unit]]
            place = place_before(self.plan, self.unit, codes)
            checks += [found] if (found := exchangeability_check(place, len(codes))) else []
        power, calibrated = self._power(analysis)
        dates: list[Row] = []
        if config.checks.placebo_dates and power:
            dates, of_dates = placebos_in_time(analysis, [self._estimates()])
            checks += [check for _, check in of_dates]
        return {
            "placebo_dates": dates,
            "fits": [self._fit_row()],
            "series": list(self._series()),
            "residuals": residuals,
            "power": power,
            "checks": [
                {**self.keys, **asdict(check)} for check in settled([*checks, *calibrated], analysis.alpha)
            ],
        }

    def _fit_row(self) -> Row:
        partials, count = self.fit.partial_autocorrelations[0], int(self.observed.sum())
        return {
            **self.keys,
            "estimator": self.entry.label,
            "n": count,
            "n_pre": count,
            "n_post": 0,
            "n_missing": int((self.whole.usable[: self.start] & ~self.observed[: self.start]).sum()),
            "n_terms": self.early.shape[1],
            "ar_order": partials.size,
            "rho1": partials[0] if partials.size else np.nan,
            "rho2": partials[1] if partials.size > 1 else np.nan,
            "sigma": float(self.fit.sigma[0]),
            "flags": "; ".join(sorted(name for name, raised in self.fit.flags.items() if raised[0])),
            "season": self.season,
            "weights": "none",
        }

    def _series(self) -> Iterator[Row]:
        scale = self.sheet.scale
        # a difference of logarithms is told as a ratio
        response = scale.back if self.sheet.own_level else scale.effect
        fitted = response(self.early @ self.fit.params[0])
        for index in range(len(self.values)):
            here = (index, self.column)
            yield {
                **self.keys,
                "period": self.plan.period(index),
                "observed": float(response(np.array(self.sheet.observed[here]))),
                "unit_value": float(scale.back(np.array(self.sheet.unit_values[here]))),
                "peer_mean": float(scale.back(np.array(self.sheet.peer_means[here]))),
                "denominator": float(self.sheet.denominators[here]),
                "used": bool(self.observed[index]),
                "fitted": float(fitted[index]),
                "event_time": index - self.start,
            }

    def _level(self) -> FloatArray:
        """Return what is added to a fitted series to have the unit's level: the mean of its peers."""
        own = np.zeros(len(self.early))
        return own if self.sheet.own_level else self.sheet.peer_means[: len(self.early), self.column]

    def _checks(self, config: Config, analysis: Analysis) -> tuple[list[CheckResult], list[Row]]:
        """Return the checks of the residuals and of the trend before the start."""
        if not config.checks.diagnostics:
            return [], []
        names = (self.plan.outcome.name, self.unit, self.comparison.name, "residuals")
        series = FittedSeries(
            self.early,
            self.values,
            self.fit.partial_autocorrelations[0],
            np.zeros(len(self.values), dtype=np.bool_),
            [self.plan.period(index) for index in range(len(self.values))],
            self.plan.per_year,
            None,
            analysis.alpha,
        )
        if series.fits_exactly:
            return [], []
        (simulated,) = simulate_residuals([series.whitening], [analysis.stream(*names)])
        found = diagnose(series, {}, lambda _: None, simulated)
        checks = [check for check in found.checks if check.status != "not_applicable"]
        if not self.sheet.own_level and "pre_slope" in self.terms:
            slope = np.zeros((1, len(self.terms)))
            slope[0, self.terms.index("pre_slope")] = 1.0
            read = self.fit.contrasts(slope)
            estimate, error, df = (float(part[0, 0]) for part in (read.estimate, read.std_error, read.df))
            margin = config.checks.pretrend_margin
            checks.append(pre_trend(estimate, error, df, margin, analysis.confidence))
        fitted = self.sheet.scale.back(self.early @ self.fit.params[0] + self._level())
        checks.append(
            floor_ceiling(
                fitted,
                fitted,
                self.observed,
                series.periods,
                percentage=self.plan.outcome.kind == "percentage",
            )
        )
        residuals = [
            {**self.keys, "period": self.plan.period(int(index)), "innovation": value}
            for index, value in zip(np.flatnonzero(self.observed), found.residuals, strict=True)
        ]
        return checks, residuals

    def _power(self, analysis: Analysis) -> tuple[list[Row], list[CheckResult]]:
        """Return the smallest effects found with 80 % power, and the size of the test of the answer.

        Every usable period from the start on counts as one that will have a value. Nothing where the data
        end before the start.
        """
        design, periods = self.whole, np.arange(self.whole.n_periods)
        seen = design.usable & (periods >= self.start)
        seen[: len(self.values)] |= self.observed
        contrasts = self._contrasts(analysis, seen)
        if not contrasts:
            return [], []
        partials = self.fit.partial_autocorrelations[:1]
        sigma = float(self.fit.sigma[0])
        try:
            fit = design_fit(design.matrix, partials if partials.size else np.zeros((1, 1)), seen)
        except NotEstimableError:
            return [], []
        read = fit.contrasts(np.array(list(contrasts.values())))
        rows = []
        for place, name in enumerate(contrasts):
            std_error, df = float(read.std_error[0, place]), float(read.df[0, place])
            if not std_error > 0:
                continue
            smallest = minimum_detectable(sigma * std_error, df, analysis.alpha)
            rows.append(
                {
                    **self.keys,
                    "estimand": name,
                    "minimum_detectable": float(self.sheet.scale.effect(np.array(smallest))),
                    "power": 0.8,
                    "alpha": analysis.alpha,
                }
            )
        return rows, [self._calibration(analysis, seen, contrasts[next(iter(contrasts))])]

    def _estimates(self) -> Estimates:
        """Return the series as it stands before it is fitted, with the design of the window."""
        seen = np.zeros(self.whole.n_periods, dtype=np.bool_)
        seen[: len(self.values)] = self.observed
        return Estimates(
            self.sheet,
            np.array([self.column], dtype=np.intp),
            seen,
            self.whole,
            self.entry.label,
            self.entry,
            ESTIMATORS[self.entry.name],
            self.sheet.scale,
            Reading((), np.empty((0, 0))),
            Statistics(ContrastEstimates(*np.empty((4, 1, 0))), np.empty((1, 0)), {}),
            whitenable=True,
        )

    def _contrasts(self, analysis: Analysis, seen: BoolArray) -> dict[str, FloatArray]:
        """Return the answer and the terms of the interruption, as rows over the terms of the window."""
        design = self.whole
        if not (seen & (np.arange(design.n_periods) >= self.start)).any():
            return {}
        linear = linear_contrasts(design, seen, analysis.question.at_of(design))
        names = (analysis.shown_estimand(design), *terms_of(CHANGE, design.interruption.shape))
        return {name: linear[name] for name in dict.fromkeys(names) if name in linear}

    def _calibration(self, analysis: Analysis, seen: BoolArray, contrast: FloatArray) -> CheckResult:
        """Return how often the answer's test finds something in series in which nothing happens.

        Series have the autocorrelation of the time before; the spread does not matter to a t-test.
        """
        design = self.whole
        names = (self.plan.outcome.name, self.unit, self.comparison.name, CALIBRATION)
        whitening = Whitening(design.matrix, self.fit.partial_autocorrelations[0], seen)
        noise = analysis.stream(*names).standard_normal((whitening.positions.size, DRAWS))
        series = whitening.errors(noise)
        kind = ESTIMATORS[self.entry.name]
        context = fit_context(self.sheet, design, seen)
        fitted = kind.fit(design.matrix, series, self.entry, context)
        share = float(np.mean(fitted.contrasts(contrast[None]).p_value[:, 0] <= analysis.alpha))
        said = (
            f"Of {DRAWS} simulated series with the autocorrelation of the time before, in which nothing "
            f"happens, the test of the answer finds a change in {100.0 * share:.1f} % "
            f"({100.0 * analysis.alpha:.3g} % are meant)."
        )
        return CheckResult(CALIBRATION, share, np.nan, "pass", said)


def _entry(comparison: Comparison, plan: OutcomePlan) -> Estimator:
    """Return the estimator that answers, where its errors are autoregressive or independent."""
    entries = comparison.entries(plan.outcome.estimators)
    usable = [entry for entry in entries[:1] if ESTIMATORS[entry.name].whitenable]
    # before the start there is one segment
    return usable[0].model_copy(update={"variance": "constant"}) if usable else _DESCRIPTIVE


def _described(plan: OutcomePlan, comparison: Comparison) -> tuple[list[_Before], list[NotEstimated]]:
    """Fit the time before of every treated unit, and return why that of others cannot be fitted."""
    sheet, failed = comparison.sheet(plan, comparison.targets(plan))
    entry = _entry(comparison, plan)
    found: list[_Before] = []
    for column, target in enumerate(sheet.targets):
        start = min(target.interruptions[0].start, plan.panel.n_periods)
        values = sheet.known_values(np.array([column]))[:start, 0]
        n_used = int((~np.isnan(values)).sum())
        before = np.zeros(plan.panel.n_periods, dtype=np.bool_)
        before[:start] = ~np.isnan(values)
        design = sheet.design(column, before)
        # what has not happened yet has no term; season and trend stay
        kept = np.flatnonzero(design.matrix[:start].any(axis=0))
        early = design.matrix[:start, kept]
        # every later period will have a value
        whole = sheet.design(column, before | (np.arange(plan.panel.n_periods) >= start))
        context = FitContext(n_used, np.zeros(start, dtype=np.bool_), plan.per_year)
        try:
            if n_used < DESCRIPTIVE_BELOW:
                said = f"{n_used} usable periods before the start; {DESCRIPTIVE_BELOW} are needed"
                raise ShortSeriesError(said)
            fit = ESTIMATORS[entry.name].fit(early, values[:, None], entry, context)
        except NotEstimableError as error:
            names = (plan.outcome.name, target.unit, comparison.name, entry.label)
            failed.append(NotEstimated(*names, error.reason, str(error)))
            continue
        terms = tuple(design.terms[place] for place in kept)
        series = (sheet, column, entry, early, terms, design.season.label, whole, values, fit)
        found.append(_Before(plan, comparison, *series))
    return found, failed


def _placebos(
    plan: OutcomePlan, comparison: Comparison, analysis: Analysis, fits: Sequence[DonorFits]
) -> Iterator[Row]:
    """Yield the answer of every donor in the place of a treated unit; the unit itself is not among them."""
    for part in fits:
        for unit in part.units:
            for item in analysis.primary(part.estimates):
                yield {
                    "outcome": plan.outcome.name,
                    "unit": unit,
                    "design": comparison.name,
                    "estimand": item.estimand,
                    "placebo": item.unit,
                    "estimate": item.shown(item.estimate),
                    "statistic": item.statistic,
                }
