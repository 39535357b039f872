"""Time-varying covariates: other indicators of the same tables, laid out beside an outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.data.tables import nearest
from its_eval.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Outcome
    from its_eval.data.load import IndicatorRows
    from its_eval.data.panel import Panel


def load_covariates(rows: IndicatorRows, outcome: Outcome, panel: Panel) -> dict[str, NDArray[np.float64]]:
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
    known = sorted(set(frame["indicator"]))
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
        units = sorted(set(own["unit"]))
        if len(units) == 1 and units[0] not in panel.units:
            values[place[inside]] = own["value"].to_numpy(dtype=np.float64)[inside, None]
        else:
            columns = own["unit"].map({unit: column for column, unit in enumerate(panel.units)})
            inside &= columns.notna().to_numpy()
            at = (place[inside], columns.to_numpy()[inside].astype(int))
            values[at] = own["value"].to_numpy(dtype=np.float64)[inside]
        name = covariate.indicator if covariate.lag == 0 else f"{covariate.indicator} (lag {covariate.lag})"
        found[name] = values
    if problems:
        raise DataError(problems)
    return found
