"""Synthetic difference in differences: weights of units and of periods, and a weighted double difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from its_eval.comparisons.synthetic import Mixture, Synthetic
from its_eval.design.matrix import Season
from its_eval.estimators.fit import SingularDesignError
from its_eval.peers.donor_weights import double_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.design.matrix import Design
    from its_eval.estimators.fit import Fit
    from its_eval.pipeline.plan import OutcomePlan, Target
    from its_eval.pipeline.sheet import NotEstimated, Sheet

    FloatArray = NDArray[np.float64]


class SyntheticDifference(Synthetic, frozen=True):
    """A unit beside a mixture of donors that ran parallel to it, from a weighted level before the start."""

    weighs_periods: bool = True

    def mixture(self, unit: FloatArray, before: FloatArray, after: FloatArray) -> Mixture:
        """Return the mixture, its level a weighted mean, and the errors of the fit of the units' weights."""
        found = double_weights(unit, before, after)
        gap = unit - before @ found.units
        return Mixture(found.units, float(found.periods @ gap), found.periods, gap - gap.mean())

    def sheet(self, plan: OutcomePlan, targets: Sequence[Target]) -> tuple[Sheet, list[NotEstimated]]:
        """Make the gaps, which are expected to stay at their level: units and periods take up the rest."""
        gaps, failed = super().sheet(plan, targets)
        return replace(gaps, plan=replace(plan, trend="none", season=Season("none"))), failed

    def described(self, sheet: Sheet, column: int, design: Design, fit: Fit) -> Fit:
        """Return the description by weighted least squares, as the model of the paper weighs periods.

        Each period before the start counts by its weight, and all with an effect together as much as these:
        the average effect is then the weighted double difference, exactly.

        Raises
        ------
        SingularDesignError
            When periods without weight would have to tell terms apart.
        """
        values = np.where(design.usable, sheet.known_values(np.array([column]))[:, 0], np.nan)
        later = design.effect_periods() & ~np.isnan(values)
        weights = np.where(later, 1.0 / max(int(later.sum()), 1), 0.0)
        if sheet.period_weights is not None:
            earlier = sheet.period_weights[:, column]
            weights = np.where(np.isnan(earlier) | np.isnan(values), weights, earlier)
        used = np.flatnonzero(weights)
        root = np.sqrt(weights[used])
        matrix = design.matrix[used] * root[:, None]
        params, _, rank, _ = np.linalg.lstsq(matrix, values[used] * root, rcond=None)
        n_terms = design.matrix.shape[1]
        if rank < n_terms:
            message = f"{len(used)} periods with a weight cannot tell {n_terms} terms apart"
            raise SingularDesignError(message, terms=(), n_used=len(used), n_terms=n_terms)
        known = ~np.isnan(values)
        left = values[known] - design.matrix[known] @ params
        spread = np.sqrt(np.sum(left**2) / max(int(known.sum()) - n_terms, 1))
        blank = np.full_like(fit.log_likelihood, np.nan)
        return replace(fit, params=params[None, :], sigma=np.array([spread]), log_likelihood=blank)


SDID = SyntheticDifference(
    "sdid",
    in_words=(
        "a weighted mean of other units (synthetic difference in differences)",
        "weighted means of other units (synthetic difference in differences)",
    ),
    method="Synthetic difference in differences: the unit minus a weighted mean of other units that ran "
    "parallel to it before the start, less the same difference in a weighted mean of earlier periods; no "
    "trend or season of this difference is fitted. Its inference rests on placebo units alone.",
    own_label="sdid",
    takes_all_donors=True,
    judged_by_placebos=True,
    fits_gap=True,
    mixture_words="weighted comparison",
    course="earlier difference",
)
