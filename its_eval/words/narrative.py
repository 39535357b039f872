"""What a design compares a unit with, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from its_eval.evaluation import Evaluation


#: Controlled designs that compare with the mean of the peers need no more words.
PEERS = "its peers"
#: Of one unit, and of several.
_COMPARED_WITH = {
    "single": ("its own earlier trend", "their own earlier trend"),
    "difference": (PEERS, "their peers"),
    "peer_mean": ("the mean of its peers in one model", "the mean of their peers in one model"),
    "stacked": ("each of its peers in one model", "each of their peers in one model"),
    "synthetic": (
        "a weighted mean of other units (synthetic control)",
        "weighted means of other units (synthetic controls)",
    ),
}


def compared_with(design: str, *, several: bool = False) -> str:
    """Return a design in words, after "compared with".

    Parameters
    ----------
    design : str
        As in the config.
    several : bool
        Whether several units are compared.

    Examples
    --------
    >>> compared_with("single"), compared_with("difference", several=True)
    ('its own earlier trend', 'their peers')
    """
    return _COMPARED_WITH[design][several]


#: What a flag of a fit means to a reader.
FLAG_WORDS = {
    "unweighted": "a denominator is missing, so that months with few answers count as much as others",
    "at_bound": "the autocorrelation sits on the edge of what can be estimated, so no p-value is given",
    "near_unit_root": "the series drifts like a random walk; its trend is hardly determined",
    "df_floor": "too little independent information for a p-value (under 3 degrees of freedom)",
    "degenerate": "the series does not vary around the fit",
    "precision_lost": "the series varies so little around the fit that few digits of its error are left",
    "counterfactual_outside_range": "the earlier trend, carried on, leaves 0 to 100 %",
    "residual_autocorrelation": "what the fit leaves over still depends on the periods before",
    "variance_changes": "the series varies more, or less, after the start than before",
    "not_converged": "the fit did not settle",
    "differenced": "the series was differenced, so that its level has no estimate",
    "overdispersed": "counts vary more than the model allows for, so its intervals are too narrow",
}
#: What a label says of the change beside those of units that had no intervention.
UNUSUAL_WORDS = {
    "consistent with an effect": ", more than is usual among other units",
    "gap changed, not unusual": ", but no more than is usual among other units",
}
#: Label of a unit that cannot be judged by itself, whatever its data, because other units are too few.
JUDGED_AS_A_SET = "judged as a set"
#: Decimals in a sentence.
_LEAST_DIGITS, _MOST_DIGITS = 2, 6
#: Estimands that are about a trend; the others are about a level.
_TRENDS = frozenset({"pre_slope", "slope_change", "post_slope"})
_PERIOD_WORDS = {"month": "month", "quarter": "quarter", "year": "year", "week": "week"}


def rounded(value: float, digits: int = 2) -> str:
    """Return a number for a sentence: a true minus sign, and digits enough that it is not zero.

    What is smaller than a millionth is 0; what is not a number is an en dash.

    Examples
    --------
    >>> rounded(-0.3319)
    '−0.33'
    """
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "−∞" if value < 0 else "∞"
    if abs(value) < 0.5 * 10**-_MOST_DIGITS:
        return "0"
    if abs(value) < 0.5 * 10**-digits:
        digits = min(_MOST_DIGITS, -math.floor(math.log10(abs(value))))
    if abs(value) >= 100:
        digits = 0
    elif abs(value) >= 10:
        digits = min(digits, 1)
    text = f"{abs(value):,.{digits}f}"
    return f"−{text}" if value < 0 else text


def digits_for(row: Mapping[str, Any]) -> int:
    """Return the decimals that an estimate and its interval need: two significant digits of its width.

    At least two, so that small quantities are not rounded away and their interval with them.
    """
    factor = 100.0 if row["scale"] == "ratio" else 1.0
    width = factor * (row["conf_high"] - row["conf_low"])
    if not math.isfinite(width) or width <= 0:
        return _LEAST_DIGITS
    return min(_MOST_DIGITS, max(_LEAST_DIGITS, 1 - math.floor(math.log10(width))))


def p_words(value: float) -> str:
    """Return a p-value as it is printed: ``p = 0.17``, ``p < 0.001``; blank when there is none."""
    if math.isnan(value):
        return ""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}" if value < 0.1 else f"p = {value:.2f}"


def estimand_words(estimand: str, about: Mapping[str, Any]) -> str:
    """Return an estimand in words, with its time unit."""
    period = _PERIOD_WORDS[about["frequency"]]
    if estimand.startswith("effect_at_"):
        after = estimand.removeprefix("effect_at_")
        return f"effect {after} {period}{'' if after == '1' else 's'} after the start"
    return {
        "counterfactual_at_start": "level expected at the start",
        "pre_slope": f"trend before, per {period}",
        "level_change": "jump at the start",
        "slope_change": f"change of trend, per {period}",
        "post_slope": f"trend after, per {period}",
        "average_effect": "average effect",
        "cumulative_effect": "cumulative effect",
        "relative_average_effect": "average effect, relative",
    }[estimand]


def printed(value: float, row: Mapping[str, Any]) -> str:
    """Return a value of a row as it is printed, without its unit; a ratio becomes a per cent change."""
    shown = 100.0 * (value - 1.0) if row["scale"] == "ratio" else value
    return rounded(shown, digits_for(row))


def measure(row: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return the unit of measurement of a row; blank when the outcome has none."""
    if row["estimand"] == "relative_average_effect":
        return "%"
    if row["scale"] == "ratio":
        return "% of the odds" if about.get("transform") == "logit" else "%"
    if row["scale"] == "link":
        return "on the logarithmic scale"
    if about["kind"] != "percentage":
        return str(about["unit"])
    if row["estimand"] == "counterfactual_at_start" and row.get("design") == "single":
        return "%"
    return "people" if row["estimand"] == "cumulative_effect" else "percentage points"


def quantity(value: float, row: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return a value of a row with its unit; a ratio becomes a per cent change."""
    return f"{printed(value, row)} {measure(row, about)}".strip()


def detectable_words(row: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return the smallest detectable change; a fall and a rise of one log size differ in per cent."""
    smallest = row["minimum_detectable"]
    if row["scale"] != "ratio":
        return quantity(smallest, row, about)
    return f"{quantity(1.0 / smallest, row, about)} or +{quantity(smallest, row, about)}"


def interval_words(row: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return the interval of a summary row: ``95 % interval −0.87 to 0.21``."""
    if math.isnan(row["conf_low"]) and math.isnan(row["conf_high"]):
        return "no interval"
    level = f"{100.0 * about['confidence']:.6g} % interval"
    return f"{level} {printed(row['conf_low'], row)} to {printed(row['conf_high'], row)}"


def headline(row: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return one sentence for one line of ``summary``.

    Parameters
    ----------
    row : mapping
        A row of ``summary``.
    about : mapping
        What the evaluation knows of the outcome.
    """
    alone = row["design"] == "single"
    subject = compared_with(str(row["design"]))
    what = estimand_words(row["estimand"], about)
    value, interval = quantity(row["estimate"], row, about), interval_words(row, about)
    if row["label"] == "not estimable":
        others = _p_list(row, ("p_placebo",))
        placebo = f" of its own ({others})" if others else ""
        return f"Compared with {subject}: {what} {value} ({interval}); not estimable, so no p-value{placebo}."
    p_values = _p_list(row, ("p_value", "p_adjusted", "p_placebo"))
    statistics = f"{interval}; {p_values}" if p_values else interval
    if row["label"] in ("no clear evidence", JUDGED_AS_A_SET):
        judged = "no clear evidence of a change; "
        after = ""
        if row["label"] == JUDGED_AS_A_SET:
            judged, after = (
                "",
                " Other units are too few to judge this one by itself; see the units together.",
            )
        return (
            f"Compared with {subject}: {judged}{what} {value} ({statistics}).{_detectable(row, about)}{after}"
        )
    verdict = {"better": ", for the better", "worse": ", for the worse", "unclear": ""}[row["direction"]]
    if alone:
        subject_changed = "trend" if row["estimand"] in _TRENDS else "level"
        changed = f"the {subject_changed} differs from before"
    else:
        changed, verdict = "the gap changed", verdict + UNUSUAL_WORDS.get(row["label"], "")
    return f"Compared with {subject}: {changed}{verdict}; {what} {value} ({statistics})."


def _detectable(row: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return what would have been found, after a result that leaves open whether anything changed."""
    null = 1.0 if row["scale"] == "ratio" else 0.0
    clear = row["conf_low"] > null or row["conf_high"] < null
    if not math.isfinite(row["minimum_detectable"]) or (row["label"] == JUDGED_AS_A_SET and clear):
        return ""
    return f" Taken alone, a change of {detectable_words(row, about)} would be found four times in five."


def _p_list(row: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return the p-values that a row has, each with its kind."""
    kinds = {"p_value": "", "p_adjusted": "adjusted ", "p_placebo": "placebo "}
    listed = ((kinds[name], p_words(row.get(name, math.nan))) for name in names)
    return ", ".join(f"{kind}{words}" for kind, words in listed if words)


def peers_sentence(evaluation: Evaluation, outcome: str, unit: str) -> str:
    """Return one sentence about the peers of a unit, blank when it has none."""
    peers = evaluation.rows_of("peers", outcome, unit)
    if peers.empty:
        return ""
    listed = ", ".join(peers["peer"])
    ranks = peers["pool_rank"]
    if ranks.isna().any() or not ranks.is_monotonic_increasing:
        return f"Peers as given: {listed}."
    nearest = int((ranks <= len(peers)).sum())
    passed_over = int(ranks.max()) - len(peers)
    if passed_over > len(evaluation.rows_of("peer_exclusions", outcome, unit)):
        # a search lists everyone whom it passes over
        return f"Peers as given: {listed}."
    if nearest == len(peers):
        return f"Peers, nearest first: {listed}."
    return (
        f"Peers, nearest first: {listed}. {nearest} of the {len(peers)} nearest are eligible; "
        f"the list reaches down to number {int(ranks.max())} of the pool."
    )


def primary_fits(evaluation: Evaluation, outcome: str, unit: str | None = None) -> pd.DataFrame:
    """Return the rows of ``fits`` by the estimator that answers, which may differ by design."""
    effects = evaluation.rows_of("effects", outcome, unit)
    answering = effects[effects["role"] == "primary"]
    fits = evaluation.rows_of("fits", outcome, unit)
    return fits[
        (fits["design"] + "\0" + fits["estimator"]).isin(answering["design"] + "\0" + answering["estimator"])
    ]


def attention(evaluation: Evaluation, outcome: str, unit: str) -> list[str]:
    """Return what a reader has to know about the primary fits of a unit, in words."""
    found: list[str] = []
    for row in primary_fits(evaluation, outcome, unit).itertuples():
        words = [FLAG_WORDS.get(flag, flag) for flag in str(row.flags).split("; ") if flag]
        found += [f"{row.design}: {phrase}" for phrase in words]
    failed = evaluation.rows_of("not_estimated", outcome, unit)
    found += [f"{row.design}: not estimated: {row.message}" for row in failed.itertuples()]
    return list(dict.fromkeys(found))


def data_sentences(evaluation: Evaluation) -> list[str]:
    """Return sentences about findings in rows that the run did not use, and warnings."""
    quality = evaluation.tables["data_quality"]
    counted = quality[quality["severity"] != "info"]
    if counted.empty:
        return []
    kinds = counted.groupby("check", sort=True).size()
    listed = ", ".join(f"{check} ({count})" for check, count in kinds.items())
    return [f"Faults in rows that this run does not use: {listed}; the table data_quality lists them."]


_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with a noun: words up to ten, digits beyond.

    Examples
    --------
    >>> counted(3, "peer"), counted(1, "peer"), counted(12, "peer")
    ('three peers', 'one peer', '12 peers')
    """
    words = _NUMBERS[number] if number < len(_NUMBERS) else f"{number:,}"
    return f"{words} {one if number == 1 else many or one + 's'}"
