"""Small counts: what is shown of a count, and rows of which nothing protected can come back.

Whatever is computed from protected rows alone is as safe as they are, however it is combined: a peer mean
minus the other peers, or a run of n months minus one of n - 1, gives protected counts again. So everything
that a run writes is made of them, and only a short list of numbers is not (`its_eval.pipeline.disclosed`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.config.outcomes import least_denominator, strata_of_gap
from its_eval.data.faults import shorten
from its_eval.data.panel import factor_of, indicator_arrays
from its_eval.data.validate import row_findings
from its_eval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from its_eval.config import Outcome
    from its_eval.config.data import Disclosure
    from its_eval.data.faults import Finding
    from its_eval.data.load import IndicatorRows

    FloatArray = NDArray[np.float64]

#: Checks whose findings hold codes and periods alone, no number of a row.
_WITHOUT_NUMBERS = frozenset(
    {"combined", "combined_incomplete", "not_combined", "member_without_rows", "split", "coarser_frequency"}
)


class Protection(Struct, frozen=True):
    """What is shown of a count.

    Parameters
    ----------
    first, last : float
        Counts from the first to the last are not shown; 0 is.
    base : int
        All others are rounded to a multiple of it.
    """

    first: float
    last: float
    base: int

    @classmethod
    def of(cls, settings: Disclosure) -> Protection:
        """Return the protection that the config asks for."""
        return cls(*settings.suppress, settings.round)

    @property
    def width(self) -> float:
        """How far apart two counts may be that look the same."""
        return max(float(self.base), self.last - self.first + 1.0)

    def hides(self, counts: FloatArray) -> NDArray[np.bool_]:
        """Return which counts are not shown; parts of a count, as of beds, as the count that they begin."""
        return (counts > self.first - 1.0) & (counts < self.last + 1.0)

    def shown(self, counts: FloatArray, stand_in: float = np.nan) -> FloatArray:
        """Return counts as they are shown, `stand_in` in place of those that are not."""
        rounded = self.base * np.floor(counts / self.base + 0.5)
        return np.where(self.hides(counts), stand_in, rounded)

    def rows(
        self,
        rows: IndicatorRows,
        outcomes: Sequence[Outcome],
        min_denominator: float | None,
        stand_in: float = np.nan,
    ) -> IndicatorRows:
        """Return rows with every count of some outcomes protected, and what is made of them made anew.

        Of a percentage the rest, denominator minus numerator, is a count too. A row whose denominator is
        below the least that is evaluated has no numbers.

        Parameters
        ----------
        rows : IndicatorRows
            As loaded.
        outcomes : sequence of Outcome
            What its indicators are. Rows of other indicators stay as they are.
        min_denominator : float or None
            That of all data; strata may have one besides.
        stand_in : float
            Taken for a count that is not shown; NaN leaves the row without a value.

        Raises
        ------
        DataError
            When a percentage or rate has no denominator, so that there is no count to protect.
        """
        frame = rows.frame.copy()
        problems: list[str] = []
        findings = list(rows.findings)
        for outcome in outcomes:
            if strata_of_gap(outcome):
                continue
            own = frame["indicator"].eq(outcome.indicator).to_numpy()
            findings += row_findings(rows, outcome)
            arrays, _ = indicator_arrays(rows.frame[own])
            value, least = arrays.values(outcome), least_denominator(outcome, min_denominator)
            assert arrays.numerator is not None  # noqa: S101  (a frame has all columns)
            assert arrays.denominator is not None  # noqa: S101
            size = arrays.denominator
            is_count = outcome.kind == "count"
            factor = 1.0 if is_count else factor_of(outcome)
            lacking = int((~np.isnan(value) & np.isnan(size)).sum())
            if lacking and not is_count:
                problems.append(f"{outcome.indicator}: {lacking:,} values have no denominator")
                continue
            count = (
                value
                if is_count
                else np.where(np.isnan(arrays.numerator), value * size / factor, arrays.numerator)
            )
            shown, whole = self.shown(count, stand_in), self.shown(size, stand_in)
            if least is not None:
                whole = np.maximum(whole, self.base * np.ceil(least / self.base))
            if outcome.kind == "percentage":
                rest = self.hides(size - count) & ~self.hides(count)
                shown = np.where(rest, whole - stand_in, np.minimum(shown, whole))
            small = np.zeros(len(size), dtype=bool) if least is None else size < least
            with np.errstate(divide="ignore", invalid="ignore"):
                made = shown if is_count else np.where(whole > 0, factor * shown / whole, np.nan)
            for name, numbers in (("value", made), ("numerator", shown), ("denominator", whole)):
                kept = np.isnan(frame.loc[own, name].to_numpy(dtype=np.float64)) & (name != "value")
                frame.loc[own, name] = np.where(kept | small | np.isnan(value), np.nan, numbers)
        if problems:
            raise DataError(
                shorten(problems), "data.disclosure protects counts: give numerators and denominators"
            )
        return replace(rows, frame=frame, findings=tuple(map(_withheld, findings)))


def _withheld(finding: Finding) -> Finding:
    """Return a finding without the numbers of its row."""
    if finding.check in _WITHOUT_NUMBERS:
        return finding
    where = ", ".join(part for part in (finding.indicator, finding.unit, finding.period) if part)
    said = finding.check.replace("_", " ")
    message = f"{where}: {said}; validate without data.disclosure shows the row"
    return replace(finding, value="", message=message)
