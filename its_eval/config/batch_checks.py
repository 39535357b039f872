"""Checks of a batch run, ``output.detail: estimates``, which does less than a whole evaluation."""

from collections.abc import Iterator, Sequence

from its_eval.config.analysis import Output
from its_eval.config.data import DataSettings
from its_eval.config.estimators import Estimator
from its_eval.config.faults import Fault, show
from its_eval.config.outcomes import Outcome
from its_eval.config.peers import PeerSettings
from its_eval.config.sensitivity import Sensitivity
from its_eval.config.settings import is_url

#: What a batch run can do; each the same as in a whole evaluation.
BATCH_DESIGNS = ("single", "difference")
BATCH_ESTIMATORS = ("reml_ar", "ols", "newey_west")
_FULL = "or `output.detail: full`"


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


def estimates_faults(
    data: DataSettings,
    peers: PeerSettings | None,
    outcomes: Sequence[Outcome],
    designs: Sequence[str],
    primary: str,
    sensitivity: Sensitivity,
) -> Iterator[Fault]:
    """Return faults of everything asked for that a batch run does not do.

    Parameters
    ----------
    data, peers, outcomes, designs, sensitivity
        Keys of the config, estimators settled.
    primary : str
        The primary estimand.
    """
    yield from _table_faults(data, peers)
    for place, design in enumerate(designs):
        if design not in BATCH_DESIGNS:
            yield _fault(("designs", place), f"{show(design)} is not for a batch run", "single or difference")
    for place, outcome in enumerate(outcomes):
        yield from _outcome_faults(outcome, place, primary)
    if sensitivity.asked:
        yield _fault(("sensitivity",), "a batch run tries no other choices", "this key left out")


def _table_faults(data: DataSettings, peers: PeerSettings | None) -> Iterator[Fault]:
    for place, table in enumerate(data.indicators):
        at = ("data", "indicators", place)
        if not is_url(table.path) and not table.path.name.endswith(".parquet"):
            yield _fault((*at, "path"), f"{show(table.path.name)}: a batch run reads Parquet", "a .parquet")
        if table.layout != "long":
            yield _fault((*at, "layout"), f"{show(table.layout)}: a batch run reads rows", "long")
    if data.units is not None and data.units.mergers == "combine":
        yield _fault(
            ("data", "units", "mergers"),
            "'combine': a batch run does not add up the rows of units",
            "set_aside",
        )
    if peers is not None and peers.match == "pre_period":
        yield _fault(
            ("peers", "match"), "'pre_period': a batch run matches on characteristics", "characteristics"
        )


def _outcome_faults(outcome: Outcome, place: int, primary: str) -> Iterator[Fault]:
    at = ("outcomes", place)
    first = outcome.estimators[0]
    if first.name not in BATCH_ESTIMATORS or not _constant(first):
        shown = first.name if _constant(first) else f"{first.name}, variance by_segment,"
        yield _fault(
            (*at, "estimators"), f"{shown} is not for a batch run", "reml_ar, ols or newey_west first"
        )
    if outcome.transform == "logit":
        yield _fault((*at, "transform"), "'logit' is not for a batch run", "none or log")
    if outcome.covariates:
        yield _fault((*at, "covariates"), "a batch run has no covariates", "this key left out")
    if outcome.strata is not None:
        yield _fault((*at, "strata"), "a batch run has no strata", "this key left out")
    if primary == "relative_average_effect" and outcome.transform == "none":
        what = f"{show(primary)} of an outcome without a logarithm is not linear, so not for a batch run"
        yield _fault(("estimands", "primary"), what, "another estimand, or `transform: log`")


def _constant(estimator: Estimator) -> bool:
    return estimator.name != "reml_ar" or estimator.variance == "constant"


def _fault(path: tuple[str | int, ...], what: str, expected: str) -> Fault:
    return Fault(path, what, f"{expected}, {_FULL}", absolute=True)
