"""The numbers of the specification curve: how the answer depends on choices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from its_eval.report.figures.labels import primary_rows

if TYPE_CHECKING:
    from its_eval.evaluation import Evaluation

PRIMARY = "primary"
ESTIMATOR = "estimator"
TRANSFORM = "transform"
#: Dimension of a specification that differs in several choices, and what stands between these.
COMBINATION, SEPARATOR = "combination", "; "
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
        ``rank`` from 1, ``dimension`` and ``choice`` (what differs from the primary specification, as in
        ``sensitivity``), ``primary``, ``estimand``, ``estimate``, ``conf_low``, ``conf_high``,
        ``excludes_none`` (the interval excludes no effect). What
        could not be estimated comes last.

    Raises
    ------
    KeyError
        When the tables have no specifications of this series.

    Notes
    -----
    After Simonsohn, Simmons & Nelson (2020, doi:10.1038/s41562-020-0912-z). The other estimators of
    ``effects`` are specifications too, unless ``sensitivity`` has that dimension itself. Specifications
    with another transform of the outcome are left out: their estimates are other quantities.
    """
    summary = primary_rows(evaluation, outcome, unit, design)
    rows = evaluation.rows_of("sensitivity", outcome, unit)
    rows = rows[(rows["design"] == design) & rows["estimand"].isin(summary["estimand"])]
    if not (rows["dimension"] != PRIMARY).any():
        raise KeyError(
            f"the table `sensitivity` has no rows of the primary estimand of {outcome}, {unit}, {design}"
        )
    ratio = bool((summary["scale"] == "ratio").any())
    effects = evaluation.rows_of("effects", outcome, unit)
    effects = effects[(effects["design"] == design) & effects["estimand"].isin(summary["estimand"])]
    others = effects[
        (effects["role"] == "sensitivity") & (effects["scale"] == ("ratio" if ratio else "response"))
    ]
    others = others.assign(dimension=ESTIMATOR, choice=others["estimator"])
    if (rows["dimension"] == ESTIMATOR).any():
        others = others.iloc[:0]
    # on another scale an estimate is another quantity, which has no place on this axis
    rows = rows[[TRANSFORM not in dict(choices_of(row)) for _, row in rows.iterrows()]]
    columns = ["dimension", "choice", "estimand", *_NUMBERS]
    parts = [part[columns] for part in (rows, others) if not part.empty]
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
    >>> choices_of(pd.Series({"dimension": "k", "choice": "5"}))
    [('k', '5')]
    >>> choices_of(pd.Series({"dimension": "combination", "choice": "k=5; order=1"}))
    [('k', '5'), ('order', '1')]
    """
    dimension, choice = str(row["dimension"]), str(row["choice"])
    if dimension != COMBINATION:
        return [(dimension, choice)]
    found: list[tuple[str, str]] = []
    for part in choice.split(SEPARATOR):
        name, equals, value = part.partition("=")
        if equals or not found:
            found.append((name, value))
        else:
            # a choice that itself contains the separator
            found[-1] = (found[-1][0], f"{found[-1][1]}{SEPARATOR}{part}")
    return found
