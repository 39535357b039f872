"""Holding a run to its protocol: every departure is a row, and a required check can take an answer away."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from msgspec import Struct

from its_eval.columns import BESIDE, BY_RULE, DEVIATION, DEVIATIONS, NO_REASON, THE_SET
from its_eval.config.faults import did_you_mean
from its_eval.config.protocol import choices, in_one_line
from its_eval.evaluation import NOT_ANSWERED
from its_eval.pipeline.looks import LookLevels
from its_eval.pipeline.protocol import fingerprints, input_hashes_by_role
from its_eval.pipeline.sources import starts_of
from its_eval.provenance import program_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from its_eval.config import Config
    from its_eval.config.protocol import Protocol, SealedPeers, SealedSeries
    from its_eval.evaluation import Evaluation
    from its_eval.pipeline.plan import OutcomePlan, Plan
    from its_eval.pipeline.sources import Sources


class Held(Struct, frozen=True, dict=True):
    """The protocol that a run is held to.

    Attributes
    ----------
    path : Path
        Its file.
    protocol, digest : Protocol, str
        As `its_eval.config.protocol.read_protocol` returns them.
    config : Config
        Of the protocol, with the defaults of this version for keys that it does not know.
    deposited : bool
        Whether the digest was held against one from elsewhere.
    """

    path: Path
    protocol: Protocol
    digest: str
    config: Config
    deposited: bool = False

    @cached_property
    def choices(self) -> dict[str, Any]:
        """What a run may not change without saying so."""
        return choices(_plain(self.config))

    def levels_for(self, config: Config) -> dict[str, list[dict[str, LookLevels]]]:
        """Return the levels of the planned looks as they were sealed, by outcome and design.

        A run of other choices has other levels: none are returned for it.
        """
        looks = self.protocol.looks
        if looks is None or choices(_plain(config)) != self.choices:
            return {}
        found: dict[str, dict[tuple[str, ...], dict[str, LookLevels]]] = {}
        for item in looks.levels:
            own = found.setdefault(item.outcome, {}).setdefault(item.units, {})
            plain = item.model_dump(exclude={"outcome", "units", "interruption"})
            own[item.interruption] = LookLevels.of_plain(plain)
        return {outcome: list(designs.values()) for outcome, designs in found.items()}


class Departure(NamedTuple):
    """One departure from a protocol.

    Attributes
    ----------
    item : str
        What departs: a key of the config, ``peers``, ``data``, ``window`` with the outcome, ``program``.
    planned, actual : str
    severity : str
        ``deviation``; or ``by rule`` where the protocol itself says what to do.
    """

    item: str
    planned: str
    actual: str
    severity: str = DEVIATION


class Facts(NamedTuple):
    """What a run did, as far as a protocol speaks of it.

    Attributes
    ----------
    choices : mapping
        Of the config (`its_eval.config.protocol.choices`).
    data : mapping of str to SealedSeries
        Fingerprints of the periods that the protocol covers, by indicator.
    files : mapping of str to str
        Hashes of the tables beside them.
    windows : mapping of str to tuple of str
        First period and last one with a value of a treated unit, by outcome; of a blind run, in which nobody
        sees that, the last is blank.
    looked : mapping of str to int
        Periods from the first start on that have data, by outcome; none of a blind run.
    peers : mapping of tuple of str to tuple of str
        By outcome and treated unit.
    unfit : mapping of tuple of str to mapping of str to str
        By outcome and treated unit: who cannot serve as a peer, and why.
    chosen_out : frozenset of str
        Units that the config keeps from being peers.
    program : str
        Version.
    """

    choices: Mapping[str, Any]
    data: Mapping[str, SealedSeries]
    files: Mapping[str, str]
    windows: Mapping[str, tuple[str, str]]
    looked: Mapping[str, int]
    peers: Mapping[tuple[str, str], tuple[str, ...]]
    unfit: Mapping[tuple[str, str], Mapping[str, str]]
    chosen_out: frozenset[str]
    program: str


def facts_of(held: Held, config: Config, sources: Sources, plan: Plan) -> Facts:
    """Return what a run did; its data are looked at as the protocol did, with the starts of the protocol."""
    protocol, sealed = held.protocol, held.config
    until = {name: series.until for name, series in protocol.data.items()}
    settings = config.peers
    peers, unfit = {}, {}
    for outcome in plan.outcomes:
        for unit, chosen in outcome.peer_sets.items():
            key = (outcome.outcome.name, unit)
            peers[key] = chosen.peers
            listed = protocol.peers.get(key[0], {}).get(unit)
            codes = () if listed is None else (*listed.peers, *listed.reserves)
            unfit[key] = chosen.pool.reasons_against(unit, codes)
    return Facts(
        choices(_plain(config)),
        fingerprints(sealed, sources, starts_of(sealed), until),
        input_hashes_by_role(config),
        {
            item.outcome.name: _observed(item) if sources.cut == "nobody" else (item.period(0), "")
            for item in plan.outcomes
        },
        {
            item.outcome.name: item.panel.index_of(item.panel.calendar.parse(_observed(item)[1]))
            - item.first_start
            + 1
            for item in plan.outcomes
            if sources.cut == "nobody"
        },
        peers,
        unfit,
        frozenset((*plan.treated, *(() if settings is None else settings.exclude))),
        program_version(),
    )


def _plain(config: Config) -> Mapping[str, Any]:
    return config.model_dump(mode="json", by_alias=True)


def _observed(plan: OutcomePlan) -> tuple[str, str]:
    """Return the first period of a window, and the last with a value of a treated unit."""
    own = plan.panel.values[
        :, plan.panel.columns([unit for unit in plan.treated if unit in plan.panel.places])
    ]
    known = np.flatnonzero(~np.isnan(own).all(axis=1))
    return plan.period(0), plan.period(int(known[-1]) if known.size else 0)


def departures(held: Held, facts: Facts) -> list[Departure]:
    """Return every departure of a run from its protocol, by item; none of a run that keeps to it."""
    protocol = held.protocol
    found = [*_changed(held.choices, facts.choices)]
    if facts.program != protocol.program:
        found.append(Departure("program", protocol.program, facts.program))
    found += _revised(protocol, facts)
    found += _unplanned_looks(protocol, facts)
    found += _windows(protocol, facts, {item.item for item in found})
    for outcome, by_unit in protocol.peers.items():
        for unit, sealed in by_unit.items():
            found += _peers(outcome, unit, sealed, facts)
    return sorted(found)


#: In the place of a choice that one side does not have.
_ABSENT = object()
_LONGEST = 160


def _changed(planned: Any, actual: Any, path: str = "") -> Iterator[Departure]:
    """Yield the choices in which two trees differ; what one of them lacks is one choice."""
    if isinstance(planned, dict) and isinstance(actual, dict) and (planned or actual):
        for key in dict.fromkeys((*planned, *actual)):
            below = f"{path}.{key}" if path else key
            yield from _changed(planned.get(key, _ABSENT), actual.get(key, _ABSENT), below)
    elif planned != actual:
        yield Departure(path, _shown(planned), _shown(actual))


def _shown(value: object) -> str:
    """Return a choice in one line, cut where it is long."""
    if value is _ABSENT:
        return "not there"
    text = in_one_line(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _revised(protocol: Protocol, facts: Facts) -> Iterator[Departure]:
    """Yield the data that are no more what they were when the protocol was sealed."""
    for name, sealed in protocol.data.items():
        now = facts.data.get(name)
        span = f"{sealed.first} to {sealed.until}"
        if now is None:
            yield Departure(f"data.{name}", f"data from {span}", "no data before the start")
            continue
        for whom, before, after in (
            ("treated", sealed.treated, now.treated),
            ("others", sealed.others, now.others),
        ):
            if before != after:
                yield Departure(
                    f"data.{name}.{whom}", f"{span}: {before[:12]}…", f"revised since: {after[:12]}…"
                )
    for role in sorted({*protocol.files, *facts.files}):
        planned, actual = (files.get(role, "") for files in (protocol.files, facts.files))
        if planned != actual:
            texts = (f"{digest[:12]}…" if digest else "no such file" for digest in (planned, actual))
            yield Departure(f"files.{role}", *texts)


def _windows(protocol: Protocol, facts: Facts, told: set[str]) -> Iterator[Departure]:
    """Yield the outcomes whose data begin elsewhere, or do not reach the planned end yet.

    A window that the config changed has been told, and one with planned looks may end at any of them.
    """
    for outcome, planned in protocol.windows.items():
        if outcome not in facts.windows or {f"outcomes.{outcome}.{end}" for end in ("start", "end")} & told:
            continue
        first, last = facts.windows[outcome]
        early = protocol.looks is None and planned.last and last and last != planned.last
        if first != planned.first or early:
            span = f"{planned.first} to {planned.last or 'the last period of the data'}"
            yield Departure(f"window.{outcome}", span, f"{first} to {last or 'the start'}")


def _unplanned_looks(protocol: Protocol, facts: Facts) -> Iterator[Departure]:
    """Yield the outcomes that are looked at when no look was planned; a skipped look is none."""
    planned = () if protocol.looks is None else protocol.looks.at
    for outcome in protocol.windows if planned else ():
        count = facts.looked.get(outcome)
        if count is not None and count not in planned:
            yield Departure(
                f"looks.{outcome}",
                f"looks after {', '.join(map(str, planned))} periods",
                f"a look after {count}",
            )


def _peers(outcome: str, unit: str, sealed: SealedPeers, facts: Facts) -> Iterator[Departure]:
    """Yield peers that were replaced by rule, dropped out, or are others than planned."""
    key = (outcome, unit)
    item = f"peers.{outcome}.{unit}"
    actual = facts.peers.get(key)
    if actual is None:
        yield Departure(item, in_one_line(list(sealed.peers)), "none")
        return
    unfit = facts.unfit.get(key, {})
    chosen = {code for code in unfit if code in facts.chosen_out}
    lost = [peer for peer in sealed.peers if peer in unfit]
    fit = [code for code in (*sealed.peers, *sealed.reserves) if code not in unfit]
    expected = fit[: len(sealed.peers)]
    if sorted(expected) != sorted(actual) or chosen & set(lost):
        yield Departure(item, in_one_line(list(sealed.peers)), in_one_line(list(actual)))
        return
    steps_in = [code for code in expected if code not in sealed.peers]
    for place, peer in enumerate(lost):
        if place < len(steps_in):
            said = f"replaced by {steps_in[place]}, the next in order: {unfit[peer]}"
            yield Departure(f"{item}.{peer}", peer, said, BY_RULE)
        else:
            yield Departure(f"{item}.{peer}", peer, f"dropped out, nobody left in its place: {unfit[peer]}")


def reason_for(item: str, reasons: Mapping[str, str]) -> str:
    """Return the reason that a person gave for an item: under its name, or under the first parts of it.

    Examples
    --------
    >>> reason_for("peers.waits.A1", {"peers": "two trusts merged"})
    'two trusts merged'
    >>> reason_for("seed", {})
    'no reason given'
    """
    parts = item.split(".")
    for length in range(len(parts), 0, -1):
        if reason := reasons.get(".".join(parts[:length])):
            return reason
    return NO_REASON


def deviations_table(found: Sequence[Departure], reasons: Mapping[str, str]) -> pd.DataFrame:
    """Return departures as the table ``deviations``; what the protocol says to do needs no reason."""
    rows = [(one.item, one.planned, one.actual, _rule_or_reason(one, reasons), one.severity) for one in found]
    return pd.DataFrame(rows, columns=list(BESIDE[DEVIATIONS]), dtype=str)


def _rule_or_reason(one: Departure, reasons: Mapping[str, str]) -> str:
    return "replaced by rule" if one.severity == BY_RULE else reason_for(one.item, reasons)


def unused_reasons(found: Sequence[Departure], reasons: Mapping[str, str]) -> list[str]:
    """Return a note for each reason that no deviation has, with the nearest name."""
    items = [one.item for one in found if one.severity == DEVIATION]
    return [
        f"deviations: {name!r} is no deviation of this run{did_you_mean(name, items)}."
        for name in reasons
        if not any(item == name or item.startswith(f"{name}.") for item in items)
    ]


def held_to(held: Held, config: Config, sources: Sources, plan: Plan, evaluation: Evaluation) -> Evaluation:
    """Return an evaluation with its deviations from a protocol, and without answers that it does not allow.

    Parameters
    ----------
    held : Held
        The protocol.
    config, sources, plan, evaluation
        Of the run.
    """
    protocol = held.protocol
    found = departures(held, facts_of(held, config, sources, plan))
    kept = _required(protocol, evaluation)
    registered = config.protocol.registered
    if not (registered.where or registered.when):
        registered = protocol.registered
    conduct = {
        "digest": held.digest,
        "deposited": held.deposited,
        "registered": registered.model_dump(),
        "must_pass": list(protocol.must_pass),
    }
    return replace(
        kept,
        tables={**kept.tables, DEVIATIONS: deviations_table(found, config.deviations)},
        notes=(*kept.notes, *unused_reasons(found, config.deviations)),
        conduct={**kept.conduct, "protocol": conduct},
    )


#: Flag of a verdict that a check which had to pass took the answer from.
MUST_PASS = "must_pass"  # noqa: S105  (a flag)


def _required(protocol: Protocol, evaluation: Evaluation) -> Evaluation:
    """Return an evaluation in which no unit has an answer of which a required check asks for attention.

    The set has none where this leaves no unit with an answer.
    """
    checks = evaluation.tables["checks"]
    failed = checks[checks["check"].isin(list(protocol.must_pass)) & checks["status"].eq("attention")]
    if failed.empty:
        return evaluation
    keys = ["outcome", "unit", "design"]
    lost = pd.MultiIndex.from_frame(failed[keys]).unique()
    verdicts, summary = (evaluation.tables[name].copy() for name in ("verdicts", "summary"))
    hit = pd.Series(pd.MultiIndex.from_frame(verdicts[keys]).isin(lost), verdicts.index)
    of_units = verdicts["unit"].ne(THE_SET) & verdicts["label"].ne("")
    left = verdicts[of_units & ~hit & verdicts["label"].ne(NOT_ANSWERED)]
    answered = pd.MultiIndex.from_frame(left[["outcome", "design"]])
    concerned = pd.MultiIndex.from_frame(failed[["outcome", "design"]])
    places = pd.MultiIndex.from_frame(verdicts[["outcome", "design"]])
    hit |= verdicts["unit"].eq(THE_SET) & places.isin(concerned) & ~places.isin(answered)
    hit &= verdicts["label"].ne("")
    flags = verdicts.loc[hit, "flags"]
    verdicts.loc[hit, "flags"] = np.where(flags.eq(""), MUST_PASS, flags + f"; {MUST_PASS}")
    verdicts.loc[hit, ["label", "direction"]] = [NOT_ANSWERED, "unclear"]
    gone = pd.MultiIndex.from_frame(summary[keys]).isin(lost)
    summary.loc[gone, ["label", "direction"]] = [NOT_ANSWERED, "unclear"]
    return replace(evaluation, tables={**evaluation.tables, "verdicts": verdicts, "summary": summary})
