"""Designs of gaps to a mixture of donors that is fitted before the start, such as the synthetic control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.comparisons.base import Comparison
from its_eval.design.segments import require_segments
from its_eval.errors import NotEstimableError
from its_eval.estimators.fit import CovarianceModel
from its_eval.estimators.least_squares import fit_ols
from its_eval.peers.donor_weights import synthetic_weights
from its_eval.pipeline.estimate import Estimates, whole_estimates
from its_eval.pipeline.pieces import not_estimated
from its_eval.pipeline.plan import Target
from its_eval.pipeline.sheet import NotEstimated, comparative_covariates, make_sheet

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.comparisons.base import Fitted
    from its_eval.config import Estimator
    from its_eval.design.matrix import Design
    from its_eval.estimators.fit import Fit
    from its_eval.pipeline.estimate import Ask
    from its_eval.pipeline.plan import OutcomePlan
    from its_eval.pipeline.sheet import Sheet

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

#: Units in the last place of the largest value by which a series may vary from rounding alone.
ULPS = 8
#: A prediction error of so small a share of the values is rounding: the mixture reproduces the unit.
ROUNDING = 1e-10


class Mixture(Struct, frozen=True):
    """A weighted sum of donors that stands for a unit, and what its fit says of itself.

    Attributes
    ----------
    weights : ndarray, shape (J,)
        They sum to 1.
    level : float
        What the unit is expected to have more.
    periods : ndarray, shape (n0,), or None
        What each period before the start counts in the level; None where all count alike.
    errors : ndarray, shape (n0,), or None
        Prediction errors before the start; None where these are the gaps.
    """

    weights: FloatArray
    level: float
    periods: FloatArray | None = None
    errors: FloatArray | None = None


class Synthetic(Comparison, frozen=True):
    """A unit beside a mixture of donors that moved like it before the start."""

    def mixture(self, unit: FloatArray, before: FloatArray, after: FloatArray) -> Mixture:  # noqa: ARG002
        """Return the mixture that stands for a unit.

        Parameters
        ----------
        unit : ndarray, shape (n0,)
            The unit before the start, without gaps.
        before, after : ndarray, shape (n0, J) and (n1, J)
            Donors in the same periods, and in those with an effect in which the unit has a value.
        """
        return Mixture(*synthetic_weights(unit, before))

    def entries(self, estimators: Sequence[Estimator]) -> tuple[Estimator, ...]:  # noqa: ARG002
        """Return none: only placebos tell about it."""
        return ()

    def scales(self, estimates: Sequence[Estimates]) -> dict[str, float] | None:
        """Return the prediction error before the start, by unit; 0 where the mixture reproduces the unit."""
        errors = {}
        for item in estimates:
            before, _ = item.design.segments()
            for unit, column in zip(item.units, item.columns, strict=True):
                known = before & item.observed
                sheet = item.sheet
                errors_before = sheet.values if sheet.prediction_errors is None else sheet.prediction_errors
                gap = errors_before[known, column]
                level = float(np.abs(sheet.unit_values[known, column]).max())
                error = float(np.sqrt(np.mean(gap**2)))
                errors[unit] = error if error > ROUNDING * level else 0.0
        return errors

    def shares(self, sheet: Sheet, column: int) -> dict[str, float]:
        """Return the weights of the mixture."""
        return sheet.mixtures[column]

    def peers(self, plan: OutcomePlan, unit: str) -> tuple[str, ...]:
        """Return every donor: the mixture chooses among them."""
        return plan.donors.get(unit, ())

    def _without_peers(self, plan: OutcomePlan, target: Target) -> tuple[str, str]:
        return ("no_peers", plan.no_peers[target.unit]) if target.unit in plan.no_peers else ("", "")

    def sheet(self, plan: OutcomePlan, targets: Sequence[Target]) -> tuple[Sheet, list[NotEstimated]]:
        """Make the gaps of units to their mixtures, less their mean before the start."""
        kept, failed = self._split(plan, targets)
        alone = make_sheet(plan, [replace(target, peers=()) for target in kept], self.name)
        gaps, without = mixed(replace(alone, targets=tuple(kept)), self)
        return gaps, [*failed, *without]

    def fit(self, sheet: Sheet, entries: Sequence[Estimator], ask: Ask) -> Fitted:  # noqa: ARG002
        """Describe the gaps by the segmented regression, without standard errors.

        The weights make the gap small before the start, so its residuals there say nothing about its error
        after (methods §7): every standard error is missing, and only placebos tell how unusual an estimate
        is.
        """
        found: list[Estimates] = []
        failed: list[NotEstimated] = []
        for column in range(len(sheet.targets)):
            places = np.array([column])
            observed = ~np.isnan(sheet.known_values(places)[:, 0])
            if np.isnan(sheet.values[:, column]).all():
                continue
            design = sheet.design(column, observed)
            values = np.where(observed, sheet.values[:, column], np.nan)[:, None]
            try:
                require_segments(design.interruptions, observed & design.usable)
                fit = self.described(sheet, column, design, fit_ols(design.matrix, values))
            except NotEstimableError as error:
                failed += not_estimated(sheet, (column,), self.own_label, error, design)
                continue
            blank = CovarianceModel(
                np.full_like(fit.covariance.adjusted, np.nan),
                np.full_like(fit.covariance.model, np.nan),
                fit.covariance.gradients,
                fit.covariance.parameter_covariance,
                fit.covariance.df_residual,
            )
            without_errors = replace(fit, covariance=blank)
            row = whole_estimates(sheet, column, observed, design, self.own_label, without_errors, ask)
            found.append(replace(row, placebo_only=True))
        return found, failed

    def described(self, sheet: Sheet, column: int, design: Design, fit: Fit) -> Fit:  # noqa: ARG002
        """Return the description of one series: by least squares over all periods."""
        return fit


def varies(values: FloatArray) -> BoolArray:
    """Return which series (n, S) vary by more than the rounding of their values, shape (S,)."""
    return np.asarray(np.ptp(values, axis=0) > ULPS * np.finfo(float).eps * np.abs(values).max(axis=0))


def mixed(sheet: Sheet, comparison: Synthetic) -> tuple[Sheet, list[NotEstimated]]:
    """Return the gaps of units to their mixtures.

    Parameters
    ----------
    sheet : Sheet
        Units with their donors as peers.
    comparison : Synthetic
        Whose mixtures.

    Returns
    -------
    sheet : Sheet
        ``values`` are gaps, less their (weighted) mean before the start; ``peer_means`` the mixtures,
        ``mixtures`` the weights of donors without gaps, 0 among them.
    failed : list of NotEstimated
        Units without complete periods before the start, or without donors that vary there.
    """
    plan = sheet.plan
    values, means = sheet.values.copy(), np.full_like(sheet.values, np.nan)
    mixtures: list[dict[str, float]] = []
    periods, errors = np.full_like(sheet.values, np.nan), np.full_like(sheet.values, np.nan)
    own_covariates = list(zip(sheet.covariates, sheet.covariate_names, strict=True))
    failed: list[NotEstimated] = []
    for column, target in enumerate(sheet.targets):
        usable = plan.usable(target.interruptions)
        donors = plan.scaled[:, plan.panel.columns(target.peers)]
        complete = ~np.isnan(donors[usable]).any(axis=0)
        donors, codes = donors[:, complete], tuple(np.array(tuple(target.peers))[complete])
        own, time, first = sheet.unit_values[:, column], np.arange(len(plan.scaled)), target.interruptions[0]
        known = usable & ~np.isnan(own)
        before = known & (time < first.start)
        after = known & (time >= first.first_effect) & (time < first.end)
        message = ""
        if len(codes) < 2 or before.sum() < 3:
            message = (
                f"{target.unit} has {len(codes)} donors without gaps and {before.sum()} periods before the "
                "start; 2 and 3 are needed"
            )
        elif varies(own[before][:, None]).any() and not varies(donors[before]).any():
            message = (
                f"no donor of {target.unit} varies before the start, so that no mixture of them can follow it"
            )
        elif comparison.weighs_periods and not after.any():
            message = f"{target.unit} has no period with an effect, which earlier periods are weighted by"
        if message:
            row = (plan.outcome.name, target.unit, sheet.comparison, comparison.own_label)
            failed.append(NotEstimated(*row, "no_donors", message))
            values[:, column] = np.nan
            mixtures.append({})
            continue
        found = comparison.mixture(own[before], donors[before], donors[after])
        weights = found.weights
        means[:, column] = donors @ weights + found.level
        values[:, column] = np.where(usable, own - means[:, column], np.nan)
        mixtures.append({str(code): float(weight) for code, weight in zip(codes, weights, strict=True)})
        for into, numbers in ((periods, found.periods), (errors, found.errors)):
            if numbers is not None:
                into[before, column] = numbers
        if own_covariates:
            parts = weights != 0
            chosen = Target(target.unit, target.interruptions, tuple(np.array(codes)[parts]))
            own_covariates[column] = comparative_covariates(plan, chosen, usable, weights[parts])
    gaps = replace(
        sheet,
        values=values,
        observed=sheet.unit_values - means,
        peer_means=means,
        own_level=False,
        covariates=tuple(columns for columns, _ in own_covariates),
        covariate_names=tuple(names for _, names in own_covariates),
        mixtures=tuple(mixtures),
        period_weights=None if np.isnan(periods).all() else periods,
        prediction_errors=None if np.isnan(errors).all() else errors,
    )
    return gaps, failed


SYNTHETIC = Synthetic(
    "synthetic",
    in_words=(
        "a weighted mean of other units (synthetic control)",
        "weighted means of other units (synthetic controls)",
    ),
    method="Synthetic control: the unit minus the weighted mean of other units that follows it best before "
    "the start; its inference rests on placebo units alone.",
    own_label="synthetic",
    takes_all_donors=True,
    judged_by_placebos=True,
    fits_gap=True,
    mixture_words="synthetic control",
)
