"""Coefficients of the error process of one series, as a reader of its errors looks them up."""

from __future__ import annotations

from msgspec import Struct

INNOVATION_VARIANCE = "innovation_variance"


class ProcessTerms(Struct, frozen=True):
    """What was estimated of the errors of one series.

    Attributes
    ----------
    process : str
        Which process: ``ARIMA(1,0,1)``, ``ARIMA(0,1,1)(0,1,1)[12]``, ``AR(3)``.
    by_data : bool
        Whether its order was chosen by looking at the series.
    terms : tuple of str
        ``ar1``, ``ma1``, ``seasonal_ar1`` and so on; the variance of the innovations comes last.
    estimate, std_error : tuple of float
        Of every term; a standard error is NaN where there is none, as at a bound.
    """

    process: str
    by_data: bool
    terms: tuple[str, ...]
    estimate: tuple[float, ...]
    std_error: tuple[float, ...]


def term_names(p: int, q: int = 0, seasonal_p: int = 0, seasonal_q: int = 0) -> tuple[str, ...]:
    """Return the terms of a process with these orders, the variance of the innovations last."""
    counts = {"ar": p, "ma": q, "seasonal_ar": seasonal_p, "seasonal_ma": seasonal_q}
    named = [f"{name}{lag}" for name, count in counts.items() for lag in range(1, count + 1)]
    return (*named, INNOVATION_VARIANCE)
