"""Fits of series reduced to quadratic forms: from the outcomes to parameters, covariances and flags."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimate.assembly import blank_fit, scatter
from its_eval.estimate.autoregression import marginal_variance
from its_eval.estimate.fit import BoolArray, Fit, FloatArray
from its_eval.estimate.forms_covariance import forms_kenward_roger
from its_eval.estimate.forms_profile import FINER, best_optimum, evaluate_forms, search_axes
from its_eval.estimate.reml_ar import BOUND_MARGIN, FLAGS, autocorrelation_flags
from its_eval.estimate.series_forms import (
    OrthonormalDesigns,
    SeriesForms,
    exact_lines,
    residual_coordinates,
)

if TYPE_CHECKING:
    from its_eval.estimate.error_model import ErrorModel

#: A variance ratio outside these is worth a look: the standard deviation changes by three tenths.
NOTABLE_RATIO = (0.6, 1.7)
#: Numbers that the working arrays of one chunk of series may hold, about 60 MB.
CHUNK_NUMBERS = 8_000_000

#: Designs and residuals (S, n) to the forms of the series; these and residuals to the objective on the grid.
Reduce = Callable[[OrthonormalDesigns, FloatArray], FloatArray]
Search = Callable[[SeriesForms, FloatArray], FloatArray]


def model_flags(model: ErrorModel) -> tuple[str, ...]:
    """Return the names of the flags of fits with this error model."""
    return (*FLAGS, "variance_changes") if model.by_segment else FLAGS


def blank_forms_fit(model: ErrorModel, n_series: int, n_terms: int) -> Fit:
    """Return ``assembly.blank_fit`` for this error model, with variance ratios of 1."""
    blank = blank_fit(n_series, n_terms, model.n_parameters + 1, model.order, model_flags(model))
    return replace(blank, variance_ratio=np.ones(n_series)) if model.by_segment else blank


def chunk_size(model: ErrorModel, n_columns: int) -> int:
    """Return the number of series to fit at a time to keep memory modest."""
    forms = 3 * model.lags.size * (n_columns + 1) ** 2
    fine_points = math.prod(axis.size for axis in search_axes(model, FINER[model.n_parameters]))
    months = model.n_rows * (2 * model.n_rows + 3 * model.n_parameters * n_columns)
    return max(16, CHUNK_NUMBERS // (forms + months + 3 * fine_points))


def fit_forms(
    model: ErrorModel,
    designs: OrthonormalDesigns,
    outcomes: FloatArray,
    observed: BoolArray,
    reduce: Reduce,
    search: Search,
) -> Fit:
    """Fit series that miss equally many months.

    Parameters
    ----------
    model : ErrorModel
    designs : OrthonormalDesigns
        Of S series.
    outcomes, observed : ndarray, shape (S, n)
        Outcomes with 0 at missing months, and which months have a value.
    reduce : callable
        ``A_m`` from designs and residuals: ``series_forms.own_forms`` or ``shared_forms``.
    search : callable
        The objective on the search grid from forms and residuals.
    """
    coordinates, residuals, length = residual_coordinates(designs, outcomes)
    degenerate = exact_lines(outcomes, observed, length)
    whole = blank_forms_fit(model, len(outcomes), designs.triangular.shape[-1])
    whole.params[:] = np.linalg.solve(designs.triangular, coordinates[:, :, None])[:, :, 0]
    whole.covariance.df_residual[:] = designs.residual_df
    whole.n_used[:] = observed.sum(axis=1)
    whole.flags["degenerate"][:] = degenerate
    regular = np.flatnonzero(~degenerate)
    if regular.size:
        chosen = designs.take(regular)
        series = SeriesForms(reduce(chosen, residuals[regular]), length[regular], coordinates[regular])
        theta = best_optimum(model, series, designs.residual_df, search(series, residuals[regular]))
        scatter(whole, regular, _fit_at(model, chosen, series, theta))
    return whole


def _fit_at(model: ErrorModel, designs: OrthonormalDesigns, series: SeriesForms, theta: FloatArray) -> Fit:
    """Fit at given parameters."""
    df, order = designs.residual_df, model.order
    n_series, n_terms = series.coordinates.shape
    profile = evaluate_forms(model, series, df, theta)
    innovation_variance = profile.rss * series.length**2 / df
    partials = theta[:, :order]
    coordinates = series.coordinates + series.length[:, None] * profile.shift[:, :n_terms]
    diagonal = np.abs(np.diagonal(designs.triangular, axis1=1, axis2=2))
    constant = df * (np.log(2.0 * np.pi / df) + 1.0) + 2.0 * np.log(diagonal).sum(axis=1)
    return Fit(
        params=np.asarray(np.linalg.solve(designs.triangular, coordinates[:, :, None]))[:, :, 0],
        covariance=forms_kenward_roger(model, designs, profile, theta, innovation_variance),
        sigma=np.sqrt(innovation_variance * marginal_variance(partials)),
        partial_autocorrelations=partials,
        log_likelihood=-(df * (profile.value + 2.0 * np.log(series.length)) + constant) / 2.0,
        n_used=np.full(n_series, df + n_terms, dtype=np.int64),
        flags=_flags(model, theta),
        variance_ratio=np.exp(theta[:, order]) if model.by_segment else None,
    )


def _flags(model: ErrorModel, theta: FloatArray) -> dict[str, BoolArray]:
    """Return the flags of parameters (S, q); whether a series is degenerate is not known from these."""
    flags = autocorrelation_flags(theta[:, : model.order])
    flags["degenerate"] = np.zeros(len(theta), dtype=np.bool_)
    if model.by_segment:
        log_ratio = theta[:, model.order]
        limit = model.bounds()[1][model.order]
        low, high = np.log(NOTABLE_RATIO)
        flags["at_bound"] |= np.abs(log_ratio) >= limit - BOUND_MARGIN
        flags["variance_changes"] = (log_ratio < low) | (log_ratio > high)
    return flags
