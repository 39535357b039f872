"""Who is treated, and from when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from its_eval.config.stratified import evaluated_outcomes, source_names

if TYPE_CHECKING:
    from its_eval.config import Config
    from its_eval.data.load import IndicatorRows


@dataclass(frozen=True)
class Treatment:
    """The treated units of a config, resolved against the data.

    Attributes
    ----------
    units : tuple of str
        In the order of the config; for ``treated: each`` every unit of the data, sorted.
    dates : mapping of str to str
        First affected period of each unit.
    each : bool
        Every unit in turn, all others being its donors.
    """

    units: tuple[str, ...]
    dates: Mapping[str, str]
    each: bool = False

    @property
    def barred(self) -> frozenset[str]:
        """Units that are never donors: the treated ones, unless every unit is treated in turn."""
        return frozenset() if self.each else frozenset(self.units)


def treatment_of(config: Config, rows: IndicatorRows) -> Treatment:
    """Resolve the treated units; for ``each``, those with a value of any evaluated indicator."""
    units = config.treated_units
    if config.each:
        wanted = {name for outcome in evaluated_outcomes(config.outcomes) for name in source_names(outcome)}
        units = tuple(sorted(set(rows.frame.loc[rows.frame["indicator"].isin(wanted), "unit"])))
    common = config.intervention.date or ""
    return Treatment(units, {unit: config.treated_dates.get(unit, common) for unit in units}, config.each)
