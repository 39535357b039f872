"""The conclusion: adjusted p-values, the summary, and the smallest effects that would have been found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.polynomial import chebyshev

from its_eval.checks.power import minimum_detectable
from its_eval.columns import TableColumns, Texts
from its_eval.effects.several_units import METHODS, adjust, reaches
from its_eval.estimators.fit import MINIMUM_DF
from its_eval.evaluation import NO_CLEAR_EVIDENCE, NOT_ESTIMABLE, THE_SET, make_table, records

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from its_eval.effects.several_units import Method
    from its_eval.pipeline.credibility import Credibility
    from its_eval.pipeline.tables import Answers

    FloatArray = NDArray[np.float64]

#: Degree of the polynomial in 1/df that stands for the noncentrality a test needs, and from how many series
#: on it does.
_DEGREE = 24
_MANY = 64


def adjusted_p(family: Sequence[Answers], n_treated: int, method: Method) -> list[FloatArray]:
    """Return adjusted p-values of the primary rows of each answer, shape (S, K), NaN elsewhere.

    The size of the family is fixed by the config (methods §11.8): a series that is fitted exactly or not
    estimated has no p-value of its own but still counts, as one of 1.

    Parameters
    ----------
    family : sequence of Answers
        All of one outcome and design.
    n_treated : int
        Number of treated units.
    method : {"holm", "bh", "none"}
        Method of adjustment.
    """
    adjusted = [np.full(answer.effects.p_value.shape, np.nan) for answer in family]
    scales: dict[str, list[tuple[int, int]]] = {}
    for place, answer in enumerate(family):
        for column in answer.primary:
            scales.setdefault(answer.effects.kinds[column].scale, []).append((place, column))
    for members in scales.values():
        counts = [family[place].counts[:, column] for place, column in members]
        p_values = [
            family[place].effects.p_value[chosen, column]
            for (place, column), chosen in zip(members, counts, strict=True)
        ]
        every = np.concatenate(p_values)
        found = adjust(np.concatenate([every, np.ones(n_treated - len(every))]), method)
        start = 0
        for (place, column), chosen in zip(members, counts, strict=True):
            adjusted[place][chosen, column] = found[start : start + int(chosen.sum())]
            start += int(chosen.sum())
    return adjusted


def add_summary(
    answer: Answers,
    p_adjusted: FloatArray,
    confidence: float,
    changed: str,
    checks: Credibility | None,
    into: TableColumns,
) -> None:
    """Add a row for every series: the answer, and what can and cannot be concluded.

    A log outcome is summarised by its ratio. Only a row without an estimate or a standard error is labelled
    not estimable (inference P1).

    Parameters
    ----------
    answer : Answers
        Of the first estimator.
    p_adjusted : ndarray, shape (S, K)
        As `adjusted_p` returns it.
    confidence : float
        Level of the intervals.
    changed : str
        Label of a change in this design.
    checks : Credibility or None
        What checks found; None without any.
    into : TableColumns
        The table ``summary``.
    """
    effects, counts = answer.effects, answer.counts
    ratios = [place for place in answer.primary if effects.kinds[place].scale == "ratio"]
    for place in ratios or answer.primary:
        here = effects.present[:, place]
        units = [unit for unit, there in zip(answer.estimates.units, here, strict=True) if there]
        if not units:
            continue
        kind = effects.kinds[place]
        alpha = 1.0 - confidence
        usable, p_found = counts[here, place], p_adjusted[here, place]
        placebo = _by_unit(units, None if checks is None else checks.p_placebo)
        own = _by_unit(units, None if checks is None else checks.p_crawford_howell)
        by_placebo = np.isnan(effects.std_error[here, place]) & ~np.isnan(placebo)
        labels = np.where(usable & reaches(p_found, alpha), changed, NO_CLEAR_EVIDENCE).astype(object)
        if checks is not None:
            for position, unit in enumerate(units):
                if usable[position] or by_placebo[position]:
                    labels[position] = checks.labels.get(unit, labels[position])
        labels[~(usable | by_placebo)] = NOT_ESTIMABLE
        smallest = smallest_effects(effects.std_error[here, place], effects.df[here, place], alpha)
        keys = answer.keys
        del keys["estimator"]
        into.add(
            len(units),
            {
                **keys,
                "unit": Texts(np.arange(len(units)), units),
                "estimand": kind.estimand,
                "scale": kind.scale,
                "estimate": effects.estimate[here, place],
                "conf_low": effects.conf_low[here, place],
                "conf_high": effects.conf_high[here, place],
                "p_value": np.where(usable, effects.p_value[here, place], np.nan),
                "p_adjusted": np.where(usable, p_found, np.nan),
                "p_placebo": placebo,
                "p_crawford_howell": own,
                "minimum_detectable": kind.as_shown(smallest),
                "direction": _directions(answer, place, here, usable),
                "label": Texts.of(labels),
            },
        )


def _by_unit(units: Sequence[str], values: Mapping[str, float] | None) -> FloatArray:
    if values is None:
        return np.full(len(units), np.nan)
    return np.array([values.get(unit, np.nan) for unit in units])


def _directions(answer: Answers, place: int, here: NDArray[np.bool_], usable: NDArray[np.bool_]) -> Texts:
    """Return better or worse where the interval excludes no change, in the light of ``better:``."""
    effects, better = answer.effects, answer.estimates.sheet.plan.outcome.better
    null = effects.kinds[place].null
    low, high = effects.conf_low[here, place], effects.conf_high[here, place]
    clear = usable & ~((low <= null) & (null <= high)) & (better is not None)
    good = (effects.estimate[here, place] > null) == (better == "higher")
    return Texts(np.where(clear, np.where(good, 1, 2), 0), ["unclear", "better", "worse"])


@dataclass(frozen=True)
class SetAnswer:
    """What there is to say about the treated units of one outcome in one design as a set.

    Attributes
    ----------
    outcome, design : str
        Of what.
    changed : str
        Label of a change in this design.
    better : {"higher", "lower"} or None
        Which way is better.
    credibility : Credibility
        What checks found.
    """

    outcome: str
    design: str
    changed: str
    better: str | None
    credibility: Credibility

    @property
    def p_values(self) -> dict[str, float]:
        """Of the set, as every verdict of its units has them beside it."""
        return {"set_p": self.credibility.p_set, "set_p_placebo": self.credibility.p_set_placebo}

    def verdict(self, scale: str) -> dict[str, Any] | None:
        """Return the row of the set; None where nobody asked about it.

        Parameters
        ----------
        scale : str
            Of the summary.
        """
        pooled: dict[object, Mapping[str, Any]] = {
            row["method"]: row for row in self.credibility.rows["pooled"]
        }
        # without a mean series of the set its p-value is that of the first pooled estimate
        row = pooled.get("set", pooled.get(METHODS[0]))
        if row is None and not self.credibility.set_label:
            return None
        names = ("estimate", "conf_low", "conf_high", "p_value", "minimum_detectable")
        estimate, low, high, p_value, smallest = ((row or {}).get(name, np.nan) for name in names)
        null = 1.0 if scale == "ratio" else 0.0
        clear = not np.isnan(p_value) and not low <= null <= high
        own = self.changed if clear else NO_CLEAR_EVIDENCE
        direction = "unclear"
        if clear and self.better is not None:
            direction = "better" if (estimate > null) == (self.better == "higher") else "worse"
        return {
            "outcome": self.outcome,
            "unit": THE_SET,
            "design": self.design,
            "scale": scale,
            **dict(zip(names, (estimate, low, high, p_value, smallest), strict=True)),
            **self.p_values,
            "direction": direction,
            "label": self.credibility.set_label or (NOT_ESTIMABLE if np.isnan(p_value) else own),
        }


def verdict_table(
    tables: Mapping[str, pd.DataFrame], sets: Sequence[SetAnswer], question: Mapping[str, str]
) -> pd.DataFrame:
    """Return the table ``verdicts``: what is concluded of every row of ``summary``, and of the sets.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        ``summary``, ``effects`` and ``fits``.
    sets : sequence of SetAnswer
        One for each outcome and design.
    question : mapping of str to str
        Interruption, question and estimand.
    """
    effects, summary = tables["effects"], tables["summary"]
    keys = ["outcome", "unit", "design"]
    fits = effects[effects["role"] == "primary"].merge(tables["fits"], on=[*keys, "estimator"])
    flags = dict(zip(fits[keys].itertuples(index=False, name=None), fits["flags"], strict=True))
    beside = {(item.outcome, item.design): item for item in sets}
    rows = []
    for _, row in records(summary):
        own = beside[row["outcome"], row["design"]]
        rows.append(
            {
                **question,
                **row,
                **own.p_values,
                "p_rank": row["p_placebo"],
                "n_donors": own.credibility.n_donors.get(row["unit"]),
                "flags": flags.get((row["outcome"], row["unit"], row["design"]), ""),
            }
        )
    scales = dict(zip(summary["outcome"], summary["scale"], strict=True))
    told = (item.verdict(scales.get(item.outcome, "response")) for item in sets)
    rows += [{**question, **row} for row in told if row is not None]
    return make_table("verdicts", rows)


def add_power(answer: Answers, confidence: float, into: TableColumns) -> None:
    """Add the smallest effect of every estimand of the primary estimator.

    An effect of that size would be found with probability 0.8 by the two-sided test at 1 - confidence, at the
    precision that the fit turned out to have.
    """
    if not answer.is_first:
        return
    alpha = 1.0 - confidence
    effects = answer.effects
    for place, kind in enumerate(effects.kinds):
        if kind.scale == "link" or kind.inference_scale == "fieller" or kind.interruption:
            continue
        here = answer.counts[:, place] & (effects.std_error[:, place] > 0)
        if kind.estimand == "counterfactual_at_start" or not here.any():
            continue
        smallest = smallest_effects(effects.std_error[here, place], effects.df[here, place], alpha)
        keys = answer.keys
        del keys["estimator"]
        into.add(
            int(here.sum()),
            {
                **keys,
                "unit": answer.units.take(np.flatnonzero(here)),
                "estimand": kind.estimand,
                "minimum_detectable": kind.as_shown(smallest),
                "power": 0.8,
                "alpha": round(alpha, 12),  # 0.05 and not 0.050000000000000044
            },
        )


def smallest_effects(std_error: FloatArray, df: FloatArray, alpha: float) -> FloatArray:
    """Return ``minimum_detectable`` of many series; NaN where there is no standard error.

    It is the standard error times a smooth function of 1/df, which for very many series a polynomial through
    values of ``minimum_detectable`` itself reproduces to nine digits.
    """
    smallest = np.full(std_error.shape, np.nan)
    known = std_error > 0
    if known.sum() < _MANY:
        for place in np.flatnonzero(known):
            smallest[place] = minimum_detectable(float(std_error[place]), float(df[place]), alpha)
        return smallest
    scaled = 2.0 * MINIMUM_DF / df[known] - 1.0
    smallest[known] = std_error[known] * chebyshev.chebval(scaled, _noncentrality(alpha))
    return smallest


@lru_cache(maxsize=8)
def _noncentrality(alpha: float) -> FloatArray:
    """Return the polynomial on [-1, 1], the image of 1/df from 0 to that of the fewest degrees of freedom."""

    def values(scaled: Any) -> Any:
        df = 2.0 * MINIMUM_DF / (scaled + 1.0)
        return np.array([minimum_detectable(1.0, float(number), alpha) for number in df])

    interpolate: Callable[..., Any] = chebyshev.chebinterpolate
    return np.asarray(interpolate(values, _DEGREE))
