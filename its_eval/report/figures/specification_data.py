"""The numbers of the specification curve: how the answer depends on choices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from its_eval.report.figures.labels import as_ratios, primary_rows

if TYPE_CHECKING:
    from its_eval.evaluation import Evaluation

PRIMARY = "primary"
ESTIMATOR = "estimator"
#: Between the parts of a specification that differs from the primary one in several choices.
SEPARATOR = "; "
_NUMBERS = ["estimate", "conf_low", "conf_high"]


def specification_curve_data(evaluation: Evaluation, outcome: str, unit: str, design: str) -> pd.DataFrame:
    """Return the primary estimate and those of all other specifications, from the lowest to the highest.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome, unit, design : str
        Which series of it.

    Returns
    -------
    DataFrame
        ``rank`` from 1, ``dimension`` and ``choice`` (what differs from the primary specification; several
        joined by ``; ``), ``primary``, ``estimand``, ``estimate``, ``conf_low``, ``conf_high``,
        ``excludes_none`` (the interval excludes no effect). Estimates of a log outcome are ratios. What
        could not be estimated comes last.

    Raises
    ------
    KeyError
        When the tables have no specifications of this series.

    Notes
    -----
    After Simonsohn, Simmons & Nelson (2020, doi:10.1038/s41562-020-0912-z). The other estimators of
    ``effects`` are specifications too, unless ``sensitivity`` has that dimension itself.
    """
    summary = primary_rows(evaluation, outcome, unit, design)
    estimand = "" if summary.empty else str(summary["estimand"].iloc[0])
    ratio = bool((summary["scale"] == "ratio").any())
    rows = evaluation.rows_of("sensitivity", outcome, unit)
    rows = rows[(rows["design"] == design) & (rows["estimand"] == estimand)]
    rows = rows[rows["dimension"] != PRIMARY]
    if rows.empty:
        raise KeyError(
            f"the table `sensitivity` has no rows of the primary estimand of {outcome}, {unit}, {design}"
        )
    rows = as_ratios(rows, _NUMBERS, ratio=ratio)
    effects = evaluation.rows_of("effects", outcome, unit)
    effects = effects[(effects["design"] == design) & (effects["estimand"] == estimand)]
    effects = effects[effects["scale"] == "ratio"] if ratio else effects[effects["scale"] != "ratio"]
    effects = effects.assign(dimension=ESTIMATOR, choice=effects["estimator"])
    own = effects[effects["role"] == PRIMARY].iloc[:1].assign(dimension=PRIMARY, choice="")
    others = effects[effects["role"] == "sensitivity"]
    if (rows["dimension"] == ESTIMATOR).any():
        others = others.iloc[:0]
    columns = ["dimension", "choice", "estimand", *_NUMBERS]
    parts = [part[columns] for part in (own, rows, others) if not part.empty]
    frame = pd.concat(parts, ignore_index=True)
    frame["primary"] = frame["dimension"] == PRIMARY
    none = 1.0 if ratio else 0.0
    frame["excludes_none"] = (frame["conf_low"] > none) | (frame["conf_high"] < none)
    frame = frame.sort_values(["estimate", "dimension", "choice"], kind="stable", na_position="last")
    frame = frame.reset_index(drop=True)
    frame.insert(0, "rank", range(1, len(frame) + 1))
    order = ["rank", "dimension", "choice", "primary", "estimand", *_NUMBERS, "excludes_none"]
    return frame[order]


def choices_of(row: pd.Series) -> list[tuple[str, str]]:
    """Return what a specification differs in, as pairs of dimension and choice.

    Examples
    --------
    >>> choices_of(pd.Series({"dimension": "k; order", "choice": "5; 1"}))
    [('k', '5'), ('order', '1')]
    """
    dimensions, choices = (str(row[name]).split(SEPARATOR) for name in ("dimension", "choice"))
    if len(dimensions) != len(choices):
        # a choice may itself contain the separator when only one dimension is named
        return [(str(row["dimension"]), str(row["choice"]))]
    return list(zip(dimensions, choices, strict=True))
