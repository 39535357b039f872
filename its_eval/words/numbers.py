"""Numbers as they are printed: rounded, with their unit and interval, and counted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from its_eval.evaluation import interval_level

if TYPE_CHECKING:
    from collections.abc import Mapping


#: Decimals in a sentence.
_LEAST_DIGITS, _MOST_DIGITS = 2, 6
#: What is this much smaller than its own interval is the rounding of a machine, and no number to print.
_ROUNDING = 1e-9


def rounded(value: float, digits: int = 2) -> str:
    """Return a number for a sentence: a true minus sign, and digits enough that it is not zero.

    What is below a hundred-thousandth is given with a power of ten; what is not a number is an en dash.

    Examples
    --------
    >>> rounded(-0.3319), rounded(3.004e-7)
    ('−0.33', '3.0e−7')
    """
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "−∞" if value < 0 else "∞"
    size = abs(value)
    if size == 0:
        return "0"
    if size < 10.0 ** (1 - _MOST_DIGITS):
        mantissa, _, power = f"{size:.1e}".partition("e")
        text = f"{mantissa}e−{-int(power)}"
        return f"−{text}" if value < 0 else text
    if size < 0.5 * 10**-digits:
        digits = min(_MOST_DIGITS, 1 - math.floor(math.log10(size)))
    if size >= 100:
        digits = 0
    elif size >= 10:
        digits = min(digits, 1)
    text = f"{size:,.{digits}f}"
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


#: Estimands that are about a trend; the others are about a level.
_TRENDS = ("pre_slope", "slope_change", "post_slope")


def units_of(row: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return the unit of measurement of a row in a sentence: points for per cent, a period for a trend.

    Examples
    --------
    >>> row = {"estimand": "slope_change", "scale": "response"}
    >>> units_of(row, {"kind": "percentage", "unit": "%", "frequency": "month"})
    'points a month'
    """
    words = measure(row, about).replace("percentage points", "points")
    trend = row["estimand"] in _TRENDS
    return f"{words} a {about['frequency']}".strip() if trend else words


def signed(value: float, row: Mapping[str, Any]) -> str:
    """Return a change of a row as it is printed, with its sign."""
    text = printed(value, row)
    return text if text.startswith("−") or text in ("0", "–") else f"+{text}"


def change_words(row: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return the estimate of a change with its sign and unit: ``+0.23 points a month``."""
    return f"{signed(row['estimate'], row)} {units_of(row, about)}".strip()


def null_of(row: Mapping[str, Any]) -> float:
    """Return the value of no change on the scale of a row."""
    return 1.0 if row["scale"] == "ratio" else 0.0


_NO_INTERVAL = "no interval"


def range_words(row: Mapping[str, Any]) -> str:
    """Return the limits of an interval: ``−0.87 to 0.21``."""
    if math.isnan(row["conf_low"]) and math.isnan(row["conf_high"]):
        return _NO_INTERVAL
    return f"{printed(row['conf_low'], row)} to {printed(row['conf_high'], row)}"


def p_words(value: float) -> str:
    """Return a p-value as it is printed: ``p = 0.17``, ``p < 0.001``; blank when there is none."""
    return " ".join(filter(None, _p_parts(value)))


def _p_parts(value: float) -> tuple[str, str]:
    """Return what stands before a p-value in a sentence, and the value."""
    if math.isnan(value):
        return "", ""
    return ("p", "< 0.001") if value < 0.001 else ("p =", f"{value:.3f}" if value < 0.1 else f"{value:.2f}")


def p_number(value: float) -> str:
    """Return a p-value as it stands in a column of its own: ``0.17``, ``< 0.001``; blank when there is none.

    Examples
    --------
    >>> p_number(0.1712), p_number(0.0001)
    ('0.17', '< 0.001')
    """
    return _p_parts(value)[1]


def printed(value: float, row: Mapping[str, Any]) -> str:
    """Return a value of a row as it is printed, without its unit; a ratio becomes a per cent change."""
    factor, null = (100.0, 1.0) if row["scale"] == "ratio" else (1.0, 0.0)
    width = row["conf_high"] - row["conf_low"]
    if math.isfinite(width) and abs(value - null) < _ROUNDING * width:
        return "0"
    return rounded(factor * (value - null), digits_for(row))


def measure(row: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return the unit of measurement of a row; blank when the outcome has none."""
    if row["estimand"] == "relative_average_effect":
        return "%"
    if row["scale"] == "ratio":
        return "% of the odds" if "logit" in (about.get("transform"), about.get("link")) else "%"
    if row["scale"] == "link":
        return "on the logarithmic scale"
    if about["kind"] != "percentage":
        return str(about["unit"])
    if row["estimand"] == "counterfactual_at_start" and row.get("design") == "single":
        return "%"
    return (
        str(about.get("counted", "cases")) if row["estimand"] == "cumulative_effect" else "percentage points"
    )


def quantity(value: float, row: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return a value of a row with its unit; a ratio becomes a per cent change."""
    return f"{printed(value, row)} {measure(row, about)}".strip()


def detectable_words(
    row: Mapping[str, Any], about: Mapping[str, Any], column: str = "minimum_detectable"
) -> str:
    """Return the smallest detectable change; a fall and a rise of one log size differ in per cent."""
    smallest, unit = row[column], units_of(row, about)
    if row["scale"] != "ratio":
        return f"{printed(smallest, row)} {unit}".strip()
    fall = f"{printed(1.0 / smallest, row)} {measure(row, about)}"
    return f"{fall} or +{printed(smallest, row)} {unit}"


def interval_words(row: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return the interval of a summary row: ``95 % interval −0.87 to 0.21``."""
    limits = range_words(row)
    return limits if limits == _NO_INTERVAL else f"{interval_level(answer_confidence(about))} {limits}"


def answer_confidence(about: Mapping[str, Any]) -> float:
    """Return the level of the intervals of answers: at a declared look that of the look."""
    return float(about.get("answer_confidence", about["confidence"]))


def span_words(low: Any, high: Any) -> str:
    """Return from where to where numbers go; one number when they print alike.

    Examples
    --------
    >>> span_words(-0.25, 0.5), span_words(0.991, 0.992)
    ('−0.25 to 0.50', '0.99')
    """
    ends = rounded(float(low)), rounded(float(high))
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


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


def plural(number: int, one: str) -> str:
    """Return a number in digits with a noun.

    Examples
    --------
    >>> plural(1, "check"), plural(21, "check")
    ('1 check', '21 checks')
    """
    return f"{number} {one}{'' if number == 1 else 's'}"
