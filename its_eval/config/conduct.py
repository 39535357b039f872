"""Checks of what a run does with a study: batch, protected counts, storage, looks and protocol.

Each takes the keys that were found good, and returns faults with their places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.config.analysis import (
    Intervention,
    Looks,
    Output,
    Sensitivity,
)
from its_eval.config.data import DataSettings
from its_eval.config.faults import Fault, did_you_mean, one_of, show
from its_eval.config.outcomes import (
    Outcome,
)
from its_eval.config.peers import PeerSettings
from its_eval.config.protocol import Declarations
from its_eval.config.settings import is_url
from its_eval.design.shapes import SHAPES
from its_eval.estimators.catalogue import ESTIMATORS

_FULL = "or `output.detail: full`"


def disclosure_faults(
    data: DataSettings, outcomes: Sequence[Outcome], *, before_after: bool
) -> Iterator[Fault]:
    """Return faults of outcomes that have no counts which `data.disclosure` could protect."""
    if data.disclosure is None:
        return
    expected = "percentage, rate or count, or data.disclosure left out"
    for place, outcome in enumerate(outcomes):
        if outcome.kind == "number":
            what = f"{show(outcome.kind)}: data.disclosure protects counts, and a number has none"
            yield Fault(("outcomes", place, "kind"), what, expected, absolute=True)
        if outcome.covariates:
            what = "data.disclosure does not protect covariates"
            yield Fault(("outcomes", place, "covariates"), what, "either of the two", absolute=True)
        if outcome.controls:
            what = "data.disclosure does not protect control outcomes"
            yield Fault(("outcomes", place, "controls"), what, "either of the two", absolute=True)
    if before_after:
        what = "data.disclosure does not protect projects"
        yield Fault(("before_after",), what, "either of the two", absolute=True)


def storage_faults(data: DataSettings, output: Output) -> Iterator[Fault]:
    """Return a fault for each table on object storage that cannot be read from there."""
    for key, other in (("characteristics", data.characteristics), ("units", data.units)):
        if other is not None and is_url(other.path):
            yield Fault(("data", key, "path"), "a URL is for indicators alone", "a local path", absolute=True)
    if output.detail == "full":
        for place, table in enumerate(data.indicators):
            if is_url(table.path):
                what = "a URL is read by a batch run alone"
                path = ("data", "indicators", place, "path")
                yield Fault(path, what, "a local path, or `output.detail: estimates`", absolute=True)


def looks_faults(
    looks: Looks, intervention: Intervention, designs: Sequence[str], outcomes: Sequence[Outcome]
) -> Iterator[Fault]:
    """Return faults of what repeated looks are declared for but whose p-values cannot be simulated.

    Parameters
    ----------
    looks, intervention, designs, outcomes
        Keys of the config, estimators settled.
    """
    phase_in = intervention.phase_in
    least = SHAPES[intervention.shape].needs + (phase_in.periods if phase_in.as_ == "exclude" else 0)
    if looks.from_ < least:
        what = f"{looks.from_}: `shape: {intervention.shape}` needs {least} periods from the start on"
        yield Fault(("looks", "from"), what, f"{least} or more", absolute=True)
    if SHAPES[intervention.shape].by_period:
        key, value, other = "shape", intervention.shape, "another shape"
        if intervention.fit == "before":
            key, value, other = "fit", intervention.fit, "whole"
        what = (
            f"{show(value)}: each period has an effect of its own, for which repeated looks are not simulated"
        )
        yield Fault(("intervention", key), what, f"{other}, or no `looks`", absolute=True)
    able = [name for name, item in COMPARISONS.items() if item.has_mean_series]
    for place, design in enumerate(designs):
        if design not in able:
            what = f"{show(design)} has no p-value that holds over repeated looks"
            yield Fault(("designs", place), what, f"{one_of(able)}, or no `looks`", absolute=True)
    for place, outcome in enumerate(outcomes):
        first = outcome.estimators[0]
        kind = ESTIMATORS[first.name]
        if kind.is_family or kind.slow or kind.models_sampling:
            what = f"{first.name}: repeated looks are simulated for linear models that are fitted fast"
            expected = "reml_ar first, or no `looks`"
            yield Fault(("outcomes", place, "estimators"), what, expected, absolute=True)


def unjudged_faults(
    output: Output, outcomes: Sequence[Outcome], primary: str, *, by_rank: bool
) -> Iterator[Fault]:
    """Return faults of runs whose verdicts have no p-value or interval that repeated looks could hold to."""
    if primary == "relative_average_effect" and any(outcome.transform == "none" for outcome in outcomes):
        what = f"{show(primary)} of an outcome without a logarithm has no interval that holds over looks"
        expected = "average_effect, `transform: log`, or no `looks`"
        yield Fault(("estimands", "primary"), what, expected, absolute=True)
    if output.detail == "estimates":
        what = "a batch run keeps no place among repeated looks"
        yield Fault(("output", "detail"), what, "full, or no `looks`", absolute=True)
    if by_rank:
        what = "'pre_period': the rank among other units decides, which repeated looks do not hold to"
        yield Fault(("peers", "match"), what, "characteristics, or no `looks`", absolute=True)


def estimates_faults(
    data: DataSettings,
    peers: PeerSettings | None,
    outcomes: Sequence[Outcome],
    designs: Sequence[str],
    primary: str,
    sensitivity: Sensitivity,
    across: Sequence[str],
) -> Iterator[Fault]:
    """Return faults of everything asked for that a batch run does not do.

    Parameters
    ----------
    data, peers, outcomes, designs, sensitivity, across
        Keys of the config, estimators settled.
    primary : str
        The primary estimand.
    """
    yield from _table_faults_of_batch_checks(data, peers)
    for place, design in enumerate(designs):
        if not COMPARISONS[design].has_batch:
            yield _fault(("designs", place), f"{show(design)} is not for a batch run", "single or difference")
    for place, outcome in enumerate(outcomes):
        yield from _outcome_faults(outcome, place, primary)
    if sensitivity.asked:
        yield _fault(("sensitivity",), "a batch run tries no other choices", "this key left out")
    if "outcome" in across:
        what = "'outcome': a batch run judges every outcome by itself"
        yield _fault(("multiplicity", "across"), what, "unit, or unit and interruption")


def _table_faults_of_batch_checks(data: DataSettings, peers: PeerSettings | None) -> Iterator[Fault]:
    for place, table in enumerate(data.indicators):
        at = ("data", "indicators", place)
        if not is_url(table.path) and not table.path.name.endswith((".parquet", ".csv", ".csv.gz")):
            what = f"{show(table.path.name)}: a batch run reads Parquet and CSV"
            yield _fault((*at, "path"), what, "a .parquet, .csv or .csv.gz")
        if table.layout != "long":
            yield _fault((*at, "layout"), f"{show(table.layout)}: a batch run reads rows", "long")
        if table.combine is not None:
            yield _fault((*at, "combine"), "a batch run reads a row a period", "this key left out")
    if data.units is not None and data.units.mergers == "combine":
        yield _fault(
            ("data", "units", "mergers"),
            "'combine': a batch run does not add up the rows of units",
            "set_aside",
        )
    if data.successions:
        yield _fault(
            ("data", "successions"), "a batch run does not add up the rows of units", "this key left out"
        )
    if data.disclosure is not None:
        yield _fault(("data", "disclosure"), "a batch run protects no counts", "this key left out")
    if peers is not None and peers.match == "pre_period":
        yield _fault(
            ("peers", "match"), "'pre_period': a batch run matches on characteristics", "characteristics"
        )


def _outcome_faults(outcome: Outcome, place: int, primary: str) -> Iterator[Fault]:
    at = ("outcomes", place)
    if outcome.transform == "logit":
        yield _fault((*at, "transform"), "'logit' is not for a batch run", "none or log")
    if outcome.covariates:
        yield _fault((*at, "covariates"), "a batch run has no covariates", "this key left out")
    if outcome.controls:
        yield _fault((*at, "controls"), "a batch run has no control outcomes", "this key left out")
    if outcome.strata is not None:
        yield _fault((*at, "strata"), "a batch run has no strata", "this key left out")
    if primary == "relative_average_effect" and outcome.transform == "none":
        what = f"{show(primary)} of an outcome without a logarithm is not linear, so not for a batch run"
        yield _fault(("estimands", "primary"), what, "another estimand, or `transform: log`")


def _fault(path: tuple[str | int, ...], what: str, expected: str) -> Fault:
    return Fault(path, what, f"{expected}, {_FULL}", absolute=True)


def protocol_faults(declared: Declarations, outcomes: Sequence[Outcome]) -> Iterator[Fault]:
    """Return faults of outcomes that a protocol names and the config does not have."""
    known = [outcome.indicator for outcome in outcomes]
    named: list[tuple[tuple[str | int, ...], str]] = [
        *((("primary", place), name) for place, name in enumerate(declared.primary)),
        *((("smallest_effect", name), name) for name in declared.smallest_effect),
    ]
    for path, name in named:
        if known and name not in known:
            yield Fault(path, f"{show(name)} is not an outcome{did_you_mean(name, known)}", one_of(known))
