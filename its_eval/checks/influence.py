"""Single periods that stand apart, and single periods on which an effect rests.

With V = s^2 R the covariance, P = R^{-1} - R^{-1}X(X'R^{-1}X)^{-1}X'R^{-1} and d the indicator of a period,
deleting the period is adding the column d (Haslett & Hayes 1998, *JRSS B* 60:201):

  its coefficient    d'Py / d'Pd,
  the others move    b - b_(t) = (X'R^{-1}X)^{-1}X'R^{-1}d (d'Py / d'Pd),
  RSS falls by       (d'Py)^2 / d'Pd.

R stays that of the whole fit. For R = I these are the textbook measures of Belsley, Kuh & Welsch 1980.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.checks.autocorrelation import Whitening
from its_eval.checks.result import NOTE_LEVEL, CheckResult, judged, number, p_text, upper_p
from its_eval.effects.several_units import reaches
from its_eval.estimators.fit import ContrastEstimates, FloatArray

if TYPE_CHECKING:
    from numpy.typing import NDArray


#: A period whose d'Pd / d'R^{-1}d is below this has a coefficient of its own: it cannot be left out.
ALONE = 1e-10


class Deletion(Struct, frozen=True, dict=True):
    """Deletion measures of one fit, for any number of residual series.

    Attributes
    ----------
    whitening : Whitening
        The fit.
    """

    whitening: Whitening

    @cached_property
    def _projected(self) -> FloatArray:
        """``L^{-T}(I - QQ')``, taking whitened residuals to Py; its rows have length (d'Pd)^{1/2}."""
        basis = self.whitening.factored[0]
        complement = np.eye(basis.shape[0]) - basis @ basis.T
        return np.asarray(self.whitening.inverse_factor.T @ complement)

    @cached_property
    def precision(self) -> FloatArray:
        """``d'Pd`` of each observed period, shape (n_used,); NaN where it cannot be left out."""
        kept = np.sum(self._projected**2, axis=1)
        whole = np.sum(self.whitening.inverse_factor**2, axis=0)
        return np.where(kept > ALONE * whole, kept, np.nan)

    def studentised(self, residuals: FloatArray) -> FloatArray:
        """Return the t statistic of a dummy for each period: externally studentised residuals.

        Parameters
        ----------
        residuals : ndarray, shape (n_used, S)
            Whitened residuals.

        Returns
        -------
        ndarray, shape (n_used, S)
            t(n - k - 1) if the error model holds.
        """
        pulled = self._projected @ residuals
        return np.asarray(
            pulled / (self._sigma_without(residuals, pulled) * np.sqrt(self.precision)[:, None])
        )

    def moves(self, residuals: FloatArray, contrast: FloatArray) -> FloatArray:
        """Return ``c'b - c'b_(t)``, by how much each period moves a contrast (k,): shape (n_used, S)."""
        return np.asarray(
            self._direction(contrast)[:, None] * (self._projected @ residuals) / self.precision[:, None]
        )

    def dfbetas(self, residuals: FloatArray, contrast: FloatArray) -> FloatArray:
        """Return the moves over the contrast's standard error, with s^2 estimated without the period."""
        pulled = self._projected @ residuals
        triangular = self.whitening.factored[1]
        length = float(np.linalg.norm(np.linalg.solve(triangular.T, contrast)))
        return np.asarray(self.moves(residuals, contrast) / (self._sigma_without(residuals, pulled) * length))

    def _sigma_without(self, residuals: FloatArray, pulled: FloatArray) -> FloatArray:
        """s_(t), shape (n_used, S)."""
        total = np.sum(residuals**2, axis=0)
        # what is left after the only period that does not fit is rounding, but not 0
        rss = np.fmax(total - pulled**2 / self.precision[:, None], np.finfo(np.float64).eps * total)
        return np.asarray(np.sqrt(rss / (self.whitening.residual_df - 1)))

    def _direction(self, contrast: FloatArray) -> FloatArray:
        """``c'(X'R^{-1}X)^{-1}X'R^{-1}``, shape (n_used,)."""
        basis, triangular = self.whitening.factored
        weights = basis @ np.linalg.solve(triangular.T, contrast)
        return np.asarray(self.whitening.inverse_factor.T @ weights)


#: Externally studentised residuals beyond this are outliers.
OUTLIER = 3.5
#: Outliers named in a message; the others are counted.
NAMED = 5

#: From outcomes (n, 1) to effects by the estimator of the fit; None where they cannot be estimated.
Refit = Callable[[FloatArray], ContrastEstimates | None]


class Outliers(Struct, frozen=True):
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
    alpha: float = NOTE_LEVEL,
) -> Outliers:
    """Check ``outliers``: the largest externally studentised residual, with a refit without such periods.

    Those beyond 3.5 are named, or the largest alone where a smaller one is already rare.

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
    alpha : float
        Level of the test.
    """
    whitening = deletion.whitening
    residuals = whitening.residuals(outcome[:, None])
    studentised = deletion.studentised(residuals)[:, 0]
    largest = float(np.nanmax(np.abs(studentised)))
    p_value = upper_p(largest, np.nanmax(np.abs(deletion.studentised(simulated)), axis=0))
    clear = (
        f"No period stands apart (largest studentised residual {number(largest)}, {p_text(p_value)}); "
        "nothing needs to be done."
    )
    if not reaches(np.array(p_value), alpha):
        check = judged("outliers", largest, p_value, "", clear, alpha)
        return Outliers(check, studentised, np.empty(0, dtype=np.intp), None)
    places = np.flatnonzero(np.abs(studentised) >= min(OUTLIER, largest))
    positions = whitening.positions[places]
    without = outcome.copy()
    without[positions] = np.nan
    named = [f"{periods[whitening.positions[place]]} ({studentised[place]:+.1f})" for place in places[:NAMED]]
    more = f" and {places.size - NAMED} more" if places.size > NAMED else ""
    verb, them = ("stands", "it") if places.size == 1 else ("stand", "them")
    refitted = refit(without[:, None])
    message = (
        f"{', '.join(named)}{more} {verb} apart (studentised residual of {number(largest)}, "
        f"{p_text(p_value)}): look for errors in the data or a known event; without {them} "
        f"{_changed(refitted, estimates)}."
    )
    check = judged("outliers", largest, p_value, message, clear, alpha)
    return Outliers(check, studentised, positions, refitted)


def _changed(refitted: ContrastEstimates | None, estimates: Mapping[str, float]) -> str:
    """Say what the effects become."""
    if refitted is None:
        return "too few periods are left for an estimate"
    return " and ".join(
        f"{name} is {number(float(refitted.estimate[0, place]))} (with: {number(estimate)})"
        for place, (name, estimate) in enumerate(estimates.items())
    )


class Influence(Struct, frozen=True):
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
    alpha: float = NOTE_LEVEL,
) -> Influence:
    """Check ``influence_<estimand>``: DFBETAS and the range of the effect over leaving out one period.

    DFBETAS beyond 2/sqrt(n) (Belsley, Kuh & Welsch 1980) are counted; about one period in twenty is expected
    there. The test is of the largest, against what the fit makes expect.

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
        alpha=alpha,
    )
    return Influence(check, dfbetas, without)
