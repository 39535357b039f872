"""The smallest effect that a design can detect."""

from __future__ import annotations

from scipy import optimize, special, stats


def minimum_detectable(std_error: float, df: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the effect that a two-sided t-test at level alpha detects with the given power.

    Parameters
    ----------
    std_error : float
        Standard error of the estimate.
    df : float
        Its degrees of freedom.
    alpha, power : float
        Level and power.

    Returns
    -------
    float
        In the units of the estimate.

    Notes
    -----
    Solves the power function of the noncentral t distribution (methods §11.6) for its noncentrality; the
    textbook shortcut ``(t_{1-alpha/2} + t_{power}) se`` falls a little short at few degrees of freedom.

    Examples
    --------
    >>> round(minimum_detectable(1.0, 1000.0), 2)
    2.81
    """
    critical = float(special.stdtrit(df, 1.0 - alpha / 2.0))

    def shortfall(noncentrality: float) -> float:
        upper = stats.nct.sf(critical, df, noncentrality)
        # the lower tail as the upper tail of the mirrored distribution: the direct form is NaN far out
        lower = stats.nct.sf(critical, df, -noncentrality)
        return float(upper + lower - power)

    ceiling = 2.0 * critical + 4.0
    return std_error * float(optimize.brentq(shortfall, 0.0, ceiling, xtol=1e-10))
