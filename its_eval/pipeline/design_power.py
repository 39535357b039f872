"""What a design could detect, from its config alone: before any data exist.

Of every unit the design that a run would fit: its own start, the phase-in, fitted events and masked periods.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from msgspec import Struct
from msgspec.structs import replace

from its_eval.checks.label_power import OwnTest, smallest_labelled
from its_eval.checks.power import design_fit, minimum_detectable
from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.data.panel import empty_panel
from its_eval.design.matrix import informing
from its_eval.effects.estimands import CHANGE, linear_contrasts, terms_of
from its_eval.errors import ConfigError, NotEstimableError
from its_eval.estimators.kind import autoregressive_order
from its_eval.evaluation import Evaluation
from its_eval.pipeline.plan import planned_designs, planned_treatment, windows_missing
from its_eval.pipeline.primary import Analysis
from its_eval.pipeline.terms import Terms

if TYPE_CHECKING:
    from its_eval.config import Config, Outcome
    from its_eval.data.panel import Panel
    from its_eval.design.matrix import Design
    from its_eval.estimators.fit import BoolArray, Fit, FloatArray
    from its_eval.pipeline.plan import Treatment


#: Lengths that are tried, as shares of the configured ones, and the shortest segment among them.
LENGTHS = (0.5, 0.75, 1.0, 1.5, 2.0)
SHORTEST = 8
#: First autocorrelations that are tried.
AUTOCORRELATIONS = (0.0, 0.2, 0.4, 0.6, 0.8)
#: Columns of the table, in order.
COLUMNS = (
    *("outcome", "design", "unit", "n_units", "estimand", "autocorrelation", "n_pre", "n_post", "configured"),
    *("minimum_detectable", "minimum_detectable_label", "df", "power", "alpha"),
)
#: Estimands that are shown per year.
_TRENDS = ("pre_slope", "slope_change", "post_slope")

Row = dict[str, object]


def design_power(
    config: Config, autocorrelations: Sequence[float] = AUTOCORRELATIONS, power: float = 0.8
) -> Evaluation:
    """Return the smallest effects that a config could detect, by number of periods and autocorrelation.

    Standard errors and degrees of freedom are taken at the stated autocorrelation, while a fit estimates it.
    In simulated series of 83 and more periods the power at these effects is 78 to 80 % for an autocorrelation
    of up to 0.4; for slopes it is less where few degrees of freedom are left (74 % for 83 periods, 27 of them
    before, at 0.7; 67 % for 48 periods at 0.7), so that there the smallest effect is a lower bound.

    Parameters
    ----------
    config : Config
        Every outcome needs ``start`` and ``end``: the data that would tell may not exist yet. Of the designs
        those of one series per treated unit are shown.
    autocorrelations : sequence of float
        First partial autocorrelations of the errors.
    power : float
        Probability with which the effect is to be found.

    Returns
    -------
    Evaluation
        With the one table ``power_curve``; effects in standard deviations of a unit's residuals, a change of
        slope per year. ``unit`` is the first of ``n_units`` to which the same happens.
        ``minimum_detectable`` is that of the interval; ``minimum_detectable_label``, for the configured
        length, that of the label by the question, at the level of its family and if other units did not
        change by themselves.

    Raises
    ------
    ConfigError
        For outcomes without a window, and without such a design.
    """
    problems = windows_missing(config)
    hint = "give them with the outcome or in outcome_defaults"
    # one series per treated unit, whose standard error is known beforehand
    able = [name for name, item in COMPARISONS.items() if item.has_mean_series]
    if not set(config.designs) & set(able):
        problems.append(f"designs: {', '.join(config.designs)}; power knows {' and '.join(able)}")
        hint = "use a copy of the config with `designs: [single, difference]`"
    if problems:
        raise ConfigError(problems, hint)
    rows = [row for item in config.outcomes for row in _outcome_rows(config, item, autocorrelations, power)]
    table = pd.DataFrame.from_records(rows, columns=list(COLUMNS))
    outcomes = {
        item.name: {
            "label": item.label,
            "unit": item.unit,
            "kind": item.kind,
            "better": item.better,
            "transform": item.transform,
            "frequency": config.data.frequency,
            "per_year": config.data.calendar.per_year,
            "confidence": config.confidence,
        }
        for item in config.outcomes
    }
    return Evaluation(config.title, {"power_curve": table}, (), outcomes)


def _outcome_rows(
    config: Config, outcome: Outcome, autocorrelations: Sequence[float], power: float
) -> Iterator[Row]:
    """Yield the rows of an outcome: the window stretches on both sides of the first start."""
    calendar = config.data.calendar
    treatment = planned_treatment(config)
    units = treatment.units
    first = min(calendar.parse(date) for date in treatment.dates.values())
    own = (first - calendar.parse(str(outcome.start)), calendar.parse(str(outcome.end)) - first + 1)
    lengths = {
        (max(round(own[0] * share), SHORTEST), max(round(own[1] * share), SHORTEST)) for share in LENGTHS
    } | {own}
    for name in config.designs:
        if not COMPARISONS[name].has_mean_series:
            continue
        k = config.peers.k if config.peers is not None and COMPARISONS[name].subtracts else None
        # residuals of a unit and of the mean of k others of the same size
        inflation = float(np.sqrt(1.0 + 1.0 / k)) if isinstance(k, int) else 1.0
        for n_pre, n_post in sorted(lengths):
            panel = empty_panel(outcome.name, calendar, first - n_pre, n_pre + n_post, units)
            window = _Window(config, outcome, treatment, panel, autocorrelations, power, inflation)
            for row in window.rows(labels=(n_pre, n_post) == own):
                yield {"outcome": outcome.name, "design": name, **row}


class _Window(Struct, frozen=True):
    """One window of an outcome, without values, and what is asked of it.

    Attributes
    ----------
    config, outcome, treatment, panel, autocorrelations, power
        As for `design_power`; the panel has no values.
    inflation : float
        Standard deviation of the residuals of a unit's series, a unit's own being 1.
    """

    config: Config
    outcome: Outcome
    treatment: Treatment
    panel: Panel
    autocorrelations: Sequence[float]
    power: float
    inflation: float

    def rows(self, *, labels: bool) -> Iterator[Row]:
        """Yield the rows of each group of units to which the same happens; without labels NaN for theirs."""
        analysis = Analysis.of(self.config)
        n_units, outcomes = len(self.treatment.units), len(self.config.outcomes)
        for design, observed, units in planned_designs(self.config, self.outcome, self.treatment, self.panel):
            each = n_units * (
                len(design.interruptions) if "interruption" in self.config.multiplicity.across else 1
            )
            terms = Terms.of(self.config, self.outcome.better, n_units, (outcomes - 1) * each)
            told = informing(design.interruptions, observed)
            order = autoregressive_order(self.outcome.estimators[0].order, int(told.sum()))
            partials = np.zeros((len(self.autocorrelations), order))
            partials[:, 0] = self.autocorrelations
            contrasts = _contrasts(analysis, design, observed, configured=labels)
            try:
                fit: Fit | None = design_fit(design.matrix, partials, observed)
            except NotEstimableError:
                fit = None
            common = {"unit": units[0], "n_units": len(units), "power": self.power, "alpha": terms.alpha}
            start = design.interruption.start
            common |= {"n_pre": start, "n_post": self.panel.n_periods - start, "configured": labels}
            alpha = terms.alpha / terms.size(len(design.interruptions))
            for point, autocorrelation in enumerate(self.autocorrelations):
                label = self._labelled(fit, point, analysis, design, contrasts, alpha) if labels else {}
                for name, row in contrasts.items():
                    smallest, df = self._of_interval(fit, point, row, terms.alpha)
                    yield common | {
                        "estimand": name,
                        "autocorrelation": autocorrelation,
                        "minimum_detectable": smallest,
                        "minimum_detectable_label": label.get(name, np.nan),
                        "df": df,
                    }

    def _of_interval(self, fit: Fit | None, point: int, row: FloatArray, alpha: float) -> tuple[float, float]:
        """Return the smallest effect of the interval of a contrast, and its degrees of freedom."""
        if fit is None:
            return np.nan, np.nan
        read = fit.one(point).contrasts(row[None])
        std_error, df = self.inflation * float(read.std_error[0, 0]), float(read.df[0, 0])
        return (minimum_detectable(std_error, df, alpha, self.power) if std_error > 0 else np.nan), df

    def _labelled(
        self,
        fit: Fit | None,
        point: int,
        analysis: Analysis,
        design: Design,
        contrasts: dict[str, FloatArray],
        alpha: float,
    ) -> dict[str, float]:
        """Return the smallest effect of each term of the question, alone, that its test finds."""
        names = terms_of(analysis.estimand, design.interruption.shape)
        if fit is None or not set(names) <= set(contrasts):
            return {}
        # the joint test has a scale of its own, which any coefficients that are not 0 show
        known = replace(fit.one(point), params=np.ones((1, len(design.terms))))
        test = OwnTest.of(known, 0, np.array([contrasts[name] for name in names]))
        found = smallest_labelled(test, (), np.eye(len(names)), alpha=alpha, power=self.power)
        return dict(zip(names, (self.inflation * found).tolist(), strict=True))


def _contrasts(
    analysis: Analysis, design: Design, observed: BoolArray, *, configured: bool
) -> dict[str, FloatArray]:
    """Return what the intervention may change, and what answers the question, as rows; trends per year.

    In windows too short for the effect after a year another one has its place in the configured one alone.
    """
    linear = linear_contrasts(design, observed, analysis.question.at_of(design))
    years, shown = analysis.question.year, analysis.shown_estimand(design)
    same = configured or analysis.estimand != CHANGE or shown == f"effect_at_{years}"
    names = (*terms_of(CHANGE, design.interruption.shape), *([shown] if same else []))
    return {
        name: linear[name] * (years if name in _TRENDS else 1)
        for name in dict.fromkeys(names)
        if name in linear
    }
