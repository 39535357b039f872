"""What is asked of each interruption: the terms tested together, their p-value, and what stands beside.

A question may be one estimand, or ``change``: whether anything changed, by the joint test of all terms that
an interruption has. Beside its answer stand level, trend and the effect one year after the start.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.design.shapes import SHAPES
from its_eval.effects.estimands import CHANGE, joint_rows, linear_contrasts, terms_of
from its_eval.estimators.reml.kenward_roger import JointTest, joint_f
from its_eval.pipeline.primary import interruption_number, primary_columns

if TYPE_CHECKING:
    from its_eval.design.matrix import Interruption
    from its_eval.pipeline.estimate import Estimates
    from its_eval.pipeline.primary import Analysis, PrimaryColumns, PrimaryEstimate


class Asked(Struct, frozen=True):
    """The question about one interruption, of the units that have it.

    Attributes
    ----------
    name : str
        Name of the interruption.
    key : str
        Blank for the intervention, else the name of the event.
    question : str
        ``change`` or an estimand.
    terms : tuple of str
        The quantities that are tested together.
    quantities : mapping of str to PrimaryColumns
        By name, that of the answer first; ``change`` stands for the effect one year after the start.
    p_values : mapping of str to float
        Of the question, by unit; NaN where a series does not vary around its fit.
    """

    name: str
    key: str
    question: str
    terms: tuple[str, ...]
    quantities: Mapping[str, PrimaryColumns]
    p_values: Mapping[str, float]

    @property
    def answer(self) -> PrimaryColumns:
        """The quantity that is shown as the answer."""
        return next(iter(self.quantities.values()))

    def of(self, unit: str) -> dict[str, PrimaryEstimate]:
        """Return the quantities of a unit that has them."""
        found = ((name, columns.by_unit.get(unit)) for name, columns in self.quantities.items())
        return {name: item for name, item in found if item is not None}


def quantities_of(question: str, shape: str) -> tuple[str, ...]:
    """Return what is read of an interruption: the answer, its terms, the effect one year after the start."""
    own = terms_of(CHANGE, shape)
    beside = own if len(own) > 1 or SHAPES[shape].by_period or question not in (*own, CHANGE) else ()
    return tuple(dict.fromkeys((question, *beside, CHANGE)))


def interruptions_asked(estimates: Sequence[Estimates]) -> dict[str, Interruption]:
    """Return the interruptions of some series by key: the intervention, blank, and fitted events by name."""
    found: dict[str, Interruption] = {}
    for item in estimates:
        first, *events = item.design.interruptions
        found.setdefault("", first)
        for event in events:
            found.setdefault(event.name, event)
    return found


def question_of(estimand: str, shape: str) -> str:
    """Return the question about a fitted event: any change where it lacks the term that is asked for."""
    lacks = estimand in ("level_change", "slope_change") and estimand not in terms_of(CHANGE, shape)
    return CHANGE if lacks else estimand


def questions(analysis: Analysis, estimates: Sequence[Estimates]) -> list[Asked]:
    """Return the question about each interruption of some series, the intervention first.

    Parameters
    ----------
    analysis : Analysis
        What is asked of the intervention; of a fitted event it is asked whether anything changed where its
        shape lacks the estimand.
    estimates : sequence of Estimates
        Fits by the primary estimator.
    """
    asked = []
    for key, interruption in interruptions_asked(estimates).items():
        question = question_of(analysis.estimand, interruption.shape) if key else analysis.estimand
        terms = terms_of(question, interruption.shape)
        if len(terms) == 1 and not interruption.form.by_period:
            # the effect after a year of a level or a trend alone is that level, or a multiple of the trend
            terms = (question,)
        quantities = {
            name: primary_columns(estimates, name, analysis.question, key)
            for name in quantities_of(question, interruption.shape)
        }
        if question != CHANGE and set(quantities[CHANGE].estimands) == {question}:
            # what is shown after a year is what was asked, and is told once
            del quantities[CHANGE]
        asked.append(
            Asked(
                interruption.name,
                key,
                question,
                terms,
                quantities,
                dict(_p_values(estimates, key, question, terms, quantities)),
            )
        )
    return asked


def _p_values(
    estimates: Sequence[Estimates],
    key: str,
    question: str,
    terms: tuple[str, ...],
    quantities: Mapping[str, PrimaryColumns],
) -> Iterator[tuple[str, float]]:
    """Yield the p-value of a question by unit; of a change of single periods that of all of them together."""
    by_period = question == CHANGE and interruptions_asked(estimates)[key].form.by_period
    if len(terms) == 1 and not by_period:
        columns = quantities[terms[0]]
        p_values = np.where(columns.stuck, np.nan, columns.p_value).tolist()
        yield from zip((target.unit for target in columns.targets), p_values, strict=True)
        return
    by_term = [quantities[name].by_unit for name in terms]
    for item in estimates:
        number = interruption_number(item.design, key)
        if number is None:
            continue
        rows = linear_contrasts(item.design, item.observed, (), number)
        for position, unit in enumerate(item.units):
            separate = [columns[unit].p_value for columns in by_term if unit in columns]
            if item.stuck[position] or item.placebo_only:
                yield unit, math.nan
            elif by_period:
                contrasts = joint_rows(item.design, number, item.sheet.plan.per_year)
                single = item.whole.one(position).contrasts(contrasts).p_value[0].tolist()
                yield unit, joint_test(item, position, contrasts, single).p_value
            else:
                contrasts = np.array([rows[name] for name in terms])
                yield unit, joint_test(item, position, contrasts, separate).p_value


def joint_test(item: Estimates, position: int, contrasts: np.ndarray, separate: Sequence[float]) -> JointTest:
    """Test several contrasts of one series together.

    By Kenward and Roger's F; where the variance is so uncertain that it has no such distribution, by the
    smallest of the separate p-values times their number (Bonferroni), which always holds the level.

    Parameters
    ----------
    item : Estimates
        The fit.
    position : int
        Which of its series.
    contrasts : ndarray, shape (m, k)
        What is tested.
    separate : sequence of float
        The p-value of each by itself.
    """
    found = joint_f(item.whole, position, contrasts)
    if not math.isnan(found.p_value) or not separate or math.isnan(min(separate)):
        return found
    return JointTest(math.nan, len(contrasts), math.nan, min(1.0, len(contrasts) * min(separate)))


def joint_over_interruptions(asked: Sequence[Asked], estimates: Sequence[Estimates]) -> dict[str, float]:
    """Return by unit the p-value that nothing changed at any of its interruptions; none with a single one."""
    if len(asked) < 2:
        return {}
    found = {}
    for item in estimates:
        rows, separate_of, n_interruptions = [], [], 0
        for one in asked:
            number = interruption_number(item.design, one.key)
            if number is None:
                continue
            n_interruptions += 1
            if item.design.interruptions[number].form.by_period:
                rows += list(joint_rows(item.design, number, item.sheet.plan.per_year))
                continue
            own = linear_contrasts(item.design, item.observed, (), number)
            for name in terms_of(CHANGE, item.design.interruptions[number].shape):
                rows.append(own[name])
                columns = one.quantities.get(name) or one.quantities.get(CHANGE)
                separate_of.append({} if columns is None else columns.by_unit)
        if n_interruptions < 2:
            continue
        for position, unit in enumerate(item.units):
            if item.stuck[position] or item.placebo_only:
                continue
            separate = [columns[unit].p_value for columns in separate_of if unit in columns]
            found[unit] = joint_test(item, position, np.array(rows), separate).p_value
    return found
