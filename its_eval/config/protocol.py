"""The protocol of an evaluation: what people declare in the config, and the sealed file.

A run is held to the file: canonical YAML that ends in a line with the SHA-256 of everything above it. Its
headings follow what reviews of such studies ask for (Jandoc et al. 2015, doi:10.1016/j.jclinepi.2014.12.018;
Hategeka et al. 2020, doi:10.1136/bmjgh-2020-003567) and what describes an intervention (TIDieR: Hoffmann et
al. 2014, doi:10.1136/bmj.g1687).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError

from its_eval.config.reading import decode, problems_of, read_yaml
from its_eval.config.settings import DIGITS, DISTINCT, Code, OneOf, PeriodText, Settings, Text
from its_eval.errors import ConfigError, UsageError

#: Checks of a series that a protocol can require, by their names in the table ``checks``.
REQUIRABLE = (
    *("ljung_box", "seasonal_autocorrelation", "heteroscedasticity", "arch", "variance_ratio", "normality"),
    *("outliers", "persistence", "break_elsewhere", "placebo_dates", "lead_test", "trend_bounds"),
    *("one_month", "anticipation", "exchangeability", "floor_ceiling", "pre_trend", "donors"),
    "negative_control",
)
#: So many peers stand by, in order, for those that later lack data.
RESERVES = 10


class Registration(Settings):
    """Where a protocol was deposited, so that others can confirm its date."""

    where: str = Field(default="", description="Register or archive, with the number of the entry.")
    when: str = Field(default="", description="Date of the entry.")


class Declarations(Settings):
    """What a protocol says besides the settings: the section `protocol` of a config."""

    question: str = Field(default_factory=str, description="The question, in your words.")
    hypotheses: tuple[Text, ...] = Field(default=(), description="What is expected to happen, and why.")
    primary: Annotated[tuple[Code, ...], DISTINCT] = Field(
        default=(), description="Primary outcomes; the first outcome when left out. The others are secondary."
    )
    must_pass: Annotated[tuple[Annotated[str, OneOf(REQUIRABLE)], ...], DISTINCT] = Field(
        default=(),
        description="Checks that must not ask for attention: a unit of which one does is not answered. Read "
        "with `run --protocol`.",
    )
    smallest_effect: Mapping[Code, Annotated[float, Field(gt=0)]] = Field(
        default={}, description="Smallest effect of interest by outcome, in its units."
    )
    registered: Registration = Field(
        default_factory=Registration, description="Where and when the protocol was deposited."
    )


class SealedPeers(Settings):
    """Peers of a unit in order, and who takes the place of one that later lacks data."""

    peers: tuple[Code, ...] = Field(description="Nearest first.")
    reserves: tuple[Code, ...] = Field(default=(), description="In the order in which they step in.")


_Sha = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class SealedSeries(Settings):
    """Data of an indicator as they were: fingerprints of the rows of some units up to a period."""

    first: PeriodText = Field(description="First period of the treated units.")
    until: PeriodText = Field(description="Last period that the fingerprints cover.")
    treated: _Sha = Field(description="Fingerprint of the treated units, each up to its start.")
    others: _Sha = Field(description="Fingerprint of all other units.")


class SealedWindow(Settings):
    """Periods of an outcome that are used."""

    first: PeriodText = Field(description="First period.")
    last: str = Field(default="", description="Last period; blank: as far as the data go.")


class SealedPower(Settings):
    """What the design finds with 80 % power, in standard deviations of a unit's residuals."""

    outcome: Code
    design: Text
    estimand: Text
    autocorrelation: float
    smallest: float


class SealedLevels(Settings):
    """By which a p-value at one look holds over all of them: G, as `its_eval.pipeline.looks` simulates it."""

    outcome: Code
    units: tuple[Code, ...]
    interruption: str = Field(default="", description="Blank for the intervention.")
    looks: tuple[int, ...]
    paths: int
    alpha: float
    p_values: tuple[float, ...]
    spent: tuple[float, ...]
    ever_false: Mapping[str, tuple[float, float]]


class SealedLooks(Settings):
    """Planned looks at the results."""

    at: tuple[int, ...] = Field(description="Periods from the start on that have data at each look.")
    levels: tuple[SealedLevels, ...] = ()


class Protocol(Settings):
    """A sealed protocol."""

    protocol: Annotated[Literal[1], DIGITS] = Field(description="Version of the form of this file.")
    program: Text = Field(description="Version of its-eval.")
    title: Text
    question: str
    hypotheses: tuple[Text, ...] = ()
    intervention: Mapping[str, str] = {}
    primary: tuple[Code, ...]
    secondary: tuple[Code, ...] = ()
    smallest_effect: Mapping[Code, float] = {}
    must_pass: tuple[Text, ...] = ()
    looks: SealedLooks | None = None
    windows: Mapping[Code, SealedWindow]
    peers: Mapping[Code, Mapping[Code, SealedPeers]] = {}
    power: tuple[SealedPower, ...] = ()
    data: Mapping[Code, SealedSeries] = {}
    files: Mapping[Text, _Sha] = {}
    registered: Registration = Registration()
    config: Mapping[str, Any]


#: What stands above the parts of the file, and which items of the recommendations they answer.
_HEADINGS = {
    "protocol": "Protocol of an interrupted time series evaluation, sealed by its-eval.\n"
    "Any change of this file is found: its last line is the SHA-256 of all lines above it.",
    "question": "Question and hypotheses (Jandoc 2015; Hategeka 2020: aim, rationale).",
    "intervention": "What is done, when, to whom and why (TIDieR: name, why, what, where, when; Jandoc 2015: "
    "intervention and its date).",
    "primary": "Outcomes, and the smallest effect that would matter (Jandoc 2015; Hategeka 2020: outcome).",
    "must_pass": "Checks: a unit of which one of these asks for attention is not answered.",
    "looks": "Planned looks at the results, in periods from the start on, and what a p-value at one\n"
    "of them is worth over all: p_values and spent. null: no looks are declared.",
    "windows": "Periods that are used; last blank: as far as the data go.",
    "peers": "Whom each unit is compared with (Hategeka 2020: control).\n"
    "Judged on data before the start alone. A peer that later lacks data is replaced by the next reserve.",
    "power": "What the design finds with 80 % power, in standard deviations of a unit's residuals;\n"
    "slopes are per year. Empty: neither an end nor looks are planned.",
    "data": "Data up to the sealing: SHA-256 of the rows before the start (docs/protocol.md says how).",
    "registered": "Where this file was deposited. Blank: sealed by its author only.",
    "config": "Every choice of the analysis with its default: model, season, autocorrelation, missing data,\n"
    "sensitivity analyses (Jandoc 2015; Hategeka 2020: statistical methods).",
}
_DIGEST = re.compile(r"^digest: ([0-9a-f]{64})\n?\Z", re.MULTILINE)


def protocol_text(protocol: Protocol) -> str:
    """Return a protocol as the text of its file, with its digest in the last line.

    Equal protocols give equal texts.
    """
    tree = protocol.model_dump(mode="json", by_alias=True)
    body = "".join(_parts(tree))
    return f"{body}digest: {digest_of(body)}\n"


def _parts(tree: Mapping[str, Any]) -> Iterator[str]:
    for key, value in tree.items():
        if key in _HEADINGS:
            lines = "".join(f"# {line}\n" for line in _HEADINGS[key].splitlines())
            yield lines if key == "protocol" else f"\n{lines}"
        yield _dump({key: value})


def _dump(tree: object, *, flow: bool | None = None) -> str:
    text: str = yaml.dump(
        tree,
        Dumper=_Plain,
        sort_keys=False,
        allow_unicode=True,
        width=110 if flow is None else 10**6,
        default_flow_style=flow or False,
    )
    return text


#: Mappings of plain values up to so many characters stand on one line.
_SHORT = 90


class _Plain(yaml.SafeDumper):
    """Writes lists and short mappings of plain values on one line, and no aliases."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  (PyYAML's signature)
        """Return that nothing is an alias."""
        return True

    def represent_sequence(
        self, tag: str, sequence: Any, flow_style: bool | None = None
    ) -> yaml.SequenceNode:
        """Return a list."""
        scalars = not any(isinstance(item, dict | list) for item in sequence)
        return super().represent_sequence(tag, sequence, flow_style=True if scalars else flow_style)

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        """Return a mapping."""
        scalars = not any(isinstance(item, dict | list) for item in mapping.values())
        short = sum(len(f"{key}: {item}, ") for key, item in mapping.items()) <= _SHORT
        one_line = scalars and short and len(mapping) > 1
        return super().represent_mapping(tag, mapping, flow_style=True if one_line else flow_style)


def in_one_line(value: object) -> str:
    """Return a setting as one line of YAML.

    Examples
    --------
    >>> in_one_line(["single", "difference"]), in_one_line({"k": 10}), in_one_line(None)
    ('[single, difference]', '{k: 10}', 'not set')
    """
    if value is None or value == "":
        return "not set"
    return _dump(value, flow=True).removesuffix("...\n").strip()


def digest_of(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def read_protocol(path: Path, digest: str | None = None) -> tuple[Protocol, str]:
    """Return a protocol and its digest, having checked that nobody changed it.

    Parameters
    ----------
    path : Path
        As ``its-eval protocol`` wrote it. Other line ends do not count as a change.
    digest : str, optional
        The digest as it was deposited elsewhere.

    Raises
    ------
    UsageError
        When the file is not there, is no protocol, was changed, or has another digest.
    ConfigError
        When this version cannot read it.
    """
    try:
        text = decode(path.read_bytes(), str(path)).replace("\r\n", "\n")
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read: {error.strerror}", "its-eval protocol CONFIG -o FILE writes one"
        ) from error
    sealed = _DIGEST.search(text)
    if sealed is None:
        raise UsageError(
            f"{path}: its last line is no digest; expected a file that `its-eval protocol` wrote, whole",
            "restore the file as it was sealed",
        )
    found = digest_of(text[: sealed.start()])
    if found != sealed[1]:
        raise UsageError(
            f"{path}: changed after it was sealed: its digest is {found}, and its last line says {sealed[1]}",
            "restore the file as it was sealed; a change of plan is told in `deviations` of the config",
        )
    if digest is not None and digest.strip().lower() != found:
        raise UsageError(
            f"{path}: its digest is {found}; expected {digest.strip()}",
            "this is not the protocol that was deposited: get that one",
        )
    document = read_yaml(text[: sealed.start()], str(path))
    try:
        return Protocol.model_validate(document.tree), found
    except ValidationError as error:
        problems = [str(problem) for problem in problems_of(error, document, Protocol)]
        raise ConfigError(problems, f"{path} was sealed by another version of its-eval") from None


#: Keys that are no choice of the analysis: words, what is written, resolved into outcomes, or not read.
_NO_CHOICE = frozenset({"title", "output", "deviations", "outcome_defaults", "simulation"})
#: Where files stand is none either: their contents have fingerprints.
_PLACES = frozenset({"path"})
#: Lists whose order says nothing.
_SETS = frozenset({"treated", "designs", "exclude", "within", "units", "outcomes", "must_pass", "primary"})


def choices(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return every choice of a config as a tree: what a run may not change without saying so.

    Parameters
    ----------
    config : mapping
        With every default, as plain values.

    Notes
    -----
    Entries of lists stand under their indicator, label or name; labels, the places of files and what is
    written are no choices. Estimators that an outcome has in common with all stand once.
    """
    tree = {key: value for key, value in config.items() if key not in _NO_CHOICE}
    declared = tree.get("protocol")
    if isinstance(declared, Mapping):
        tree["protocol"] = {key: value for key, value in declared.items() if key != "registered"}
    outcomes = [{key: value for key, value in item.items() if key != "label"} for item in tree["outcomes"]]
    for outcome in outcomes:
        if outcome.get("estimators") == tree.get("estimators"):
            del outcome["estimators"]
    tree["outcomes"] = outcomes
    return {key: _by_name(value, key) for key, value in tree.items()}


def _by_name(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _by_name(item, str(name)) for name, item in value.items() if name not in _PLACES}
    if not isinstance(value, list | tuple) or not value:
        return value
    if not all(isinstance(item, Mapping) for item in value):
        return sorted(map(str, value)) if key in _SETS else list(value)
    names = next(
        (found for name in ("indicator", "label", "name") if (found := _distinct(value, name))),
        [str(place) for place in range(1, len(value) + 1)],
    )
    tree = {name: _by_name(item, name) for name, item in zip(names, value, strict=True)}
    # the first estimator answers the question
    return {"first": names[0], **tree} if key == "estimators" else tree


def _distinct(entries: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    """Return what some entries have under a name, if each has something of its own."""
    found = [str(entry.get(name) or "") for entry in entries]
    return found if all(found) and len(set(found)) == len(found) else []
