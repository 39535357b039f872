"""Which missing periods are shared by so many series that they are worth work of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from its_eval.estimators.fit import MissingPattern

#: Series from which a pattern of missing periods is worth tables of its own, and patterns with fewer series
#: from which what is done for all of them at once is worth while.
SHARED_BY, MANY_PATTERNS = 8, 16


def rare_patterns(
    patterns: Sequence[MissingPattern],
) -> tuple[list[MissingPattern], NDArray[np.intp]]:
    """Return the patterns that are worth work of their own, and the series of all others, ascending."""
    rare = [pattern for pattern in patterns if pattern.series.size < SHARED_BY]
    if len(rare) < MANY_PATTERNS:
        return list(patterns), np.empty(0, dtype=np.intp)
    common = [pattern for pattern in patterns if pattern.series.size >= SHARED_BY]
    return common, np.sort(np.concatenate([pattern.series for pattern in rare]))
