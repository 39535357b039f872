"""Fits of series reduced to quadratic forms: parameters, KR1 covariances, series with their own designs.

The algebra is that of ``kenward_roger``, for any error model whose precision matrix is a weighted sum of
forms, and with the covariance matrix V itself between the columns ``N_a Q``: ``W_ab = (N_a Q)'V (N_b Q)``.
The variance parameters are ``(log sigma_e^2, theta)``.

Percentages weighted by their sampling variance (rows of X and y divided by the root of each month's variance,
``sampling_variance``) share no design, so the tables of ``reml_ar`` would have to be made for every series.
Here every series is reduced to its quadratic forms instead, and everything is done in stacked small matrices.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from its_eval.estimators.fit import (
    RANK_TOLERANCE,
    BoolArray,
    CovarianceModel,
    Fit,
    FloatArray,
    SingularDesignError,
    blank_fit,
    degenerate_series,
    precision_lost,
    require_estimable,
    scatter,
)
from its_eval.estimators.reml.autoregression import marginal_variance
from its_eval.estimators.reml.error_model import ErrorModel, constant_variance, variance_by_segment
from its_eval.estimators.reml.forms import (
    FINER,
    OrthonormalDesigns,
    SeriesForms,
    evaluate_forms,
    grid_objective,
    optimum,
    orthonormal_designs,
    own_forms,
    residual_coordinates,
    search_axes,
    starting_points,
    weighted_columns,
)
from its_eval.estimators.reml.isolated import add_isolated, alike, isolated_months, traces_without
from its_eval.estimators.reml.profile import trace_products
from its_eval.estimators.reml.reml_ar import BOUND_MARGIN, FLAGS, autocorrelation_flags

if TYPE_CHECKING:
    from its_eval.estimators.reml.forms import FormsProfile


def forms_kenward_roger(
    model: ErrorModel,
    designs: OrthonormalDesigns,
    profile: FormsProfile,
    theta: FloatArray,
    innovation_variance: FloatArray,
) -> CovarianceModel:
    """Covariance model of the coefficients of X.

    Parameters
    ----------
    model : ErrorModel
    designs : OrthonormalDesigns
        One for each of S series, or a single one for all.
    profile : FormsProfile
        At theta.
    theta : ndarray, shape (S, q)
    innovation_variance : ndarray, shape (S,)
        ``sigma_e^2``, before the interruption.

    Returns
    -------
    CovarianceModel
        Matrices of shape (S, k, k), unit columns of missing months dropped; q + 1 variance parameters.
    """
    n_series, n_free = theta.shape
    n_terms = designs.triangular.shape[-1]
    n_forms = model.lags.size
    moved = weighted_columns(model, profile.terms.first[:, :, :n_forms], designs.basis)
    if designs.isolated is not None:
        add_isolated(moved, designs.basis, designs.isolated, profile.terms.first[:, :, n_forms:])
    n_rows, n_columns = moved.shape[2:]
    beside = np.swapaxes(moved, 1, 2).reshape(n_series, n_rows, n_free * n_columns)
    rooted = model.rooted(theta, beside)
    covered = np.swapaxes(rooted, 1, 2) @ rooted
    crossed = np.swapaxes(covered.reshape(n_series, n_free, n_columns, n_free, n_columns), 2, 3)
    relative = profile.inverse[:, None] @ profile.inner_first
    information = _information(model, designs, profile, theta, crossed, relative)
    parameter_covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)

    free = parameter_covariance[:, 1:, 1:]
    mixed = (free @ relative.reshape(n_series, n_free, -1)).reshape(n_series, n_free * n_columns, n_columns)
    beside = np.swapaxes(profile.inner_first, 1, 2).reshape(n_series, n_columns, n_free * n_columns)
    adjustment = np.einsum("sab,sabij->sij", free, crossed) - beside @ mixed
    # Of the rows of Q-coordinates only those of X's own columns are reported.
    back = np.linalg.inv(designs.triangular)
    half = back @ profile.inverse[:, :n_terms]
    half_transposed = np.swapaxes(half, 1, 2)
    scale = innovation_variance[:, None, None]
    covariance = scale * (half[:, :, :n_terms] @ np.swapaxes(back, 1, 2))
    covariance = (covariance + np.swapaxes(covariance, 1, 2)) / 2.0
    gradients = np.empty((n_series, n_free + 1, n_terms, n_terms))
    gradients[:, 0] = -covariance
    gradients[:, 1:] = scale[:, None] * (half[:, None] @ profile.inner_first @ half_transposed[:, None])
    adjusted = covariance + 2.0 * scale * (half @ adjustment @ half_transposed)
    return CovarianceModel(
        adjusted=(adjusted + np.swapaxes(adjusted, 1, 2)) / 2.0,
        model=covariance,
        gradients=gradients,
        parameter_covariance=parameter_covariance,
        df_residual=np.broadcast_to(designs.residual_df, n_series).astype(np.float64),
    )


def _information(
    model: ErrorModel,
    designs: OrthonormalDesigns,
    profile: FormsProfile,
    theta: FloatArray,
    crossed: FloatArray,
    relative: FloatArray,
) -> FloatArray:
    """Return the expected information of ``(log sigma_e^2, theta)``, shape (S, q + 1, q + 1)."""
    terms = profile.terms
    n_series, n_free = theta.shape
    if designs.n_isolated is None:
        traces = model.form_traces(theta)
    else:
        traces = traces_without(model, theta, designs.n_isolated)
    whole = (terms.second @ traces[:, None, :, None])[:, :, :, 0]
    whole -= terms.log_determinant_second
    projected = np.einsum("sij,sabji->sab", profile.inverse, crossed)

    information = np.empty((n_series, n_free + 1, n_free + 1))
    information[:, 0, 0] = designs.residual_df / 2.0
    scale = (np.einsum("saii->sa", relative) - terms.log_determinant_first) / 2.0
    information[:, 0, 1:] = information[:, 1:, 0] = scale
    symmetric = projected + np.swapaxes(projected, 1, 2)
    information[:, 1:, 1:] = (whole - symmetric + trace_products(relative)) / 2.0
    return information


#: A variance ratio outside these is worth a look: the standard deviation changes by three tenths.
NOTABLE_RATIO = (0.6, 1.7)
#: Numbers that the working arrays of one chunk of series may hold, about 60 MB.
CHUNK_NUMBERS = 8_000_000

#: Designs and residuals (S, n) to the forms of the series; all three to the objective on the grid.
Reduce = Callable[[OrthonormalDesigns, FloatArray], FloatArray]
Search = Callable[[OrthonormalDesigns, SeriesForms, FloatArray], FloatArray]


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
    """Fit series with equally many columns.

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
        The objective at the starting points from designs, forms and residuals.
    """
    coordinates, residuals, length = residual_coordinates(designs, outcomes)
    total = np.einsum("st,st->s", outcomes, outcomes)
    degenerate = degenerate_series(outcomes.T, observed.T, length**2, total)
    whole = blank_forms_fit(model, len(outcomes), designs.triangular.shape[-1])
    whole.params[:] = np.linalg.solve(designs.triangular, coordinates[:, :, None])[:, :, 0]
    whole.covariance.df_residual[:] = designs.residual_df
    whole.n_used[:] = observed.sum(axis=1)
    whole.flags["degenerate"][:] = degenerate
    regular = np.flatnonzero(~degenerate)
    if regular.size:
        chosen = designs.take(regular)
        forms = reduce(chosen, residuals[regular])
        series = SeriesForms(forms, length[regular], coordinates[regular], chosen.n_isolated)
        theta = optimum(model, series, chosen.residual_df, search(chosen, series, residuals[regular]))
        scatter(whole, regular, fit_at(model, chosen, series, theta))
    whole.flags["precision_lost"][:] = precision_lost(length**2, total) & ~degenerate
    return whole


def fit_at(model: ErrorModel, designs: OrthonormalDesigns, series: SeriesForms, theta: FloatArray) -> Fit:
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
        n_used=np.broadcast_to(df + n_terms, n_series).astype(np.int64),
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


def require_both_variances(X: FloatArray, observed: BoolArray, after: BoolArray) -> None:
    """Raise unless residuals of both segments are left: those of the other one alone hold no ratio.

    Parameters
    ----------
    X : ndarray, shape (n, k)
    observed, after : ndarray of bool, shape (n,)
        Months with a value, and months of the second segment.

    Raises
    ------
    SingularDesignError
    """
    used = X[observed]
    for inside, name in ((~after, "before"), (after, "after")):
        outside = X[observed & ~inside]
        rank = np.linalg.matrix_rank(outside) if outside.size else 0
        own_df = int((observed & inside).sum()) - (used.shape[1] - int(rank))
        if own_df < 1:
            raise SingularDesignError(
                f"the {int((observed & inside).sum())} usable observations {name} the interruption leave no "
                f"degree of freedom for a variance of their own",
                terms=(),
                n_used=used.shape[0],
                n_terms=used.shape[1],
            )


def fit_reml_ar_own(X: FloatArray, Y: FloatArray, order: int, after: BoolArray | None = None) -> Fit:
    """Fit series that each have a design and missing months of their own.

    The same numbers and flags as ``fit_reml_ar(X[s], Y[:, [s]], order)`` for one series after the other, or
    as ``fit_reml_by_segment(X[s], Y[:, [s]], order, after)``. With rows divided by the roots of relative
    variances W, ``V = sigma^2 W^{1/2} D R D W^{1/2}``: the variance of a segment times that of the month.

    Parameters
    ----------
    X : ndarray, shape (S, n, k)
        Designs over all months.
    Y : ndarray, shape (n, S)
        Outcomes, NaN where a month is missing.
    order : int
        p, 1 or 2.
    after : ndarray of bool, shape (n,), optional
        Months with a variance of their own; one variance by default.

    Returns
    -------
    Fit
        Flags as those of ``fit_reml_ar`` or ``fit_reml_by_segment``.

    Raises
    ------
    SingularDesignError
        As either of these, for the first series concerned; a note on the error says which it is.
    ValueError
        For another order, and when X and Y differ in series or months.
    """
    if X.shape[:2] != Y.T.shape:
        raise ValueError(
            f"X has {X.shape[0]} series of {X.shape[1]} months and "
            f"Y {Y.shape[1]} series of {Y.shape[0]} months"
        )
    model = constant_variance(order, Y.shape[0]) if after is None else variance_by_segment(order, after)
    observed = ~np.isnan(Y.T)
    doubtful = range(Y.shape[1]) if after is not None else np.flatnonzero(_doubtful(X, observed, order + 1))
    for series in doubtful:
        try:
            require_estimable(X[series], observed[series], minimum_df=model.n_parameters + 1)
            if after is not None:
                require_both_variances(X[series], observed[series], after)
        except SingularDesignError as error:
            error.add_note(f"series {series}, counted from 0")
            raise
    outcomes = np.where(observed, Y.T, 0.0)
    result = blank_forms_fit(model, Y.shape[1], X.shape[2])
    # the forms of isolated months are those of a constant variance
    isolated = isolated_months(observed, order) & (after is None)
    for places, count, gaps in alike(observed, isolated):
        size = chunk_size(model, X.shape[2] + count)
        for start in range(0, places.size, size):
            chunk = places[start : start + size]
            alone = isolated[chunk] if gaps and after is None else None
            scatter(result, chunk, _fit_chunk(model, X[chunk], outcomes[chunk], observed[chunk], alone))
    return result


def _doubtful(X: FloatArray, observed: BoolArray, minimum_df: int) -> BoolArray:
    """Return for which series ``require_estimable`` has to be asked: rounding apart it tells the others."""
    n_used, n_terms = observed.sum(axis=1), X.shape[2]
    doubtful = np.asarray(n_used - n_terms < minimum_df)
    chunk = max(1, CHUNK_NUMBERS // max(X[:1].size, 1))
    for start in range(0, len(X), chunk):
        some = slice(start, start + chunk)
        used = np.where(observed[some, :, None], X[some], 0.0)
        length = np.linalg.norm(used, axis=1)
        left_over = np.abs(np.diagonal(np.linalg.qr(used, mode="r"), axis1=1, axis2=2))
        doubtful[some] |= (left_over < 1e2 * RANK_TOLERANCE * length).any(axis=1) | (length == 0.0).any(
            axis=1
        )
    return doubtful


def _fit_chunk(
    model: ErrorModel, X: FloatArray, outcomes: FloatArray, observed: BoolArray, isolated: BoolArray | None
) -> Fit:
    """Fit series that are alike."""
    designs = orthonormal_designs(X, observed, isolated)
    terms = model.terms(starting_points(model))

    def reduce(chosen: OrthonormalDesigns, residuals: FloatArray) -> FloatArray:
        return own_forms(model, chosen.basis, residuals, chosen.isolated)

    def search(chosen: OrthonormalDesigns, series: SeriesForms, _: FloatArray) -> FloatArray:
        return grid_objective(series, chosen.residual_df, terms)

    return fit_forms(model, designs, outcomes, observed, reduce, search)
