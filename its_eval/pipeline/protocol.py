"""Sealing a protocol: what is chosen, and what the data before the start say about peers, window and power.

Nothing that happened from the start on is looked at: it need not have happened yet.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.config.outcomes import evaluated_outcomes, listed_as, source_names
from its_eval.config.protocol import (
    RESERVES,
    Protocol,
    SealedLevels,
    SealedLooks,
    SealedPeers,
    SealedPower,
    SealedSeries,
    SealedWindow,
)
from its_eval.data.faults import NO_PERIOD
from its_eval.peers.select import select_all
from its_eval.pipeline.design_power import design_power
from its_eval.pipeline.looks import PATHS, look_designs, spending
from its_eval.pipeline.plan import treatment_of
from its_eval.pipeline.planning import make_plan
from its_eval.pipeline.sources import load_sources, starts_of
from its_eval.provenance import input_hashes, program_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from its_eval.config import Config
    from its_eval.data.load import IndicatorRows
    from its_eval.pipeline.plan import OutcomePlan, Plan
    from its_eval.pipeline.sources import Sources, Starts

#: Autocorrelations for which the power of the design is stated.
AUTOCORRELATIONS = (0.0, 0.4, 0.8)
#: What a row of data says.
_CELLS = ("unit", "period", "value", "numerator", "denominator")


def seal(config: Config, paths: int = PATHS) -> Protocol:
    """Return the protocol of a config: every choice, and what is known before the start.

    Parameters
    ----------
    config : Config
        Its data may end before the start; what they hold from the start on is not looked at.
    paths : int
        Simulated series of each autocorrelation, for the levels of planned looks.

    Raises
    ------
    ConfigError, DataError
        When config or data could not be evaluated either.
    """
    sources = load_sources(config, cut="everyone")
    plan = make_plan(config, sources)
    declared, intervention = config.protocol, config.intervention
    starts = starts_of(config)
    listed = tuple(outcome.indicator for outcome in config.outcomes)
    primary = declared.primary or listed[:1]
    return Protocol(
        protocol=1,
        program=program_version(),
        title=config.title,
        question=declared.question,
        hypotheses=declared.hypotheses,
        intervention={
            "name": intervention.name,
            "what and why": intervention.delivered or "not stated",
            "how the units were chosen": intervention.chosen or "not stated",
            "first affected period": ", ".join(
                dict.fromkeys(sorted([*config.treated_dates.values(), intervention.date or ""]))
            ).removeprefix(", "),
            "units": "each in turn" if config.each else ", ".join(config.treated_units),
        },
        primary=primary,
        secondary=tuple(name for name in listed if name not in primary),
        smallest_effect=declared.smallest_effect,
        must_pass=declared.must_pass,
        looks=_looks(config, sources, plan, paths),
        windows={item.outcome.name: window_of(item) for item in plan.outcomes},
        peers={item.outcome.name: found for item in plan.outcomes if (found := ranked_peers(config, item))},
        power=_power(config, plan),
        data=fingerprints(config, sources, starts),
        files=input_hashes_by_role(config),
        registered=declared.registered,
        config=_plain(config),
    )


def _plain(config: Config) -> Mapping[str, object]:
    """Return a config with every default as plain values, its paths as they were written."""
    context = {"written": config.origin.written}
    tree: dict[str, object] = config.model_dump(mode="json", by_alias=True, context=context)
    return tree


def _looks(config: Config, sources: Sources, plan: Plan, paths: int) -> SealedLooks | None:
    """Return the planned looks with their levels, simulated for the design of each unit."""
    if config.looks is None:
        return None
    treatment = treatment_of(config, sources.rows)
    alpha = round(1.0 - config.confidence, 12)
    levels = []
    for item in plan.outcomes:
        estimator, name = item.outcome.estimators[0], item.outcome.name
        for design, units in look_designs(config, item.outcome, item.panel.start, treatment):
            found = spending(config.looks, design, estimator, config.seed, paths, alpha)
            levels += [
                SealedLevels(outcome=name, units=tuple(units), interruption=interruption, **level.plain())
                for interruption, level in found.items()
            ]
    return SealedLooks(at=config.looks.at, levels=tuple(levels))


def window_of(plan: OutcomePlan) -> SealedWindow:
    """Return first and last period of a window; the last is blank where the config names none."""
    return SealedWindow(first=plan.period(0), last=plan.outcome.end or "")


def ranked_peers(config: Config, plan: OutcomePlan) -> dict[str, SealedPeers]:
    """Return the peers of each treated unit and who stands by for them, in order.

    Peers that are given, and all others, have nobody who could stand by.
    """
    found = {}
    for unit, chosen in plan.peer_sets.items():
        reserves: tuple[str, ...] = ()
        k = None if config.peers is None or config.peers.k == "all" else int(config.peers.k)
        if k is not None and chosen.scaled is not None and chosen.given_aside is None:
            (more,) = select_all([unit], chosen.scaled, k + RESERVES, chosen.pool, [chosen.caliper])
            reserves = more.peers[len(chosen.peers) :]
        found[unit] = SealedPeers(peers=chosen.peers, reserves=reserves)
    return found


def _power(config: Config, plan: Plan) -> tuple[SealedPower, ...]:
    """Return what the planned length of time finds, up to the last look where the config names no end.

    Nothing where neither says when the window ends.
    """
    calendar, windows = config.data.calendar, {listed_as(item.outcome): item for item in plan.outcomes}
    first = min(starts_of(config).own.values(), default=starts_of(config).last)
    last = None if config.looks is None else calendar.format(first + config.looks.until - 1)
    outcomes = tuple(
        item.model_copy(update={"start": windows[item.indicator].period(0), "end": item.end or last})
        for item in config.outcomes
        if item.indicator in windows
    )
    able = any(COMPARISONS[name].has_mean_series for name in config.designs)
    if not able or any(item.end is None for item in outcomes):
        return ()
    planned = config.model_copy(update={"outcomes": outcomes})
    table = design_power(planned, AUTOCORRELATIONS).tables["power_curve"]
    table = table[table["configured"] & table["minimum_detectable"].notna()]
    table = table.drop_duplicates(["outcome", "design", "estimand", "autocorrelation"])
    return tuple(
        SealedPower(
            outcome=str(row["outcome"]),
            design=str(row["design"]),
            estimand=str(row["estimand"]),
            autocorrelation=float(row["autocorrelation"]),
            smallest=float(f"{row['minimum_detectable']:.4g}"),
        )
        for row in table.to_dict("records")
    )


def fingerprints(
    config: Config, sources: Sources, starts: Starts, until: Mapping[str, str] | None = None
) -> dict[str, SealedSeries]:
    """Return what stands for the data of each indicator before the start.

    Parameters
    ----------
    config : Config
        Names the outcomes.
    sources : Sources
        All rows, protected as anybody may see them; those from the start on are left out here.
    starts : Starts
        When treated units start.
    until : mapping of str to str, optional
        Last period of each indicator; as far as the rows go when left out.
    """
    rows = sources.rows if sources.disclosed is None else sources.disclosed.missing
    frame = rows.frame
    frame = frame[frame["period"].ne(NO_PERIOD) & frame["period"].lt(starts.of(frame["unit"]))]
    names = {name for outcome in evaluated_outcomes(config.outcomes) for name in source_names(outcome)}
    names |= {covariate.indicator for outcome in config.outcomes for covariate in outcome.covariates}
    found = {}
    for name in sorted(names):
        own = frame[frame["indicator"].eq(name)]
        if until is not None and name in until:
            own = own[own["period"].le(rows.calendar.parse(until[name]))]
        if own.empty:
            continue
        treated = starts.treats(own["unit"])
        first = own.loc[treated, "period"].min() if treated.any() else own["period"].min()
        found[name] = SealedSeries(
            first=rows.calendar.format(int(first)),
            until=rows.calendar.format(int(own["period"].max())),
            treated=_fingerprint(own[treated], rows),
            others=_fingerprint(own[~treated], rows),
        )
    return found


def _fingerprint(own: pd.DataFrame, rows: IndicatorRows) -> str:
    """Return the SHA-256 of rows as sorted CSV: unit, period, value, numerator, denominator."""
    cells = own[list(_CELLS)].sort_values(list(_CELLS), kind="stable")
    texts = {ordinal: rows.calendar.format(int(ordinal)) for ordinal in np.unique(cells["period"])}
    cells = cells.assign(period=cells["period"].map(texts))
    text = cells.to_csv(index=False, lineterminator="\n")
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def input_hashes_by_role(config: Config) -> dict[str, str]:
    """Return the SHA-256 of the files beside the indicators from which peers and mergers are taken."""
    data = config.data
    files = {
        "characteristics": None if data.characteristics is None else data.characteristics.path,
        "units": None if data.units is None else data.units.path,
        **{f"successions {place}": path for place, path in enumerate(data.successions, 1)},
    }
    hashes = input_hashes(path for path in files.values() if path is not None)
    return {
        role: hashes[path.as_posix()]
        for role, path in files.items()
        if path is not None and path.as_posix() in hashes
    }
