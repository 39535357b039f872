"""Covariates of an outcome, with their lags, and what is said of periods without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from its_eval.data.faults import Finding
from its_eval.data.tables import nearest
from its_eval.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Outcome
    from its_eval.data.load import IndicatorRows
    from its_eval.data.panel import Panel

#: Periods that a finding names; the others are only counted.
NAMED = 6


def covariate_values(rows: IndicatorRows, outcome: Outcome, panel: Panel) -> dict[str, NDArray[np.float64]]:
    """Return the covariates of an outcome by name, each for the periods and units of its panel.

    A covariate with a lag of l stands at the value of l periods before. One that the tables give for a single
    unit outside the panel, such as the nation, is the same for every unit.

    Returns
    -------
    dict of str to ndarray, shape (n, units)
        NaN where missing.

    Raises
    ------
    DataError
        When the data have no such indicator.
    """
    frame = rows.frame
    known = sorted(frame["indicator"].unique())
    problems: list[str] = []
    found: dict[str, NDArray[np.float64]] = {}
    for covariate in outcome.covariates:
        if covariate.indicator not in known:
            problems.append(
                f"outcome {outcome.indicator!r}: the data have no covariate {covariate.indicator!r}; "
                f"{nearest(covariate.indicator, known)}"
            )
            continue
        own = frame[frame["indicator"].eq(covariate.indicator)]
        values = np.full((panel.n_periods, len(panel.units)), np.nan)
        place = own["period"].to_numpy() - panel.start + covariate.lag
        inside = (place >= 0) & (place < panel.n_periods)
        units = own["unit"].unique()
        if len(units) == 1 and units[0] not in panel.places:
            values[place[inside]] = own["value"].to_numpy(dtype=np.float64)[inside, None]
        else:
            columns = own["unit"].map(panel.places)
            inside &= columns.notna().to_numpy()
            at = (place[inside], columns.to_numpy()[inside].astype(int))
            values[at] = own["value"].to_numpy(dtype=np.float64)[inside]
        name = covariate.indicator if covariate.lag == 0 else f"{covariate.indicator} (lag {covariate.lag})"
        found[name] = values
    if problems:
        raise DataError(problems)
    return found


def covariate_findings(
    panel: Panel,
    outcome: Outcome,
    covariates: Mapping[str, NDArray[np.float64]],
    units: Sequence[str],
) -> list[Finding]:
    """Return a finding for each unit and covariate that lacks periods in which the outcome has a value.

    Such a period is not used: nothing stands for the covariate.

    Parameters
    ----------
    panel : Panel
        The outcome.
    outcome : Outcome
    covariates : mapping of str to ndarray, shape (n, units)
        As of `covariate_values`.
    units : sequence of str
        Treated units.
    """
    findings = []
    for unit in sorted(set(units) & set(panel.units)) if covariates else ():
        column = panel.column(unit)
        known = ~np.isnan(panel.values[:, column])
        for name, values in covariates.items():
            lacking = np.flatnonzero(known & np.isnan(values[:, column]))
            if not lacking.size:
                continue
            named = [panel.periods[index] for index in lacking[:NAMED]]
            listed = ", ".join(named) + (", …" if lacking.size > NAMED else "")
            periods = "period is" if lacking.size == 1 else "periods are"
            message = (
                f"{outcome.indicator}, {unit}: {lacking.size} {periods} not used, for want of the covariate "
                f"{name}: {listed}"
            )
            count = str(lacking.size)
            findings.append(
                Finding(outcome.indicator, unit, "missing_covariate", named[0], count, "info", message)
            )
    return findings
