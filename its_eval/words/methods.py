"""What was done, in words: every setting of a run is told, and nothing that was not set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.design.shapes import SHAPES
from its_eval.effects.estimands import CHANGE
from its_eval.estimators.catalogue import ESTIMATORS
from its_eval.scales import SCALES
from its_eval.words.labels import CORRELATED_OUTCOMES, MATCHED_ON_OUTCOME, estimand_words, family_words
from its_eval.words.numbers import plural

if TYPE_CHECKING:
    import pandas as pd

_SEASONS = {
    "none": "no season",
    "months": "a term for each calendar month",
    "quarters": "a term for each quarter",
    "weeks": "a term for each week of the year",
    "auto": "a form that goes by the number of periods",
}
TRENDS = {"none": "a level", "linear": "a straight line", "quadratic": "a parabola"}
_MISSING = {
    "mask": "Missing periods are left out; their place in time is kept and nothing is filled in.",
    "error": "A missing period of a treated unit stops the run, and a unit with one is no peer.",
    "drop_unit": "A unit with a missing period, treated or not, is left out and reported.",
}


def method_sentences(settings: Mapping[str, Any], errors: pd.DataFrame | None = None) -> dict[str, list[str]]:
    """Return what was done by subject.

    Parameters
    ----------
    settings : mapping
        The config with every default, as plain values.
    errors : DataFrame, optional
        The table ``error_model``, to name what was chosen by the data.
    """
    subjects = {
        "Data and time": _data,
        "Model": _model,
        "Estimation": _estimation,
        "Comparison": _comparison,
        "Quantities and conclusions": _conclusions,
    }
    sentences = {title: list(told(settings)) for title, told in subjects.items()}
    sentences["Estimation"] += _chosen_orders(settings, errors)
    return sentences


def _chosen_orders(settings: Mapping[str, Any], errors: pd.DataFrame | None) -> Iterator[str]:
    """Yield of each ARIMA process whose order was chosen by the data how, and which it was."""
    by_data = (entry for entry in _entries(settings) if entry["name"] == "arima")
    labels = {entry["label"] for entry in by_data if entry.get("order") == "aicc"}
    for label in sorted(labels):
        words = (
            f"{label}: the order of the ARIMA errors was chosen by the data, for each series by itself and "
            "on the periods before the first interruption alone: p and q from 0 to 2 by AICc, and one "
            "difference where a KPSS test at 5 % rejects that the series is stationary around its line. The "
            "whole series is then fitted with that order. Intervals and p-values do not count this choice"
        )
        if errors is not None and not errors.empty:
            own = errors.loc[errors["estimator"] == label, ["outcome", "unit", "design", "process"]]
            counts = own.drop_duplicates()["process"].value_counts()
            found = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
            named = ", ".join(f"{process} ({number} series)" for process, number in found)
            words += f"; chosen: {named}" if named else ""
        yield f"{words}."


def _missing(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield what became of missing periods, with the outcomes where it is not the same for all."""
    common = settings["data"]["missing"]
    labels: dict[str, list[str]] = {}
    for outcome in settings["outcomes"]:
        labels.setdefault(outcome.get("missing") or common, []).append(outcome["label"])
    for policy, named in labels.items():
        yield _MISSING[policy] if len(labels) == 1 else f"{', '.join(named)}: {_MISSING[policy]}"
    if settings["sensitivity"].get("missing"):
        yield "As a sensitivity, gaps were filled in on a straight line."


def _data(settings: Mapping[str, Any]) -> Iterator[str]:
    frequency = settings["data"]["frequency"]
    for outcome in settings["outcomes"]:
        window = f"{outcome.get('start') or 'the first'} to {outcome.get('end') or 'the last available'}"
        unit = f", in {outcome['unit']}" if outcome.get("unit") else ""
        better = f"; {outcome['better']} is better" if outcome.get("better") else ""
        yield (
            f"{outcome['label']} (indicator {outcome['indicator']}): {outcome['kind']}{unit}, one value per "
            f"{frequency}, {window}{better}."
        )
    yield from _missing(settings)
    smallest = settings["data"].get("min_denominator")
    if smallest is not None:
        yield f"Values with a denominator below {smallest:g} are left out."
    disclosure = settings["data"].get("disclosure")
    if disclosure is not None:
        first, last = disclosure["suppress"]
        yield (
            f"Counts from {first} to {last} are not shown, and all others are rounded to "
            f"{disclosure['round']}, at the {disclosure['at']}."
        )
    for event in settings["events"]:
        until = f" to {event['until']}" if event.get("until") else ""
        where = ", ".join([*event.get("outcomes", ()), *event.get("units", ())])
        doing = {"note": "shown, not fitted", "mask": "periods left out"}
        fate = doing.get(event["as"], f"fitted as {event['as'].replace('_', ' ')}")
        yield f"Event: {event['name']}, {event['date']}{until}{f' ({where})' if where else ''}: {fate}."


def _shape(intervention: Mapping[str, Any]) -> str:
    words = SHAPES[intervention["shape"]].in_words
    length = intervention.get("length")
    return words if length is None else words.replace("so many periods", f"{length:g} periods")


def _model(settings: Mapping[str, Any]) -> Iterator[str]:
    intervention = settings["intervention"]
    start = intervention.get("date") or "the date of each unit"
    frequency = settings["data"]["frequency"]
    weighted = all(COMPARISONS[design].weighs_periods for design in settings["designs"])
    for labels, (course,) in _grouped(
        settings, "trend", lambda trend: (TRENDS["none" if weighted else trend or "linear"],)
    ):
        which = "" if labels == "all outcomes" else f" ({labels})"
        if intervention.get("fit", "whole") == "before":
            yield (
                f"Projection{which}: {course}, fitted to the time before {start} alone. Later periods are "
                "predicted, and each is held against its prediction. Intervals are those of prediction: they "
                "hold the uncertainty of the model and the variation of the later periods themselves. The "
                f"first affected {frequency} counts as after."
            )
        else:
            yield (
                f"Segmented regression{which}: {course} before {start}, and {_shape(intervention)}. The "
                f"first affected {frequency} counts as after."
            )
    phase_in = intervention["phase_in"]
    if phase_in["periods"]:
        how = {"exclude": "left out", "ramp": "fitted as a ramp from none to all of the jump"}
        yield f"The first {phase_in['periods']} periods are phase-in: {how[phase_in['as']]}."
    for labels, (entry,) in () if weighted else _grouped(settings, "seasonality", _season_words):
        yield f"Season ({labels}): {entry}."
    for outcome in settings["outcomes"]:
        scale = SCALES[outcome["transform"]]
        if not scale.is_plain:
            yield f"{outcome['label']} is modelled {scale.in_words}."
        if outcome.get("covariates"):
            named = ", ".join(map(_covariate_words, outcome["covariates"]))
            unused = f"a {frequency} without a value of each is not used"
            yield f"{outcome['label']} has covariates: {named}; {unused}."
        if outcome.get("controls"):
            named = ", ".join(outcome["controls"])
            yield (
                f"{outcome['label']} has control outcomes, which should not change: {named}. Each is fitted "
                "likewise, and so is the outcome minus the control. The control is multiplied by the ratio "
                "of the standard deviations of both around their trend before the start."
            )


def _covariate_words(covariate: Mapping[str, Any]) -> str:
    lag = int(covariate.get("lag") or 0)
    return str(covariate["indicator"]) + (f" ({plural(lag, 'period')} earlier)" if lag else "")


def _season_words(entry: Any) -> tuple[str]:
    if isinstance(entry, Mapping):
        return (f"{plural(int(entry['harmonics']), 'pair')} of sine and cosine",)
    return (_SEASONS[entry],)


def _grouped(
    settings: Mapping[str, Any], key: str, words: Callable[[Any], tuple[str, ...]]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what outcomes have in words, behind the labels of the outcomes that share it."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for outcome in settings["outcomes"]:
        groups.setdefault(words(outcome.get(key)), []).append(outcome["label"])
    for shared, labels in groups.items():
        yield "all outcomes" if len(groups) == 1 else ", ".join(labels), shared


def _entries(settings: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the estimators of all outcomes."""
    return (entry for outcome in settings["outcomes"] for entry in outcome["estimators"])


#: Estimators by restricted maximum likelihood whose name does not say so.
_RESTRICTED = ("structural", "gls_ar")


def _structural(settings: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield the label of each structural model and its parts that change by themselves."""
    found = {entry["label"]: entry for entry in _entries(settings) if entry["name"] == "structural"}
    for label, entry in found.items():
        moving = [part for part in ("level", "trend", "season") if entry[part] == "stochastic"]
        if moving:
            yield label, moving


def _lagged_residuals(settings: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield the label of each family with terms of residuals before, and how many."""
    found = {entry["label"]: int(entry.get("lagged_residuals") or 0) for entry in _entries(settings)}
    yield from ((label, count) for label, count in found.items() if count)


def _estimator_list(entries: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    # an estimator from outside the package may not be there when a result is rendered again
    names = (str(entry["name"]) for entry in entries)
    titles = (ESTIMATORS[name].title if name in ESTIMATORS else name for name in names)
    return tuple(f"{title} ({entry['label']})" for title, entry in zip(titles, entries, strict=True))


def _estimation(settings: Mapping[str, Any]) -> Iterator[str]:
    for labels, (first, *others) in _grouped(settings, "estimators", _estimator_list):
        beside = f" Beside it, for comparison: {'; '.join(others)}." if others else ""
        yield f"Estimator of {labels}: {first}.{beside}"
    used = {entry["name"]: entry for entry in _entries(settings)}
    for label, moving in _structural(settings):
        walks = (
            f"the {' and the '.join(moving)} may change from one {settings['data']['frequency']} to the next"
        )
        yield (
            f"{label}: a structural time series model. {walks.capitalize()}, as random walks do, and what is "
            "left is independent noise; what does not change by itself is that of the regression."
        )
    for label, count in _lagged_residuals(settings):
        yield (
            f"{label}: the residuals of a first fit, of {plural(count, 'period')} before, are terms of the "
            "second, whose periods are then taken as independent. Intervals stay too narrow."
        )
    if any(name.startswith("reml_") or name in _RESTRICTED for name in used):
        yield (
            "REML: restricted maximum likelihood with first-order Kenward–Roger standard errors and "
            "Satterthwaite degrees of freedom, which keep their level on short autocorrelated series."
        )
    if "auto" in {used.get(name, {}).get("order") for name in ("reml_ar", "gls_ar")}:
        yield "The autoregressive order is 2 from 48 usable periods and 1 from 16; never chosen by residuals."
    if any(outcome["kind"] == "percentage" for outcome in settings["outcomes"]):
        yield (
            "Percentages with denominators: a period counts by its sampling variance and what varies beside "
            "it, so that a month with few answers counts less (REML only)."
        )


def _comparison(settings: Mapping[str, Any]) -> Iterator[str]:
    for design in settings["designs"]:
        yield COMPARISONS[design].method
    peers = settings.get("peers")
    if not peers:
        return
    given = peers.get("given") or {}
    for unit, named in given.items():
        yield f"Peers of {unit} are given: {', '.join(named)}."
    if not isinstance(settings["treated"], str) and set(settings["treated"]) <= given.keys():
        # nobody's peers are searched
        return
    chosen = "all eligible units" if peers["k"] == "all" else f"the {peers['k']} nearest eligible units"
    if peers.get("preset"):
        chosen += f", by the published recipe {peers['preset']}"
    elif settings["data"].get("characteristics") or peers.get("match") == "pre_period":
        chosen += f", {_distance_words(peers)}"
    yield (
        f"Peers are {chosen}. Treated units are never peers, and a peer needs data for "
        f"{100.0 * float(peers['min_coverage']):g} % of the periods before and of those after the start."
    )
    if peers["within"]:
        yield f"Peers agree with the unit in {', '.join(peers['within'])}."
    if peers["exclude"]:
        yield f"Never peers: {', '.join(peers['exclude'])}."


def _distance_words(peers: Mapping[str, Any]) -> str:
    if peers.get("metric") == "correlation":
        return f"by {CORRELATED_OUTCOMES}"
    if peers.get("match") == "pre_period":
        # the resolved config leaves out what is about characteristics
        variables = MATCHED_ON_OUTCOME
    else:
        variables = ", ".join(peers["variables"] or ()) or "all numeric characteristics"
    weights = ", ".join(f"{name} {weight:g}" for name, weight in (peers.get("weights") or {}).items())
    weighted = f" (weights other than 1: {weights})" if weights else ""
    return f"by {peers['metric'].capitalize()} distance, scale {peers['scale']}, over {variables}{weighted}"


def _conclusions(settings: Mapping[str, Any]) -> Iterator[str]:
    primary = settings["estimands"]["primary"]
    free = SHAPES[settings["intervention"]["shape"]].by_period
    every = (
        "all later periods (of more than a year the averages of the years) are tested together, and their "
        "average is described"
        if free
        else "all that the interruption may change, level or trend, is tested together, and each is described"
    )
    asked = (
        f"The question is whether anything changed: {every}"
        if primary == CHANGE
        else f"The quantity that answers is the {estimand_words(primary, settings['data'])}; all others are "
        "described"
    )
    yield (
        f"{asked}. Intervals have {100.0 * float(settings['confidence']):.6g} % coverage, and a p-value "
        "comes from the same procedure as its interval."
    )
    yield family_words(settings)
    margin = settings["estimands"].get("margin")
    if isinstance(margin, Mapping):
        said = {"gain": "a gain of {:g} would be enough", "loss": "a loss of {:g} would be accepted"}
        told = [words.format(float(margin[name])) for name, words in said.items() if margin.get(name)]
        yield f"{' and '.join(told).capitalize()}; intervals are held against that."
    elif margin is not None:
        yield f"An interval within ±{float(margin):g} shows that no larger effect is there."
    yield (
        "“No clear change” means that the adjusted p-value is not below the level; the smallest detectable "
        "change says what would have been found with 80 % power."
    )
