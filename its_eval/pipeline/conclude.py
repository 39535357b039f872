"""The summary table: one line per outcome, unit and design, with what can and cannot be concluded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from its_eval.checks.power import minimum_detectable
from its_eval.effects.several_units import METHODS, adjust
from its_eval.evaluation import (
    DIFFERS,
    GAP_CHANGED,
    NO_CLEAR_EVIDENCE,
    NOT_ESTIMABLE,
    THE_SET,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from its_eval.config import Config
    from its_eval.pipeline.credibility import Credibility


Row = dict[str, Any]

#: What a small adjusted p-value allows to say, by design: never a cause, and for one series not even that
#: the change was particular to the unit.
CHANGED = {"single": DIFFERS, "difference": GAP_CHANGED}


def adjust_primary(
    config: Config, rows: Sequence[Row], stuck: set[tuple[str, str, str, str]], n_treated: int
) -> None:
    """Fill ``p_adjusted`` of the primary rows, a family being the treated units of one outcome and design.

    The size of the family is fixed by the config (methods §11.8): a series at a bound, below the
    degrees-of-freedom floor or not estimated has no p-value of its own but still counts, as one of 1.

    Parameters
    ----------
    config : Config
        Method of adjustment.
    rows : sequence of dict
        Rows of ``effects``; changed in place.
    stuck : set of tuple
        (outcome, unit, design, estimator) of series at a bound.
    n_treated : int
        Number of treated units.
    """
    families: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row["role"] == "primary" and _has_p_value(row, stuck):
            families.setdefault((row["outcome"], row["design"], row["scale"]), []).append(row)
    for family in families.values():
        known = [row["p_value"] for row in family]
        absent = [1.0] * (n_treated - len(known))
        adjusted = adjust(np.array([*known, *absent]), config.multiplicity.method)
        for row, value in zip(family, adjusted, strict=False):
            row["p_adjusted"] = float(value)


def _has_p_value(row: Row, stuck: set[tuple[str, str, str, str]]) -> bool:
    key = (row["outcome"], row["unit"], row["design"], row["estimator"])
    return key not in stuck and not row["df_floor"] and not np.isnan(row["p_value"])


def summary_rows(
    config: Config,
    rows: Sequence[Row],
    stuck: set[tuple[str, str, str, str]],
    better: Mapping[str, str | None],
    found: Mapping[tuple[str, str], Credibility],
) -> list[Row]:
    """Return the rows of ``summary`` from those of ``effects`` and of the checks.

    A log outcome is summarised by its ratio. At a bound or below the degrees-of-freedom floor the estimate
    is shown with its interval but without a p-value, labelled not estimable (methods §11.5, §11.6).
    """
    ratios = {
        (row["outcome"], row["unit"], row["design"])
        for row in rows
        if row["scale"] == "ratio" and row["role"] == "primary"
    }
    summary = []
    for row in rows:
        key = (row["outcome"], row["unit"], row["design"])
        if row["role"] != "primary" or (key in ratios and row["scale"] != "ratio"):
            continue
        usable = _has_p_value(row, stuck)
        alpha = 1.0 - config.confidence
        smallest = minimum_detectable(row["std_error"], row["df"], alpha) if row["std_error"] > 0 else np.nan
        changed = usable and row.get("p_adjusted", np.nan) < alpha
        label = CHANGED.get(row["design"], GAP_CHANGED) if changed else NO_CLEAR_EVIDENCE
        checks = found.get((row["outcome"], row["design"]))
        placebo = np.nan if checks is None else checks.p_placebo.get(row["unit"], np.nan)
        by_placebo = np.isnan(row["std_error"]) and not np.isnan(placebo)
        if checks is not None and (usable or by_placebo):
            label = checks.labels.get(row["unit"], label)
        summary.append(
            {
                **{name: row[name] for name in ("outcome", "unit", "design", "estimand", "scale")},
                **{name: row[name] for name in ("estimate", "conf_low", "conf_high")},
                "p_value": row["p_value"] if usable else None,
                "p_adjusted": row.get("p_adjusted") if usable else None,
                "p_placebo": placebo,
                "p_crawford_howell": np.nan
                if checks is None
                else checks.p_crawford_howell.get(row["unit"], np.nan),
                "minimum_detectable": on_scale(smallest, row),
                "direction": _direction(row, better[row["outcome"]]) if usable else "unclear",
                "label": label if usable or by_placebo else NOT_ESTIMABLE,
            }
        )
    return summary


def on_scale(smallest: float, row: Row) -> float:
    """Return the smallest detectable increase on the row's scale; `smallest` is on that of its std_error."""
    if row["inference_scale"] != "log":
        return smallest
    return float(np.exp(smallest)) if row["scale"] == "ratio" else float(100.0 * np.expm1(smallest))


def _direction(row: Row, better: str | None) -> str:
    """Return better or worse when the interval excludes no change, in the light of ``better:``."""
    null = 1.0 if row["scale"] == "ratio" else 0.0
    if better is None or row["conf_low"] <= null <= row["conf_high"]:
        return "unclear"
    return "better" if (row["estimate"] > null) == (better == "higher") else "worse"


def verdict_records(
    config: Config,
    rows: Mapping[str, Sequence[Row]],
    better: Mapping[str, str | None],
    found: Mapping[tuple[str, str], Credibility],
) -> list[Verdict]:
    """Return what is concluded of every row of ``summary``, and of the treated units as a set.

    Parameters
    ----------
    config : Config
        The question.
    rows : mapping of str to sequence of dict
        Rows of ``summary``, ``effects`` and ``fits``.
    better : mapping of str to str
        By outcome.
    found : mapping of tuple to Credibility
        By outcome and design.
    """
    about: Row = {"interruption": config.intervention.name, "question": config.estimands.primary}
    answering = {
        (row["outcome"], row["unit"], row["design"]): row["estimator"]
        for row in rows["effects"]
        if row["role"] == "primary"
    }
    flags = {
        (row["outcome"], row["unit"], row["design"], row["estimator"]): row["flags"] for row in rows["fits"]
    }
    shared = (
        *("outcome", "unit", "design", "estimand", "estimate", "conf_low", "conf_high"),
        *("minimum_detectable", "direction", "label", "scale"),
    )
    verdicts = []
    for row in rows["summary"]:
        key = (row["outcome"], row["unit"], row["design"])
        beside = found[row["outcome"], row["design"]]
        record = {name: row[name] for name in shared} | {
            **{name: np.nan if row[name] is None else row[name] for name in ("p_value", "p_adjusted")},
            "p_rank": row["p_placebo"],
            "n_donors": beside.n_donors.get(row["unit"]),
            "flags": flags.get((*key, answering[key]), ""),
        }
        verdicts.append(Verdict(**about, **record, **_of_the_set(beside)))
    scales = {row["outcome"]: row["scale"] for row in rows["summary"]}
    for (outcome, design), beside in found.items():
        own: dict[object, Row] = {row["method"]: row for row in beside.rows["pooled"]}
        # without a mean series of the set its p-value is that of the first pooled estimate
        row = own.get("set", own.get(METHODS[0], {}))
        if not row and not beside.set_label:
            continue
        numbers = ("estimate", "conf_low", "conf_high", "p_value", "minimum_detectable")
        record = {name: row.get(name, np.nan) for name in numbers} | {
            "outcome": outcome,
            "unit": THE_SET,
            "design": design,
            "scale": scales.get(outcome, "response"),
            "estimand": config.estimands.primary,
        }
        if not np.isnan(record["p_value"]):
            record["direction"] = _direction(record, better[outcome])
        record["label"] = beside.set_label or _own_label(record)
        verdicts.append(Verdict(**about, **record, **_of_the_set(beside)))
    return verdicts


def _of_the_set(beside: Credibility) -> Row:
    return {"set_p": beside.p_set, "set_p_placebo": beside.p_set_placebo}


def _own_label(row: Row) -> str:
    """Return what the interval of the set says where no other units are there to compare it with."""
    null = 1.0 if row["scale"] == "ratio" else 0.0
    if np.isnan(row["p_value"]):
        return NOT_ESTIMABLE
    if row["conf_low"] <= null <= row["conf_high"]:
        return NO_CLEAR_EVIDENCE
    return CHANGED.get(row["design"], GAP_CHANGED)


def power_rows(config: Config, rows: Sequence[Row], stuck: set[tuple[str, str, str, str]]) -> list[Row]:
    """Return the rows of ``power``: the smallest effect of every estimand of the primary estimator.

    An effect of that size would be found with probability 0.8 by the two-sided test at 1 - confidence, at the
    precision that the fit turned out to have.
    """
    alpha = 1.0 - config.confidence
    found = []
    for row in rows:
        if row["role"] == "sensitivity" or row["scale"] == "link" or row["inference_scale"] == "fieller":
            continue
        if row["estimand"] == "counterfactual_at_start" or not _has_p_value(row, stuck):
            continue
        if not row["std_error"] > 0 or row["interruption"] != config.intervention.name:
            continue
        smallest = on_scale(minimum_detectable(row["std_error"], row["df"], alpha), row)
        found.append(
            {
                **{name: row[name] for name in ("outcome", "unit", "design", "estimand")},
                "minimum_detectable": smallest,
                "power": 0.8,
                "alpha": round(alpha, 12),  # 0.05 and not 0.050000000000000044
            }
        )
    return found
