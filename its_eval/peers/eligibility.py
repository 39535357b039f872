"""Which candidates have enough data to serve as peers for one outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from its_eval.data.panel import Panel


def coverage_reasons(
    panel: Panel, segments: Sequence[NDArray[np.bool_]], min_coverage: float
) -> dict[str, str]:
    """Return the units of a panel with too few observations in a segment, and how few.

    Parameters
    ----------
    panel : Panel
        Data of one outcome.
    segments : sequence of ndarray of bool, shape (n,)
        Usable periods of each segment (before, after); masked periods belong to none.
    min_coverage : float
        Share of a segment's periods that has to be observed; 1 under ``missing: error``.
    """
    reasons: dict[str, str] = {}
    observed = ~np.isnan(panel.values)
    for name, segment in zip(("before", "after"), segments, strict=True):
        counts = observed[segment].sum(axis=0)
        total = int(segment.sum())
        for unit, count in zip(panel.units, counts, strict=True):
            if count < min_coverage * total - 1e-9:
                reasons.setdefault(unit, f"{count} of {total} periods {name} the start observed")
    return reasons
