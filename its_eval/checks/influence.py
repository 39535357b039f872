"""Single periods that stand apart, and single periods on which an effect rests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from its_eval.checks.deletion import Deletion
from its_eval.checks.monte_carlo import upper_p
from its_eval.checks.result import CheckResult, judged, number, p_text
from its_eval.estimate.fit import ContrastEstimates, FloatArray

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Externally studentised residuals beyond this are outliers.
OUTLIER = 3.5
#: Outliers named in a message; the others are counted.
NAMED = 5

#: From outcomes (n, 1) to effects by the estimator of the fit; None where they cannot be estimated.
Refit = Callable[[FloatArray], ContrastEstimates | None]


@dataclass(frozen=True)
class Outliers:
    """Periods that stand apart, and the effects without them.

    Attributes
    ----------
    check : CheckResult
    studentised : ndarray, shape (n_used,)
        Externally studentised residuals.
    positions : ndarray of int
        Calendar positions of the outliers.
    refitted : ContrastEstimates or None
        Effects with a dummy for each outlier, shape (1, m); None without outliers or where not estimable.
    """

    check: CheckResult
    studentised: FloatArray
    positions: NDArray[np.intp]
    refitted: ContrastEstimates | None


def outliers(
    deletion: Deletion,
    outcome: FloatArray,
    simulated: FloatArray,
    periods: Sequence[str],
    refit: Refit,
    estimates: Mapping[str, float],
) -> Outliers:
    """Check ``outliers``: externally studentised residuals beyond 3.5, with a refit without those periods.

    The p-value is that of the largest of them.

    Parameters
    ----------
    deletion : Deletion
        Of the fit.
    outcome : ndarray, shape (n,)
        What was fitted, NaN where missing.
    simulated : ndarray, shape (n_used, B)
        Whitened residuals under the fit, ``SimulatedResiduals.known``.
    periods : sequence of str, length n
        Names of the periods for the message.
    refit : callable
        Estimates the effects of outcomes (n, 1) as in the fit; a missing value is as good as a dummy for its
        period.
    estimates : mapping of str to float
        The effects with all periods, named, in the order of the refit.
    """
    whitening = deletion.whitening
    residuals = whitening.residuals(outcome[:, None])
    studentised = deletion.studentised(residuals)[:, 0]
    largest = float(np.nanmax(np.abs(studentised)))
    p_value = upper_p(largest, np.nanmax(np.abs(deletion.studentised(simulated)), axis=0))
    places = np.flatnonzero(np.abs(studentised) > OUTLIER)
    positions = whitening.positions[places]
    if positions.size == 0:
        message = (
            f"No period stands apart (largest studentised residual {number(largest)}, {p_text(p_value)}); "
            "nothing needs to be done."
        )
        return Outliers(
            CheckResult("outliers", largest, p_value, "pass", message), studentised, positions, None
        )
    without = outcome.copy()
    without[positions] = np.nan
    named = [f"{periods[whitening.positions[place]]} ({studentised[place]:+.1f})" for place in places[:NAMED]]
    more = f" and {places.size - NAMED} more" if places.size > NAMED else ""
    verb, them = ("stands", "it") if places.size == 1 else ("stand", "them")
    refitted = refit(without[:, None])
    message = (
        f"{', '.join(named)}{more} {verb} apart (studentised residual beyond {OUTLIER}, {p_text(p_value)}): "
        f"look for errors in the data or a known event; without {them} {_changed(refitted, estimates)}."
    )
    check = CheckResult("outliers", largest, p_value, "attention", message)
    return Outliers(check, studentised, positions, refitted)


def _changed(refitted: ContrastEstimates | None, estimates: Mapping[str, float]) -> str:
    """Say what the effects become."""
    if refitted is None:
        return "too few periods are left for an estimate"
    return " and ".join(
        f"{name} is {number(float(refitted.estimate[0, place]))} (with: {number(estimate)})"
        for place, (name, estimate) in enumerate(estimates.items())
    )


@dataclass(frozen=True)
class Influence:
    """How much a single period moves one effect.

    Attributes
    ----------
    check : CheckResult
    dfbetas : ndarray, shape (n_used,)
        Moves in standard errors; beyond 2/sqrt(n) they count as large.
    without : ndarray, shape (n_used,)
        The effect with each period left out, the error model kept.
    """

    check: CheckResult
    dfbetas: FloatArray
    without: FloatArray


def influence(
    deletion: Deletion,
    outcome: FloatArray,
    simulated: FloatArray,
    contrast: FloatArray,
    estimand: str,
    estimate: float,
    periods: Sequence[str],
) -> Influence:
    """Check ``influence_<estimand>``: DFBETAS and the range of the effect over leaving out one period.

    DFBETAS beyond 2/sqrt(n) (Belsley, Kuh & Welsch 1980) are counted; about one period in twenty is expected
    there. ``attention`` goes by the largest, against what the fit makes expect.

    Parameters
    ----------
    deletion, outcome, simulated, periods
        As for ``outliers``.
    contrast : ndarray, shape (k,)
        The effect in the coefficients.
    estimand : str
        Its name.
    estimate : float
        The effect as reported.
    """
    whitening, name = deletion.whitening, f"influence_{estimand}"
    residuals = whitening.residuals(outcome[:, None])
    dfbetas = deletion.dfbetas(residuals, contrast)[:, 0]
    without = estimate - deletion.moves(residuals, contrast)[:, 0]
    largest = float(np.nanmax(np.abs(dfbetas)))
    p_value = upper_p(largest, np.nanmax(np.abs(deletion.dfbetas(simulated, contrast)), axis=0))
    most = periods[whitening.positions[int(np.nanargmax(np.abs(dfbetas)))]]
    limit = 2.0 / np.sqrt(dfbetas.size)
    large = int(np.sum(np.abs(dfbetas) > limit))
    spread = (
        f"leaving out any one period keeps {estimand} between {number(np.nanmin(without))} and "
        f"{number(np.nanmax(without))} (with all: {number(estimate)})"
    )
    detail = (
        f"{large} of {dfbetas.size} periods beyond DFBETAS {limit:.2f}, largest {most}, {p_text(p_value)}"
    )
    check = judged(
        name,
        largest,
        p_value,
        f"The effect leans on {most}: {spread}; check that period's data ({detail}).",
        f"No single period carries the effect: {spread} ({detail}).",
    )
    return Influence(check, dfbetas, without)
