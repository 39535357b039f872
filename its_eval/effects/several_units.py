"""Several treated units: adjusted p-values, and one effect from their separate estimates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Method = Literal["holm", "bh", "none"]


def adjust(p_values: NDArray[np.float64], method: Method, size: int = 0) -> NDArray[np.float64]:
    """Return adjusted p-values; NaN stays NaN and counts only as far as the size of the family says so.

    Parameters
    ----------
    p_values : ndarray, shape (m,)
        One family: the primary estimand of the treated units of one outcome and design.
    method : {"holm", "bh", "none"}
        Holm (1979) holds the family-wise error rate under any dependence; Benjamini and Hochberg (1995)
        the false discovery rate, for exploratory lists.
    size : int
        Questions of the family where some were lost: those beyond the known ones count as p-values of 1.
    """
    adjusted = np.full(p_values.shape, np.nan)
    known = ~np.isnan(p_values)
    if method == "none" or not known.any():
        return np.where(known, p_values, np.nan)
    lost = np.ones(max(size - int(known.sum()), 0))
    every = np.concatenate([p_values[known], lost])
    ordered = np.sort(every)
    count = ordered.size
    if method == "holm":
        found = np.maximum.accumulate(ordered * np.arange(count, 0, -1))
    else:
        found = np.minimum.accumulate((ordered / (np.arange(1, count + 1) / count))[::-1])[::-1]
    ranks = np.argsort(np.argsort(every, kind="stable"))
    adjusted[known] = np.minimum(found, 1.0)[ranks[: every.size - lost.size]]
    return adjusted


def reaches(p_values: NDArray[np.float64], alpha: float) -> NDArray[np.bool_]:
    """Return which p-values are at most alpha; rounding does not decide, NaN reaches nothing.

    Examples
    --------
    >>> reaches(np.array([0.1, 0.1000001]), 1.0 - 0.9).tolist()
    [True, False]
    """
    return np.asarray(p_values <= alpha * (1.0 + 1e-9))


FloatArray = NDArray[np.float64]

PoolingMethod = Literal["paule_mandel_mkh", "paule_mandel_hk", "fixed_effect", "unweighted_mean"]

#: Methods in the order of a table, the default first.
METHODS: tuple[PoolingMethod, ...] = (
    "paule_mandel_mkh",
    "paule_mandel_hk",
    "fixed_effect",
    "unweighted_mean",
)


class Pooled(Struct, frozen=True):
    """A pooled effect.

    Attributes
    ----------
    method : str
    n_units : int
        Trusts K.
    estimate, std_error, df, p_value, conf_low, conf_high : float
        The degrees of freedom are infinite for the fixed effect, whose test is a z test.
    tau2 : float
        Variance of the effects between trusts; 0 for the fixed effect, NaN for the unweighted mean.
    i2 : float
        Share of the variation between estimates that is beyond sampling error, in per cent: that of Higgins &
        Thompson 2002, ``max(0, 1 - (K - 1)/Q)``.
    prediction_low, prediction_high : float
        Interval for the effect in a further trust; NaN for methods without tau2, and for K < 3.
    """

    method: PoolingMethod
    n_units: int
    estimate: float
    std_error: float
    df: float
    p_value: float
    conf_low: float
    conf_high: float
    tau2: float
    i2: float
    prediction_low: float
    prediction_high: float


def paule_mandel(estimates: FloatArray, std_errors: FloatArray) -> float:
    """Return tau^2 that solves ``sum w_i (y_i - mu)^2 = K - 1``, w_i = 1/(s_i^2 + tau^2); 0 if none does.

    Paule & Mandel 1982, *Journal of Research of the National Bureau of Standards* 87:377. The left side falls
    in tau^2, so that the root is bracketed by 0 and any value where the left side is small enough.

    Parameters
    ----------
    estimates, std_errors : ndarray, shape (K,)
    """
    from scipy import optimize  # noqa: PLC0415  (start-up time)

    # in units of a typical standard error, so that the tolerance means the same for every outcome
    unit = math.exp(float(np.log(std_errors).mean()))
    effects, variances = (estimates - estimates.mean()) / unit, (std_errors / unit) ** 2
    df = float(effects.size - 1)

    def excess(tau2: float) -> float:
        return _generalised_q(effects, np.asarray(variances + tau2)) - df

    if df == 0 or excess(0.0) <= 0.0:
        return 0.0
    ceiling = float(np.sum(effects**2)) / df  # Q(tau2) <= sum (y - mean)^2 / tau2
    return float(optimize.brentq(excess, 0.0, 2.0 * ceiling, xtol=1e-300, rtol=1e-13)) * unit**2


def pool(
    estimates: FloatArray,
    std_errors: FloatArray,
    method: PoolingMethod = "paule_mandel_mkh",
    confidence: float = 0.95,
) -> Pooled:
    """Pool the estimates of K trusts.

    ``paule_mandel_hk``: random effects with tau^2 of ``paule_mandel`` and the standard error of Hartung &
    Knapp 2001, *Statistics in Medicine* 20:3875, ``sqrt(q / sum w)`` with ``q = sum w (y - mu)^2 / (K - 1)``,
    on K - 1 degrees of freedom. ``paule_mandel_mkh`` takes max(1, q) for q, as Röver, Knapp & Friede 2015,
    *BMC Medical Research Methodology* 15:99, recommend for few studies of unequal precision. With tau^2 > 0
    both are the same, because Paule and Mandel's equation makes q = 1. The prediction interval is
    ``mu ± t(K - 2) sqrt(tau^2 + se^2)`` (Higgins, Thompson & Spiegelhalter 2009, *JRSS A* 172:137).
    ``fixed_effect`` weighs by precision and takes the effects as equal; ``unweighted_mean`` is the one-sample
    t test of the estimates.

    All take the estimates as independent; peers that trusts share make them correlated (``peer_overlap``).

    Parameters
    ----------
    estimates, std_errors : ndarray, shape (K,)
        K >= 2, finite, standard errors above 0.
    method : str
        One of ``METHODS``.
    confidence : float

    Raises
    ------
    ValueError
        For fewer than two estimates, or estimates without a positive standard error.
    """
    count = _checked(estimates, std_errors)
    variances = std_errors**2
    df, tau2 = float(count - 1), 0.0
    heterogeneity = _generalised_q(estimates, variances)
    i2 = 100.0 * max(0.0, 1.0 - df / heterogeneity) if heterogeneity > 0.0 else 0.0
    if method == "unweighted_mean":
        centre, std_error = float(estimates.mean()), float(estimates.std(ddof=1)) / math.sqrt(count)
        tau2 = math.nan
    else:
        if method != "fixed_effect":
            tau2 = paule_mandel(estimates, std_errors)
        weights = 1.0 / (variances + tau2)
        centre, std_error = float(weights @ estimates / weights.sum()), float(1.0 / np.sqrt(weights.sum()))
        if method == "fixed_effect":
            df = math.inf
        else:
            scale = float(weights @ (estimates - centre) ** 2) / df
            std_error *= math.sqrt(scale if method == "paule_mandel_hk" else max(1.0, scale))
    return _pooled(method, count, centre, std_error, df, tau2, i2, confidence)


def _pooled(
    method: PoolingMethod,
    count: int,
    centre: float,
    std_error: float,
    df: float,
    tau2: float,
    i2: float,
    confidence: float,
) -> Pooled:
    """Add the test and the intervals."""
    from scipy import special  # noqa: PLC0415  (start-up time)

    def quantile(freedom: float, level: float) -> float:
        return float(special.ndtri(level) if math.isinf(freedom) else special.stdtrit(freedom, level))

    upper = 0.5 + confidence / 2.0
    half = quantile(df, upper) * std_error
    random_effects = method.startswith("paule_mandel")
    reach = math.nan
    if random_effects and count >= 3:
        reach = quantile(count - 2.0, upper) * math.sqrt(tau2 + std_error**2)
    p_value = math.nan
    if std_error > 0.0:
        size = -abs(centre) / std_error
        p_value = 2.0 * float(special.ndtr(size) if math.isinf(df) else special.stdtr(df, size))
    return Pooled(
        method=method,
        n_units=count,
        estimate=centre,
        std_error=std_error,
        df=df,
        p_value=p_value,
        conf_low=centre - half,
        conf_high=centre + half,
        tau2=tau2,
        i2=i2,
        prediction_low=centre - reach,
        prediction_high=centre + reach,
    )


def leave_one_out(
    estimates: FloatArray,
    std_errors: FloatArray,
    units: Sequence[str],
    method: PoolingMethod = "paule_mandel_mkh",
    confidence: float = 0.95,
) -> list[tuple[str, Pooled]]:
    """Return the pooled effect without each trust in turn, in the order of `units`; none for K < 3.

    Parameters
    ----------
    estimates, std_errors : ndarray, shape (K,)
    units : sequence of str, length K
    method, confidence
        As for ``pool``.
    """
    if _checked(estimates, std_errors) < 3:
        return []
    rows = []
    for place, unit in enumerate(units):
        kept = np.arange(estimates.size) != place
        rows.append((unit, pool(estimates[kept], std_errors[kept], method, confidence)))
    return rows


def _generalised_q(estimates: FloatArray, variances: FloatArray) -> float:
    """``sum w (y - mu)^2`` with w the inverse variances."""
    weights = 1.0 / variances
    centre = weights @ estimates / weights.sum()
    return float(weights @ (estimates - centre) ** 2)


def _checked(estimates: FloatArray, std_errors: FloatArray) -> int:
    """Return K, or say what is wrong with the estimates."""
    if estimates.size < 2 or estimates.shape != std_errors.shape:
        raise ValueError(
            f"{estimates.size} estimates and {std_errors.size} standard errors: pooling needs at least two"
        )
    bad = ~(np.isfinite(estimates) & np.isfinite(std_errors) & (std_errors > 0.0))
    if bad.any():
        places = ", ".join(str(place) for place in np.flatnonzero(bad))
        raise ValueError(
            f"estimate(s) {places} (counted from 0) have no finite value with a positive standard error"
        )
    return int(estimates.size)
