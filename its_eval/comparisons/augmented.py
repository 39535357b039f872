"""The augmented synthetic control: ridge regression makes good what a mixture fails to follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from its_eval.comparisons.synthetic import Mixture, Synthetic
from its_eval.peers.donor_weights import augmented_weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


class Augmented(Synthetic, frozen=True):
    """A unit beside a synthetic control whose weights ridge regression has corrected."""

    def mixture(self, unit: FloatArray, before: FloatArray, after: FloatArray) -> Mixture:  # noqa: ARG002
        """Return the mixture, and how far each earlier period is from what the others predict.

        The gaps themselves would say nothing: a small penalty makes them vanish.
        """
        found = augmented_weights(unit, before)
        return Mixture(found.weights, found.level, errors=found.left_out)


AUGMENTED = Augmented(
    "augmented_synthetic",
    in_words=(
        "a weighted sum of other units (augmented synthetic control)",
        "weighted sums of other units (augmented synthetic controls)",
    ),
    method="Augmented synthetic control: the synthetic control, corrected by ridge regression where it "
    "fails to follow the unit before the start, so that weights may be negative; the penalty is chosen by "
    "predicting each earlier period from the others. Its inference rests on placebo units alone.",
    own_label="augmented_synthetic",
    takes_all_donors=True,
    judged_by_placebos=True,
    fits_gap=True,
    mixture_words="augmented synthetic control",
)
