"""Do the numbers of a file agree with each other: columns that are sums, and the publisher's own total."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.data.faults import Finding
from its_eval.data.periods import format_period

if TYPE_CHECKING:
    from collections.abc import Iterator

    from its_eval.data.importers.extract import Extract

#: Larger differences are reported; publishers round counts that were shared out.
_TOLERANCE = 0.5


def total_findings(extract: Extract) -> Iterator[Finding]:
    """Yield where a column is not the sum it should be, and where the units do not add up to the total.

    A total that does not agree shows rows that were lost, or read twice.
    """
    for name, parts in extract.layout.sums.items():
        found = extract.numbers[name]
        expected = np.sum([extract.numbers[part] for part in parts], axis=0)
        for row in np.flatnonzero(np.abs(found - expected) > _TOLERANCE):
            place = f"{extract.file} row {extract.rows[row]}"
            what = f"{name} is {found[row]:.10g}, but its parts add up to {expected[row]:.10g}"
            yield _finding(
                extract, extract.units[row], int(row), "sum_differs", found[row], f"{place}: {what}"
            )
    if not extract.totals:
        return
    sums = np.nansum(list(extract.numbers.values()), axis=1)
    for name, added in zip(extract.numbers, sums, strict=True):
        total = extract.totals[name]
        if abs(added - total) > _TOLERANCE:
            what = (
                f"the units add up to {added:.10g} in {name}, but the publisher's own total is {total:.10g}"
            )
            yield _finding(extract, "", 0, "total_differs", total, f"{extract.file}: {what}")


def _finding(extract: Extract, unit: str, row: int, check: str, value: float, message: str) -> Finding:
    period = format_period(int(extract.periods[row]), extract.layout.frequency)
    return Finding("", unit, check, period, f"{value:.10g}", "warning", message)
