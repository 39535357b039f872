"""The summary of very many series: the answer of each from its own numbers, by columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from its_eval.columns import TableColumns, Texts
from its_eval.effects.estimands import terms_of
from its_eval.effects.several_units import adjust, reaches
from its_eval.estimators.quantiles import t_quantile
from its_eval.evaluation import CHANGED, NO_CLEAR_CHANGE, NOT_ANSWERED
from its_eval.pipeline.detectable import smallest_effects
from its_eval.pipeline.question import interruptions_asked, question_of
from its_eval.pipeline.terms import Terms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.pipeline.tables import Answers

    FloatArray = NDArray[np.float64]

_LABELS = (NOT_ANSWERED, NO_CLEAR_CHANGE, CHANGED)
_DIRECTIONS = ("unclear", "better", "worse")


def n_interruptions(family: Sequence[Answers]) -> int:
    """Return how many interruptions the series of a family have between them."""
    return len(interruptions_asked([answer.estimates for answer in family]))


def of_events(family: Sequence[Answers], question: str) -> FloatArray:
    """Return the p-values of fitted events, which are of the family too."""
    found = [
        _p_values(answer, question_of(question, event.shape), number)
        for answer in family
        for number, event in enumerate(answer.estimates.design.interruptions)
        if number
    ]
    every = np.concatenate([np.empty(0), *found])
    return np.asarray(every[~np.isnan(every)])


def add_summary(
    family: Sequence[Answers], terms: Terms, question: str, others: FloatArray, into: TableColumns
) -> None:
    """Add a row for every series of one outcome and design.

    Of ``change`` the p-value is the smallest of its terms' times their number (Bonferroni): the joint F of a
    whole run needs the covariance of the terms, which is not kept for very many series.

    Parameters
    ----------
    family : sequence of Answers
        All of the outcome and design, in a fixed order.
    terms : Terms
        How they are judged.
    question : str
        ``change`` or an estimand.
    others : ndarray
        p-values of other interruptions in the family.
    into : TableColumns
        The table ``summary``.
    """
    chosen = [_shown(answer) for answer in family]
    p_values = [_p_values(answer, question) for answer in family]
    known = [~np.isnan(values) for values in p_values]
    size = terms.size(n_interruptions(family))
    every = np.concatenate([*(values[there] for values, there in zip(p_values, known, strict=True)), others])
    adjusted = adjust(every, terms.method, size)
    start = 0
    for answer, place, p_value, there in zip(family, chosen, p_values, known, strict=True):
        p_adjusted = np.full(p_value.shape, np.nan)
        p_adjusted[there] = adjusted[start : start + int(there.sum())]
        start += int(there.sum())
        if place is None:
            continue
        here = answer.effects.present[:, place]
        if here.any():
            _add(answer, place, here, p_value, p_adjusted, terms, size, into)


def _shown(answer: Answers) -> int | None:
    """Return the column of the answer: of a logarithm its ratio."""
    ratios = [place for place in answer.primary if answer.effects.kinds[place].scale == "ratio"]
    return next(iter(ratios or answer.primary), None)


def _p_values(answer: Answers, question: str, number: int = 0) -> FloatArray:
    """Return the p-value of the question about an interruption by series; NaN where there is none.

    Of an estimand with a ratio it is that of the ratio.
    """
    effects, counts = answer.effects, answer.counts
    names = terms_of(question, answer.estimates.design.interruptions[number].shape)
    places = [
        sorted(effects.places(name, number), key=lambda place: effects.kinds[place].scale != "ratio")
        for name in names
    ]
    if not all(places):
        return np.full(len(answer.estimates.units), np.nan)
    columns = [found[0] for found in places]
    smallest = np.where(counts[:, columns], effects.p_value[:, columns], np.nan)
    return np.asarray(np.minimum(1.0, len(columns) * smallest.min(axis=1)))


def _add(
    answer: Answers,
    place: int,
    here: NDArray[np.bool_],
    p_value: FloatArray,
    p_adjusted: FloatArray,
    terms: Terms,
    size: int,
    into: TableColumns,
) -> None:
    """Add the series that have the answer."""
    effects, kind = answer.effects, answer.effects.kinds[place]
    units = [unit for unit, there in zip(answer.estimates.units, here, strict=True) if there]
    p_value, p_adjusted = p_value[here], p_adjusted[here]
    estimate, std_error, df = (
        getattr(effects, name)[here, place] for name in ("estimate", "std_error", "df")
    )
    changed = reaches(p_adjusted, terms.alpha)
    labels = np.where(np.isnan(p_value), 0, np.where(changed, 2, 1))
    centre = np.log(estimate) if kind.scale == "ratio" else estimate
    reach = t_quantile(1.0 - terms.alpha / (2.0 * size), df) * std_error
    clear = changed & (np.abs(centre) > reach) & (terms.better is not None)
    good = (centre > 0.0) == (terms.better == "higher")
    keys = answer.keys
    del keys["estimator"]
    nothing = np.full(len(units), np.nan)
    into.add(
        len(units),
        {
            **keys,
            "unit": Texts(np.arange(len(units)), units),
            "estimand": kind.estimand,
            "scale": kind.scale,
            "estimate": estimate,
            "conf_low": effects.conf_low[here, place],
            "conf_high": effects.conf_high[here, place],
            "p_value": p_value,
            "p_adjusted": p_adjusted,
            "p_placebo": nothing,
            "p_crawford_howell": nothing,
            "minimum_detectable": kind.as_shown(smallest_effects(std_error, df, terms.alpha)),
            "direction": Texts(np.where(clear, np.where(good, 1, 2), 0), _DIRECTIONS),
            "label": Texts(labels, _LABELS),
        },
    )
