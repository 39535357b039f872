"""The numbers of the power curve: the smallest change that a design would find."""

from __future__ import annotations

from typing import TYPE_CHECKING

from its_eval.report.figures.labels import rows_about

if TYPE_CHECKING:
    import pandas as pd

    from its_eval.evaluation import Evaluation


def power_curve_data(evaluation: Evaluation, outcome: str, design: str) -> pd.DataFrame:
    """Return the smallest detectable effect by length of the series and autocorrelation.

    Parameters
    ----------
    evaluation : Evaluation
        With a table ``power_curve``: ``outcome``, ``design`` and the columns below.
    outcome, design : str
        Which rows of it.

    Returns
    -------
    DataFrame
        ``estimand`` (``slope_change`` is per year), ``autocorrelation``, ``n_pre``, ``n_post`` (periods
        before and from the start), ``configured`` (as in the config), ``minimum_detectable`` (in
        standard deviations of the noise), ``power``, ``alpha``, sorted.

    Raises
    ------
    KeyError
        When the tables have no such rows.
    """
    rows = rows_about(evaluation, "power_curve", outcome)
    rows = rows[rows["design"] == design]
    if rows.empty:
        raise KeyError(f"the table `power_curve` has no rows of {outcome}, {design}")
    order = ["estimand", "autocorrelation", "n_pre", "n_post"]
    columns = [*order, "configured", "minimum_detectable", "power", "alpha"]
    return rows.sort_values(order, kind="stable")[columns].reset_index(drop=True)
