"""Adjusting p-values for several treated units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Method = Literal["holm", "bh", "none"]


def adjust(p_values: NDArray[np.float64], method: Method) -> NDArray[np.float64]:
    """Return adjusted p-values; NaN stays NaN and does not count.

    Parameters
    ----------
    p_values : ndarray, shape (m,)
        One family: the primary estimand of the treated units of one outcome and design.
    method : {"holm", "bh", "none"}
        Holm (1979) holds the family-wise error rate under any dependence; Benjamini and Hochberg (1995)
        the false discovery rate, for exploratory lists.
    """
    adjusted = np.full(p_values.shape, np.nan)
    known = ~np.isnan(p_values)
    if method == "none" or not known.any():
        return np.where(known, p_values, np.nan)
    from statsmodels.stats.multitest import multipletests  # noqa: PLC0415  (start-up time)

    adjusted[known] = multipletests(p_values[known], method={"holm": "holm", "bh": "fdr_bh"}[method])[1]
    return adjusted
