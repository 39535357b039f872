"""What counts, exposures and trials have to be like before a model of counts can be fitted to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from its_eval.estimate.fit import BoolArray, FloatArray

#: Faulty cells named in a message; the others are only counted.
NAMED = 5


class CountError(ValueError):
    """Counts, exposures or trials that no model of counts can have produced.

    Attributes
    ----------
    problems : list of str
        One for each kind of fault, with the cells where it occurs.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def check_counts(Y: FloatArray, *, exposure: FloatArray | None, trials: FloatArray | None) -> None:
    """Raise unless all counts are possible.

    Parameters
    ----------
    Y : ndarray, shape (n, S)
        Counts, NaN where a period is missing; nothing is asked of exposure and trials there.
    exposure, trials : ndarray, shape (n, S), optional

    Raises
    ------
    CountError
        Negative or infinite counts, exposures or trials that are not positive numbers, more successes than
        trials: all of them in one pass.
    """
    observed = ~np.isnan(Y)
    faults = [("counts have to be 0 or more", observed & ~((Y >= 0.0) & np.isfinite(Y)))]
    for name, sizes in (("exposure", exposure), ("trials", trials)):
        if sizes is not None:
            known = np.isfinite(sizes) & (sizes > 0.0)
            faults.append((f"{name} has to be a positive number where there is a count", observed & ~known))
    if trials is not None:
        faults.append(("a count cannot exceed its trials", observed & (trials < Y)))
    problems = [f"{rule}: {_cells(where)}" for rule, where in faults if where.any()]
    if problems:
        raise CountError(problems)


def _cells(where: BoolArray) -> str:
    """Name the first faulty cells by period and series, both counted from 0."""
    periods, series = np.nonzero(where)
    named = [f"period {t} of series {s}" for t, s in zip(periods[:NAMED], series[:NAMED], strict=True)]
    further = f" and {periods.size - NAMED} more" if periods.size > NAMED else ""
    return ", ".join(named) + further + " (counted from 0)"
