"""How much units change by themselves, beyond what their standard errors say.

Changes b_j of J untouched units, with standard errors s_j, are taken as
``b_j ~ N(mu, tau^2 + phi s_j^2)`` with ``tau^2 >= 0`` and ``phi >= 1``: tau stands for breaks of the units'
own that are of one size everywhere, phi for those in proportion to their noise, and for errors of s. It is
the random-effects model of meta-analysis with a multiplicative part beside the additive one (Thompson & Sharp
1999, *Statistics in Medicine* 18:2693, compare the two), fitted by maximum likelihood as in Hardy & Thompson
1996, *Statistics in Medicine* 15:619.

With ``omega = tau^2 / phi`` and ``u_j = s_j^2 + omega`` the other two follow:
``mu = sum(b_j/u_j) / sum(1/u_j)`` and ``phi = max(1, mean (b_j - mu)^2/u_j)``, so that one number is
searched, on a grid from 0 up and by safeguarded Newton steps from the best point of it. Leave-one-outs take
the sums of all less their own terms.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy import special

from its_eval.estimators.fit import FloatArray

#: Points of the grid on which the likelihood is looked at first.
GRID_POINTS = 200
#: Newton steps; halving the bracket alone would need about 50.
MAXIMUM_STEPS = 100
#: Last step, relative to omega and the smallest squared standard error together.
STEP_TOLERANCE = 1e-12
#: Numbers that the working arrays of a chunk of leave-one-outs may hold: those of a processor's cache.
CACHED_NUMBERS = 500_000
#: So many leave-one-outs are fitted at a time however many units there are, and from so many omegas on their
#: sums are interpolated.
LEFT_OUT, MANY_SUMS = 280, 200
#: Nodes of the interpolation. The nearest pole is three half ranges or more from the middle: with each the
#: error is 3 + sqrt(8) times smaller (Trefethen 2013, *Approximation Theory and Practice*, theorem 8.2).
NODES = 24
#: A unit with a larger share of a sum is left out by summing the others.
DOMINANT_SHARE = 1.0 - 1e-5
#: Points of the grid on which the proportional share of a unit's own change is looked at first.
SHARE_POINTS = 41


class OwnChanges(Struct, frozen=True):
    """Distribution of the changes of untouched units, F fits of it.

    Attributes
    ----------
    mean : ndarray, shape (F,)
        mu; 0 where it was not free.
    mean_variance : ndarray, shape (F,)
        ``1 / sum 1/v_j``; 0 where mu was not free.
    additive : ndarray, shape (F,)
        tau^2.
    factor : ndarray, shape (F,)
        phi, at least 1.
    """

    mean: FloatArray
    mean_variance: FloatArray
    additive: FloatArray
    factor: FloatArray

    def variance(self, std_error: FloatArray | float) -> FloatArray:
        """Variance of the change of units with these standard errors, that of mu included; shape (F,) or one.

        One standard error for every fit, or as many as there are fits.
        """
        return np.asarray(self.additive + self.factor * np.square(std_error) + self.mean_variance)


def fit_own_changes(
    change: FloatArray, std_error: FloatArray, *, centred: bool, leave_out: bool = False
) -> OwnChanges:
    """Fit the changes of untouched units.

    Parameters
    ----------
    change, std_error : ndarray, shape (J,)
        Finite, with standard errors above 0.
    centred : bool
        Whether mu is 0 instead of free.
    leave_out : bool
        Fit J times, each time without one unit, instead of once.

    Returns
    -------
    OwnChanges
        Of one fit, or of J.
    """
    unit = float(np.median(std_error))
    centre = 0.0 if centred else float(np.median(change))
    search = _Search((change - centre) / unit, np.square(std_error / unit), centred)
    if leave_out:
        found = np.empty((4, change.size))
        alone = search.dominant()
        rows = max(LEFT_OUT, CACHED_NUMBERS // change.size)
        others = np.flatnonzero(~alone)
        for at in range(0, others.size, rows):
            chunk = others[at : at + rows]
            found[:, chunk] = search.solve(chunk)
        for unit_left_out in np.flatnonzero(alone):
            found[:, unit_left_out] = search.without(int(unit_left_out)).solve(None)[:, 0]
    else:
        found = search.solve(None)
    mean, mean_variance, omega, phi = found
    return OwnChanges(centre + unit * mean, unit**2 * mean_variance, unit**2 * omega * phi, phi)


class _Search:
    """The profile likelihood of omega for one set of changes, in units of a typical standard error.

    Parameters
    ----------
    change, variance : ndarray, shape (J,)
    centred : bool
    """

    def __init__(self, change: FloatArray, variance: FloatArray, centred: bool) -> None:
        self.change, self.variance, self.centred = change, variance, centred
        self.powers = np.stack([np.ones_like(change), change, change**2], axis=1)
        # beyond the largest squared residual the likelihood only falls
        reach = np.abs(change).max() if centred else np.ptp(change)
        lowest = 1e-3 * variance.min()
        highest = max(float(reach) ** 2, 10.0 * lowest)
        self.grid = np.r_[0.0, np.geomspace(lowest, highest, GRID_POINTS - 1)]
        spread = variance + self.grid[:, None]
        self.grid_logs = np.log(spread).sum(axis=1)
        self.grid_sums = self._sums(self.grid)

    def dominant(self) -> NDArray[np.bool_]:
        """Say which units are so much of a sum that without them little but rounding would be left of it."""
        terms = np.abs(_terms(self.variance[:, None], self.powers))
        return np.asarray((terms > DOMINANT_SHARE * terms.sum(axis=1, keepdims=True)).any(axis=(0, 2)))

    def without(self, unit: int) -> _Search:
        """Return the search of the others, with sums of their own."""
        return _Search(np.delete(self.change, unit), np.delete(self.variance, unit), self.centred)

    def solve(self, left_out: NDArray[np.intp] | None) -> FloatArray:
        """Return mu, its variance, omega and phi, shape (4, F), for one fit or without each of F units."""
        best = np.argmin(self._on_grid(left_out), axis=1)
        low = self.grid[np.maximum(best - 1, 0)]
        high = self.grid[np.minimum(best + 1, self.grid.size - 1)]
        omega = self._newton(self.grid[best], low, high, left_out)
        sums = self._remaining(self._sums(omega), omega, left_out)
        mean, phi, *_ = self._profile(sums, left_out)
        spread = np.zeros_like(mean) if self.centred else phi / sums[0, :, 0]
        return np.stack([mean, spread, omega, phi])

    def _on_grid(self, left_out: NDArray[np.intp] | None) -> FloatArray:
        """Twice the negative logarithm of the likelihood, shape (F, GRID_POINTS)."""
        if left_out is None:
            _, phi, squares, _, _ = self._profile(self.grid_sums, left_out)
            return np.asarray(self.change.size * np.log(phi) + self.grid_logs + squares / phi)[None]
        own = self.variance[left_out, None] + self.grid
        sums = self.grid_sums[:, None] - _terms(own[..., None], self.powers[left_out, None])
        _, phi, squares, _, _ = self._profile(sums, left_out)
        logs = self.grid_logs - np.log(own)
        return np.asarray((self.change.size - 1) * np.log(phi) + logs + squares / phi)

    def _newton(
        self, omega: FloatArray, low: FloatArray, high: FloatArray, left_out: NDArray[np.intp] | None
    ) -> FloatArray:
        """Follow each fit to the minimum between two points of the grid."""
        omega, low, high = omega.copy(), low.copy(), high.copy()
        last = high - low
        moving = np.arange(omega.size)
        for _ in range(MAXIMUM_STEPS):
            chosen = None if left_out is None else left_out[moving]
            at = omega[moving]
            sums = self._remaining(self._sums(at), at, chosen)
            *_, slope, curvature = self._profile(sums, chosen)
            rising = slope > 0.0
            high[moving] = np.where(rising, at, high[moving])
            low[moving] = np.where(rising, low[moving], at)
            with np.errstate(divide="ignore", invalid="ignore"):
                step = at - slope / curvature
            # Newton where it stays between the points and shrinks fast enough, else halving
            good = (curvature > 0.0) & (step >= low[moving]) & (step <= high[moving])
            good &= np.abs(step - at) <= 0.5 * last[moving]
            step = np.where(good, step, 0.5 * (low[moving] + high[moving]))
            last[moving] = np.abs(step - at)
            omega[moving] = step
            moving = moving[last[moving] > STEP_TOLERANCE * (step + self.variance.min())]
            if moving.size == 0:
                break
        return omega

    def _sums(self, omega: FloatArray) -> FloatArray:
        """Return sums over the units of ``b^a / u^p``, p = 1 to 3 and a = 0 to 2; shape (3, F, 3).

        Those of many omegas near each other are Chebyshev interpolants: smooth functions of one number.
        """
        low, high = float(omega.min()), float(omega.max())
        middle, half = (low + high) / 2.0, (high - low) / 2.0
        if half > 0.0 and omega.size > MANY_SUMS and 3.0 * half <= middle + float(self.variance.min()):
            angles = (np.arange(NODES) + 0.5) * np.pi / NODES
            powers = np.arange(NODES)
            factors = np.cos(np.outer(powers, angles)) * np.where(powers, 2.0, 1.0)[:, None] / NODES
            coefficients = factors @ self._sums(middle + half * np.cos(angles))
            places = np.arccos(np.clip((omega - middle) / half, -1.0, 1.0))
            return np.asarray(np.cos(np.outer(places, powers)) @ coefficients)
        inverse = 1.0 / (self.variance + omega[:, None])
        squared = inverse**2
        return np.stack([part @ self.powers for part in (inverse, squared, squared * inverse)])

    def _remaining(
        self, sums: FloatArray, omega: FloatArray, left_out: NDArray[np.intp] | None
    ) -> FloatArray:
        """Return the sums without the terms of the unit left out."""
        if left_out is None:
            return sums
        return np.asarray(sums - _terms((self.variance[left_out] + omega)[:, None], self.powers[left_out]))

    def _profile(
        self, sums: FloatArray, left_out: NDArray[np.intp] | None
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return mu, phi, ``sum r^2/u`` and the first two derivatives of the profile in omega."""
        count = self.change.size - (left_out is not None)
        mean = np.zeros(sums.shape[1:-1]) if self.centred else sums[0, ..., 1] / sums[0, ..., 0]
        squares = sums[..., 2] - 2.0 * mean * sums[..., 1] + mean**2 * sums[..., 0]
        phi = np.maximum(1.0, squares[0] / count)
        slope = sums[0, ..., 0] - squares[1] / phi
        # mu follows omega, and so does phi where it is above 1
        follows = 0.0 if self.centred else (sums[1, ..., 1] - mean * sums[1, ..., 0]) ** 2 / sums[0, ..., 0]
        curvature = 2.0 * (squares[2] - follows) / phi - sums[1, ..., 0]
        curvature = curvature - np.where(phi > 1.0, squares[1] ** 2 / (count * phi**2), 0.0)
        return mean, phi, squares[0], slope, curvature


def _terms(spread: FloatArray, powers: FloatArray) -> FloatArray:
    """One unit's part of the sums, shape (3, ..., 3)."""
    return np.stack([powers / spread, powers / spread**2, powers / spread**3])


def own_change_limit(
    change: FloatArray,
    std_error: FloatArray,
    own_std_error: float,
    *,
    centred: bool,
    confidence: float = 0.95,
) -> float:
    """Return the upper profile-likelihood limit of ``sqrt(tau^2 + (phi - 1) s^2)`` for one standard error s.

    One-sided: with q the square of it and the other parameters at their best, the largest q whose
    ``2 log L`` lies below its maximum by no more than the square of the normal quantile at ``confidence``.

    Parameters
    ----------
    change, std_error : ndarray, shape (J,)
        Those of the untouched units.
    own_std_error : float
        s.
    centred : bool
        Whether mu is 0 instead of free.
    confidence : float
    """
    from scipy import optimize  # noqa: PLC0415  (start-up time)

    unit = float(np.median(std_error))
    centre = 0.0 if centred else float(np.median(change))
    b, s2, own = (change - centre) / unit, np.square(std_error / unit), (own_std_error / unit) ** 2

    def lack(square: float, share: FloatArray) -> FloatArray:
        """-2 log L where a share of q is in proportion to the noise."""
        v = s2 + square * (1.0 - share[:, None]) + square * share[:, None] * s2 / own
        mean = np.zeros(share.size) if centred else (b / v).sum(axis=1) / (1.0 / v).sum(axis=1)
        return np.asarray((np.log(v) + (b - mean[:, None]) ** 2 / v).sum(axis=1))

    shares = np.linspace(0.0, 1.0, SHARE_POINTS)

    def least(square: float) -> float:
        values = lack(square, shares)
        place = int(np.argmin(values))
        bounds = (shares[max(place - 1, 0)], shares[min(place + 1, SHARE_POINTS - 1)])
        found = optimize.minimize_scalar(
            lambda share: float(lack(square, np.array([share]))[0]), bounds=bounds, method="bounded"
        )
        return float(min(found.fun, values[place]))

    fitted = fit_own_changes(b, np.sqrt(s2), centred=centred)
    best = float(fitted.additive[0] + (fitted.factor[0] - 1.0) * own)
    allowed = least(best) + float(special.ndtri(confidence)) ** 2
    high = max(best, own, float(s2.min()))
    while least(high) < allowed:
        high *= 2.0
    return unit * float(
        np.sqrt(optimize.brentq(lambda square: least(square) - allowed, best, high, xtol=1e-12))
    )
