"""Outcomes as they are evaluated: one for each stratum, and one for the gap between two of them."""

from collections.abc import Iterable, Sequence

from its_eval.config.estimators import is_family
from its_eval.config.outcomes import Outcome, Strata

MINUS = "\N{MINUS SIGN}"


class StratumOutcome(Outcome):
    """An outcome of one stratum, or the gap between two; made from a listed outcome, never written.

    Its `indicator` is the name of its own series, such as ``ae_4h [most deprived]``.
    """

    listed: str
    stratum: str = ""
    least: float = 0.0
    two: tuple["StratumOutcome", ...] = ()


def series_name(indicator: str, *strata: str) -> str:
    """Return the name of the series of a stratum, or of the gap between two; without any the indicator.

    Examples
    --------
    >>> series_name("ae_4h", "most deprived")
    'ae_4h [most deprived]'
    """
    named = f" {MINUS} ".join(strata)
    return f"{indicator} [{named}]" if named else indicator


def evaluated_outcomes(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Return the outcomes in the order of the config, one with strata as its strata and their gap."""
    evaluated: list[Outcome] = []
    for outcome in outcomes:
        evaluated += [outcome] if outcome.strata is None else _expanded(outcome, outcome.strata)
    return tuple(evaluated)


def listed_as(outcome: Outcome) -> str:
    """Return the name by which a config speaks of an outcome, in events and given peers."""
    return outcome.listed if isinstance(outcome, StratumOutcome) else outcome.indicator


def strata_of_gap(outcome: Outcome) -> tuple[StratumOutcome, ...]:
    """Return the two strata whose gap an outcome is; none for any other outcome."""
    return outcome.two if isinstance(outcome, StratumOutcome) else ()


def source_names(outcome: Outcome) -> tuple[str, ...]:
    """Return the names of the series in the data that an outcome is made of: two for a gap."""
    return tuple(part.indicator for part in strata_of_gap(outcome)) or (outcome.indicator,)


def least_denominator(outcome: Outcome, common: float | None) -> float | None:
    """Return the denominator below which values are suppressed: the stricter of the two rules."""
    if not isinstance(outcome, StratumOutcome):
        return common
    return max(outcome.least, common or 0.0)


def gap_estimators_missing(outcome: Outcome) -> bool:
    """Return whether a gap is asked for and every estimator is one of counts, which a gap has none of."""
    asked = outcome.strata is not None and bool(outcome.strata.gap)
    return asked and all(is_family(estimator.name) for estimator in outcome.estimators)


def _expanded(outcome: Outcome, strata: Strata) -> list[StratumOutcome]:
    parts = {name: _made(outcome, (name,), strata.min_denominator) for name in strata.values}
    expanded = list(parts.values())
    if strata.gap:
        expanded.append(_gap(outcome, strata, [parts[name] for name in strata.gap]))
    return expanded


def _gap(outcome: Outcome, strata: Strata, parts: Sequence[StratumOutcome]) -> StratumOutcome:
    """Return the gap as an outcome: a difference as it is, or a ratio where the model is of logarithms.

    Which direction is better depends on which stratum is ahead, so it has none.
    """
    plain = outcome.transform == "none"
    unit = "percentage points" if outcome.kind == "percentage" else outcome.unit
    return _made(
        outcome,
        strata.gap,
        strata.min_denominator,
        kind="number",
        unit=unit if plain else "",
        transform="none" if plain else "log",
        per=None,
        better=None,
        estimators=tuple(item for item in outcome.estimators if not is_family(item.name)),
        two=tuple(parts),
    )


def _made(outcome: Outcome, names: Sequence[str], least: float, **changes: object) -> StratumOutcome:
    kept = {name: getattr(outcome, name) for name in Outcome.model_fields}
    own = {
        "indicator": series_name(outcome.indicator, *names),
        "label": series_name(outcome.label, *names),
        "strata": None,
        "listed": outcome.indicator,
        "stratum": names[0] if len(names) == 1 else "",
        "least": least,
    }
    # everything has been validated with the listed outcome
    return StratumOutcome.model_construct(**{**kept, **own, **changes})
