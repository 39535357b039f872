"""The effect one year after the start as a number that can be pictured: cases in a period."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import Struct

from its_eval.evaluation import NO_CLEAR_CHANGE, NOT_ANSWERED
from its_eval.words.labels import short_words

if TYPE_CHECKING:
    import pandas as pd

    from its_eval.evaluation import Evaluation, Row

_ALLOWED = (0.0, 100.0)


class Cases(Struct, frozen=True):
    """An effect in cases.

    Attributes
    ----------
    text : str
        Two significant figures with their range, or the range alone.
    title : str
        Of what, in which time.
    """

    text: str
    title: str


def cases_of(  # noqa: PLR0911  (a reason each)
    evaluation: Evaluation, verdict: Row, year: Row | None
) -> Cases | str:
    """Return the effect of a percentage in cases a period, or why it is not given; blank without a reason.

    The effect times the mean denominator of the year up to then. After *no clear change* only the range.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    verdict, year : mapping
        The answer, and the effect one year after the start.
    """
    about = evaluation.outcomes[str(verdict["outcome"])]
    if year is None or about["kind"] != "percentage" or about.get("transform", "none") != "none":
        return ""
    series = evaluation.rows_of("series", str(verdict["outcome"]), str(verdict["unit"]))
    series = series[series["design"] == verdict["design"]].sort_values("period")
    after = int(str(year["estimand"]).rpartition("_")[2])
    till = series[series["event_time"].le(after) & series["event_time"].gt(after - int(about["per_year"]))]
    size = till["denominator"].mean()
    if till.empty or not math.isfinite(size):
        return ""
    low, high = year["attribution_low"], year["attribution_high"]
    if math.isnan(low):
        low, high = year["conf_low"], year["conf_high"]
    if math.isnan(low):
        return ""
    expected = _expected(till.iloc[-1])
    if not _ALLOWED[0] <= expected <= _ALLOWED[1]:
        when = short_words(str(year["estimand"]), about)
        return f"the earlier trend, carried on until {when}, leaves 0 to 100 % ({expected:.0f} %)"
    ends = [expected + limit for limit in (low, high)]
    if min(ends) < _ALLOWED[0] or max(ends) > _ALLOWED[1]:
        return f"a limit of the effect {short_words(str(year['estimand']), about)} leaves 0 to 100 %"
    scaled = [two_figures(value * size / 100.0) for value in (year["estimate"], low, high)]
    title = f"{about.get('counted', 'cases')} a {about['frequency']}"
    if verdict["label"] in (NO_CLEAR_CHANGE, NOT_ANSWERED):
        return Cases(f"{scaled[1]} to {scaled[2]}", title)
    return Cases(f"{scaled[0]} ({scaled[1]}, {scaled[2]})", title)


def _expected(row: pd.Series) -> float:
    """Return the level expected without the intervention: the peers' and the gap as it would have been."""
    level = 0.0 if math.isnan(row["peer_mean"]) else float(row["peer_mean"])
    return level + float(row["counterfactual"])


def two_figures(value: float) -> str:
    """Return a number with its sign, in two significant figures.

    Examples
    --------
    >>> two_figures(-3217.0), two_figures(0.0), two_figures(4.26)
    ('−3,200', '0', '+4.3')
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "–"
    places = 1 - math.floor(math.log10(abs(value)))
    shown = round(abs(value), places)
    text = f"{shown:,.{max(places, 0)}f}"
    return f"{'−' if value < 0 else '+'}{text}"
