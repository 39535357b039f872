"""Checks of which estimator goes with which design and kind of outcome, and of the choices to be tried."""

from collections.abc import Iterator, Sequence

from its_eval.config.crosschecks import season_faults
from its_eval.config.data import DataSettings
from its_eval.config.estimators import BINOMIAL_FAMILIES, FAMILIES
from its_eval.config.faults import Fault, show
from its_eval.config.outcomes import Outcome
from its_eval.config.sensitivity import Sensitivity
from its_eval.config.stratified import gap_estimators_missing
from its_eval.data.periods import EXAMPLES, parse_period

#: Designs of several series at once, whose errors only these estimators describe (methods §11.11).
STACKED_DESIGNS = frozenset({"peer_mean", "stacked"})
STACKED_ESTIMATORS = frozenset({"ols", "newey_west"})
#: Choices that are about peers.
_OF_PEERS = ("k", "metric", "scale", "drop_characteristic", "random_donors")


def estimator_faults(outcomes: Sequence[Outcome], designs: Sequence[str]) -> Iterator[Fault]:
    """Return faults of estimators that cannot answer what is asked of an outcome.

    Parameters
    ----------
    outcomes : sequence of Outcome
        With their estimators settled.
    designs : sequence of str
        Designs of the config.
    """
    controlled = [design for design in designs if design != "single"]
    for place, outcome in enumerate(outcomes):
        path = ("outcomes", place, "estimators")
        names = [estimator.name for estimator in outcome.estimators]
        for name in names:
            if name in FAMILIES:
                yield from _family_faults(outcome, name, path)
        if controlled and names[0] in FAMILIES:
            what = f"{show(names[0])}: a family is for the design single, not for {controlled[0]}"
            yield Fault(path, what, "reml_ar first, or `designs: [single]`", absolute=True)
        if gap_estimators_missing(outcome):
            what = f"{', '.join(names)}: families are of counts, and a gap between strata has none"
            yield Fault(path, what, "reml_ar among them, or `strata` without `gap`", absolute=True)
        for design in designs:
            if design in STACKED_DESIGNS and not STACKED_ESTIMATORS & set(names):
                what = f"{', '.join(names)}: none is for the design {design}"
                yield Fault(path, what, "newey_west or ols among them", absolute=True)


def _family_faults(outcome: Outcome, name: str, path: tuple[str | int, ...]) -> Iterator[Fault]:
    binomial = name in BINOMIAL_FAMILIES
    wanted = "percentage" if binomial else "count"
    if outcome.kind != wanted:
        what = f"{show(name)} does not go with an outcome of kind {outcome.kind}"
        yield Fault(path, what, f"kind {wanted}, or another estimator", absolute=True)


def sensitivity_faults(
    sensitivity: Sensitivity, data: DataSettings | None, *, has_peers: bool
) -> Iterator[Fault]:
    """Return faults of the choices to be tried."""
    if not has_peers:
        for name in _OF_PEERS:
            if getattr(sensitivity, name):
                yield Fault(
                    (name,), "peers are needed, and `peers` is left out", "this key left out, or `peers`"
                )
    if data is None:
        return
    for place, season in enumerate(sensitivity.season):
        yield from season_faults(season, data.frequency, ("season", place))
    for place, text in enumerate(sensitivity.end):
        try:
            parse_period(text, data.frequency)
        except ValueError:
            what = f"{show(text)} is not a {data.frequency} of the calendar"
            yield Fault(("end", place), what, f"a {data.frequency} such as {EXAMPLES[data.frequency]}")
