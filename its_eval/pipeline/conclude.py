"""The conclusion: one verdict for every question, and the summary that is read off the verdicts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct, field

from its_eval.checks.conclusion import Conclusions, conclude, conclude_families, decide, direction, set_label
from its_eval.checks.power import minimum_detectable
from its_eval.columns import ALL_INTERRUPTIONS, THE_SET
from its_eval.effects.estimands import CHANGE
from its_eval.effects.several_units import adjust
from its_eval.evaluation import OPEN_LABELS, records
from its_eval.scales import PER_CENT

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from its_eval.effects.several_units import Method
    from its_eval.pipeline.history import LookPlace
    from its_eval.pipeline.placebos import Beside, QuantityBeside
    from its_eval.pipeline.primary import PrimaryEstimate
    from its_eval.pipeline.question import Asked
    from its_eval.pipeline.tables import Answers
    from its_eval.pipeline.terms import Terms
    from its_eval.pipeline.together import SetAnswer

    FloatArray = NDArray[np.float64]

Row = dict[str, Any]


class Findings(Struct, frozen=True):
    """What was found about one outcome in one comparison.

    Attributes
    ----------
    outcome, comparison : str
        Which.
    asked : sequence of Asked
        The question about each interruption.
    beside : mapping of (unit, interruption key) to Beside
        The change of a unit beside those of other units, where there are any.
    by_rank : bool
        Whether the place among other units is all there is to judge by.
    over_all : mapping of str to float
        p-value of all interruptions together, by unit.
    together : sequence of SetAnswer
        The treated units as a set, by interruption.
    flags : mapping of str to str
        Warnings of the fit, by unit.
    inference : mapping of str to str
        Procedure, by unit.
    bends : mapping of (unit, quantity) to float
        How much the untreated trend would have to bend.
    place : LookPlace or None
        Where it stands among declared looks.
    """

    outcome: str
    comparison: str
    asked: Sequence[Asked]
    beside: Mapping[tuple[str, str], Beside] = field(default_factory=dict)
    by_rank: bool = False
    over_all: Mapping[str, float] = field(default_factory=dict)
    together: Sequence[SetAnswer] = ()
    flags: Mapping[str, str] = field(default_factory=dict)
    inference: Mapping[str, str] = field(default_factory=dict)
    bends: Mapping[tuple[str, str], float] = field(default_factory=dict)
    place: LookPlace | None = None

    def over_looks(self, key: str, p: float) -> float:
        """Return a p-value about an interruption as it holds over all declared looks: G(p)."""
        return p if self.place is None else float(self.place.over_looks(key, np.array(p)))


#: What rests on a standard error, which says nothing where the place among other units decides.
_NO_INTERVAL: Row = dict.fromkeys(
    ("conf_low", "conf_high", "minimum_detectable", "coincident_change", "breakdown_bend"), math.nan
)
#: The same of a quantity beside the answer, which has no rank of its own.
_NO_P: Row = dict.fromkeys(("p_value", "p_adjusted"), math.nan)


class _Cases(Struct, frozen=True):
    """The questions about the units of one outcome and comparison, as they are judged.

    Attributes
    ----------
    cases : list of (Asked, str)
        Which question about which unit.
    own, spent, attributed : ndarray, shape (M,)
        p-values of the change, the same over all declared looks, and beside other units.
    compared : ndarray of bool, shape (M,)
        Whether other units are enough to tell.
    """

    cases: list[tuple[Asked, str]]
    own: FloatArray
    spent: FloatArray
    attributed: FloatArray
    compared: NDArray[np.bool_]

    @classmethod
    def of(cls, found: Findings, terms: Terms) -> _Cases:
        """Return those of one outcome and comparison."""
        cases = [(one, unit) for one in found.asked for unit in one.p_values]
        size = terms.size(len(found.asked))
        beside = [found.beside.get((unit, one.key)) for one, unit in cases]
        own = np.array([one.p_values[unit] for one, unit in cases])
        if found.by_rank:
            # a place among few donors cannot reach the level of the family
            reach = terms.alpha * (1.0 + 1e-9)
            places = (item.p_rank if item and item.least_p * size <= reach else math.nan for item in beside)
            own = np.array(list(places))
        attributed = np.array([math.nan if item is None else item.p_value for item in beside])
        compared = np.array([item is not None and item.compared for item in beside], dtype=np.bool_)
        spent = [found.over_looks(one.key, p) for (one, _), p in zip(cases, own, strict=True)]
        return cls(cases, own, np.array(spent), attributed, compared)

    def judged(self, terms: Terms, size: int, others: Sequence[_Cases]) -> Conclusions:
        """Judge them with those of other outcomes in the family, interruptions together or each apart."""
        every = (self, *others)
        own, attributed, compared = (
            np.concatenate([getattr(item, name) for item in every])
            for name in ("spent", "attributed", "compared")
        )
        keys = [one.key if terms.each_interruption else "" for item in every for one, _ in item.cases]
        return conclude_families(
            own, attributed, compared, keys=keys, size=size, alpha=terms.alpha, method=terms.method
        ).first(len(self.cases))


def verdict_rows(found: Findings, terms: Terms, elsewhere: Sequence[Findings] = ()) -> Iterator[Row]:
    """Yield the rows of ``verdicts`` of one outcome and comparison.

    Parameters
    ----------
    found : Findings
        Estimates, and what other units did.
    terms : Terms
        How they are judged.
    elsewhere : sequence of Findings
        What was found about the other outcomes of the family.
    """
    own = _Cases.of(found, terms)
    size = terms.size(len(found.asked))
    judged = own.judged(terms, size, [_Cases.of(item, terms) for item in elsewhere])
    sets = {item.key: item for item in found.together}
    adjusted = {one.key: _adjusted(one, size, terms.method) for one in found.asked}
    for place, (one, unit) in enumerate(own.cases):
        rows = _unit_rows(found, terms, one, unit, size, adjusted[one.key])
        answer = next(rows, None)
        if answer is None:
            continue
        answer |= {
            "p_value": own.own[place],
            "p_adjusted": judged.p_adjusted[place],
            "p_attribution_adjusted": judged.p_both[place],
            "label": judged.labels[place],
        }
        if judged.attribution_only[place]:
            answer["flags"] = "; ".join(filter(None, [answer["flags"], "attribution_only"]))
        if judged.labels[place] in OPEN_LABELS:
            answer["direction"] = "unclear"
        yield answer | (_NO_INTERVAL if found.by_rank else {}) | _of_set(sets.get(one.key))
        for row in rows:
            yield row | (_NO_INTERVAL | _NO_P if found.by_rank else {}) | _of_set(sets.get(one.key))
    yield from _over_all(found, terms, elsewhere)
    for one in found.asked:
        if one.key in sets:
            yield from _set_rows(found, terms, one, sets[one.key])


def _common(found: Findings, one: Asked, unit: str) -> Row:
    return {
        "outcome": found.outcome,
        "design": found.comparison,
        "unit": unit,
        "interruption": one.name,
        "question": one.question,
    }


def _of_set(item: SetAnswer | None) -> Row:
    """Return the p-values of the set, which stand beside those of its units."""
    return {} if item is None else {"set_p": item.p_value, "set_p_placebo": item.p_placebo}


def _adjusted(one: Asked, size: int, method: Method) -> dict[tuple[str, str], float]:
    """Return adjusted p-values of the quantities beside the answers, by quantity and unit.

    Each quantity is a family of its own: it was not asked for, and is told only where it stands out.
    """
    adjusted: dict[tuple[str, str], float] = {}
    for name, columns in list(one.quantities.items())[1:]:
        usable = ~columns.stuck & ~np.isnan(columns.p_value)
        units = [target.unit for target, good in zip(columns.targets, usable, strict=True) if good]
        found = adjust(columns.p_value[usable], method, size)
        adjusted |= {(name, unit): value for unit, value in zip(units, found.tolist(), strict=True)}
    return adjusted


def _unit_rows(
    found: Findings,
    terms: Terms,
    one: Asked,
    unit: str,
    size: int,
    adjusted: Mapping[tuple[str, str], float],
) -> Iterator[Row]:
    """Yield the answer about a unit and then, without label, the quantities beside it."""
    quantities, beside = one.of(unit), found.beside.get((unit, one.key))
    matched = found.by_rank and any(item.std_error > 0 for item in quantities.values())
    for number, (name, item) in enumerate(quantities.items()):
        near = None if beside is None else beside.quantities.get(name)
        row = _common(found, one, unit) | _cells(item, near, terms, one.key)
        row |= {
            "p_adjusted": adjusted.get((name, unit), math.nan),
            "inference": found.inference.get(unit, ""),
            "breakdown_bend": found.bends.get((unit, name), math.nan) if not one.key else math.nan,
        }
        if number == 0:
            flags = [found.flags.get(unit, ""), "matched_on_outcome" if matched else ""]
            flags += (["not_ranked"] if found.by_rank else []) if beside is None else beside.flags
            row |= {
                "level_used": terms.level(one.key),
                "look": terms.look,
                "direction": _direction(found, terms, one, quantities, clear=True, size=size),
                "flags": "; ".join(filter(None, flags)),
                **({} if found.by_rank or item.stuck else _decision(terms, one.key, item, near)),
            }
            if beside is not None:
                row |= {"p_attribution": beside.p_value, "p_rank": beside.p_rank, "n_donors": beside.n_donors}
        yield row


def _direction(
    found: Findings,
    terms: Terms,
    one: Asked,
    quantities: Mapping[str, PrimaryEstimate],
    *,
    clear: bool,
    size: int,
) -> str:
    """Return which way something changed, by the answer; a change also by its level, and at last its trend.

    Why the trend, and last: docs/decisions/0007-direction-of-a-change.md.
    """
    answer, *rest = quantities.values()
    if found.by_rank:
        return direction(terms.better, clear=clear, intervals=[(answer.estimate, answer.estimate)])
    told = [answer, *rest] if one.question == CHANGE else [answer]
    intervals = [item.limits_at(terms.level(one.key, size)) for item in told]
    trend = intervals[2] if len(intervals) > 2 else None
    return direction(terms.better, clear=clear, intervals=intervals[:2], otherwise=trend)


def _cells(item: PrimaryEstimate, near: QuantityBeside | None, terms: Terms, key: str) -> Row:
    """Return the numbers of a quantity as they are shown: ratios for logarithms."""
    level = terms.level(key)
    smallest = minimum_detectable(item.std_error, item.df, level) if item.std_error > 0 else math.nan
    row: Row = {
        "estimand": item.estimand,
        "scale": item.shown_scale,
        **{name: item.cells()[name] for name in ("estimate", "conf_low", "conf_high", "p_value")},
        "minimum_detectable": item.shown(smallest),
    }
    if terms.place is not None:
        low, high = item.limits_at(level)
        row |= {"conf_low": item.shown(low), "conf_high": item.shown(high), "level_used": level}
    if near is not None:
        row |= {
            "attribution_low": item.shown(near.low),
            "attribution_high": item.shown(near.high),
            "p_attribution": near.p_value,
            "minimum_detectable_label": item.shown(near.minimum_detectable),
            "coincident_change": near.coincident_change,
            **{name: getattr(near, name) for name in ("tau", "n_as_large", "own_change", "own_change_high")},
        }
    return row


def _decision(terms: Terms, key: str, item: PrimaryEstimate, near: QuantityBeside | None) -> Row:
    """Return what the margins decide, by the interval that allows for other units where there is one."""
    low, high = item.limits_at(terms.level(key))
    if near is not None and not math.isnan(near.low):
        low, high = near.low, near.high
    if item.scale is PER_CENT:
        low, high = item.shown(low), item.shown(high)
    decision, margin = decide(terms.better, (low, high), terms.gain, terms.loss)
    return {"margin": margin, "decision": decision}


def _over_all(found: Findings, terms: Terms, elsewhere: Sequence[Findings]) -> Iterator[Row]:
    """Yield the joint verdict on all interruptions of each unit; none with a single one."""
    units = list(found.over_all)
    p_values = np.array([p for item in (found, *elsewhere) for p in item.over_all.values()])
    spent = [
        item.over_looks(ALL_INTERRUPTIONS, p) for item in (found, *elsewhere) for p in item.over_all.values()
    ]
    judged = conclude(
        np.array(spent),
        np.full(p_values.size, math.nan),
        np.zeros(p_values.size, dtype=np.bool_),
        size=terms.size(1),
        alpha=terms.alpha,
        method=terms.method,
    )
    for place, unit in enumerate(units):
        yield {
            "outcome": found.outcome,
            "design": found.comparison,
            "unit": unit,
            "interruption": ALL_INTERRUPTIONS,
            "question": CHANGE,
            "p_value": p_values[place],
            "p_adjusted": judged.p_adjusted[place],
            "level_used": terms.level(ALL_INTERRUPTIONS),
            "look": terms.look,
            "label": judged.labels[place],
            "inference": found.inference.get(unit, ""),
        }


def _set_rows(found: Findings, terms: Terms, one: Asked, item: SetAnswer) -> Iterator[Row]:
    """Yield the verdict on the treated units together, and without label the quantities beside it."""
    p_value = item.p_value
    if found.by_rank:
        p_value = item.p_placebo if item.compared else math.nan
    spent = float(terms.over_looks(one.key, np.array(p_value)))
    clear = not math.isnan(spent) and spent <= terms.alpha * (1.0 + 1e-9)
    for number, part in enumerate(item.quantities.values()):
        row = _common(found, one, THE_SET) | _cells(part, None, terms, one.key)
        if number == 0:
            row |= {
                "p_value": p_value,
                "p_adjusted": spent,
                "p_attribution": item.p_placebo,
                "n_donors": item.n_donors,
                **_of_set(item),
                "level_used": terms.level(one.key),
                "look": terms.look,
                "direction": _direction(found, terms, one, item.quantities, clear=clear, size=1),
                "label": set_label(spent, item.p_placebo, compared=item.compared, alpha=terms.alpha),
                "inference": item.inference,
                "flags": "; ".join(item.flags),
                **({} if found.by_rank else _decision(terms, one.key, part, None)),
            }
        if found.by_rank:
            row |= _NO_INTERVAL | (_NO_P if number else {})
        yield row


def summary_rows(
    verdicts: pd.DataFrame, intervention: str, own: Mapping[tuple[str, str, str], float]
) -> Iterator[Row]:
    """Yield the rows of ``summary``: the answers about the intervention in each unit, as 0.1 had them.

    Parameters
    ----------
    verdicts : DataFrame
        The table.
    intervention : str
        Its name.
    own : mapping of (outcome, unit, design) to float
        p-value of a unit's own change among those of its peers.
    """
    for _, row in records(verdicts):
        if row["label"] and row["unit"] != THE_SET and row["interruption"] == intervention:
            key = (row["outcome"], row["unit"], row["design"])
            yield {
                **row,
                "p_placebo": row["p_rank"],
                "p_crawford_howell": own.get(key, math.nan),
                "direction": "unclear" if row["direction"] == "mixed" else row["direction"],
            }


def adjusted_p(
    family: Sequence[Answers], question: str, size: int, terms: Terms, others: FloatArray | None = None
) -> list[FloatArray]:
    """Return adjusted p-values of the primary rows of each answer, shape (S, K), NaN elsewhere.

    Of a change it is the question that is adjusted, which no row of effects is.

    Parameters
    ----------
    family : sequence of Answers
        All of one outcome and design.
    question : str
        What is asked.
    size : int
        Size of the family, fixed by the config: a series without a p-value counts as one of 1.
    terms : Terms
        Method of adjustment, and declared looks.
    others : ndarray, optional
        p-values of the other interruptions, which are of the same family, as they hold over the looks.
    """
    beside = np.empty(0) if others is None else others
    adjusted = [np.full(answer.effects.p_value.shape, np.nan) for answer in family]
    if question == CHANGE:
        return adjusted
    scales: dict[str, list[tuple[int, int]]] = {}
    for place, answer in enumerate(family):
        for column in answer.primary:
            scales.setdefault(answer.effects.kinds[column].scale, []).append((place, column))
    for members in scales.values():
        counts = [family[place].counts[:, column] for place, column in members]
        p_values = [
            terms.over_looks("", family[place].effects.p_value[chosen, column])
            for (place, column), chosen in zip(members, counts, strict=True)
        ]
        found = adjust(np.concatenate([*p_values, beside]), terms.method, size)
        start = 0
        for (place, column), chosen in zip(members, counts, strict=True):
            adjusted[place][chosen, column] = found[start : start + int(chosen.sum())]
            start += int(chosen.sum())
    return adjusted
