"""Settings of the peer search, and peer lists that were written to a CSV file."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import (
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    model_serializer,
    model_validator,
)

from its_eval.config.faults import Fault, custom_error, did_you_mean, one_of, refuse, show
from its_eval.config.settings import DISTINCT, Code, Settings, Text

#: Peers by unit, nearest first.
PeerLists = dict[str, list[str]]

_NEEDED = ("unit", "rank", "peer")
_WHERE = ("given", "from")


def read_peer_lists(name: object, folder: Path | None) -> tuple[PeerLists, dict[str, PeerLists], list[Fault]]:
    """Read a peer list as ``its-eval peers --format csv`` or a run writes it.

    Parameters
    ----------
    name : object
        The file, relative to `folder`; columns ``unit``, ``rank``, ``peer`` and, from a run, ``outcome``.
    folder : Path or None
        Folder of the config.

    Returns
    -------
    shared : dict of str to list of str
        Peers by unit, in order of rank; where outcomes have different peers those of the first outcome.
    own : dict of str to dict
        By outcome, the lists that differ from the shared ones.
    faults : list of Fault
        What is wrong with the file; the lists are empty then.
    """
    path = Path(folder or Path.cwd(), str(name))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        return {}, {}, [Fault(_WHERE, f"{path} cannot be read ({reason})", "a peers.csv that its-eval wrote")]
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [column.strip() for column in reader.fieldnames or ()]
        reader.fieldnames = header
        faults = [
            Fault(_WHERE, f"{path} has no column {show(column)}{did_you_mean(column, header)}", "that column")
            for column in _NEEDED
            if column not in header
        ]
        rows = [] if faults else [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        return {}, {}, [Fault(_WHERE, f"{path} is not valid CSV: {error}", "a peers.csv that its-eval wrote")]
    if not faults and not rows:
        faults = [Fault(_WHERE, f"{path} has no rows", "a row per peer")]
    ranked: dict[tuple[str, str], dict[int, str]] = {}
    for line, row in rows:
        faults += _row_faults(path, line, row, ranked)
    if faults:
        return {}, {}, faults
    lists = {key: [peers[rank] for rank in sorted(peers)] for key, peers in ranked.items()}
    shared: PeerLists = {}
    own: dict[str, PeerLists] = {}
    for (outcome, unit), peers in lists.items():
        if shared.setdefault(unit, peers) != peers:
            own.setdefault(outcome, {})[unit] = peers
    return shared, own, []


def _row_faults(
    path: Path, line: int, row: dict[str, str | None], ranked: dict[tuple[str, str], dict[int, str]]
) -> Iterator[Fault]:
    """Note one row under its outcome and unit, and yield what is wrong with it."""
    cells = {column: (row.get(column) or "").strip() for column in ("outcome", *_NEEDED)}
    where = f"{path}, line {line}"
    blank = [column for column in _NEEDED if not cells[column]]
    if blank:
        yield Fault(_WHERE, f"{where}: {' and '.join(blank)} is blank", "a code or rank")
        return
    if not (cells["rank"].isascii() and cells["rank"].isdigit()):
        yield Fault(_WHERE, f"{where}: the rank {show(cells['rank'])} is not a number", "1 for the nearest")
        return
    peers = ranked.setdefault((cells["outcome"], cells["unit"]), {})
    rank = int(cells["rank"])
    if rank in peers or cells["peer"] in peers.values():
        what = f"{where}: rank {rank} or peer {show(cells['peer'])} stands twice for {cells['unit']}"
        yield Fault(_WHERE, what, "each once")
    peers[rank] = cells["peer"]


PresetName = Literal["nhs-trust-peer-finder"]
#: Presets that `peers.preset` can name.
KNOWN_PRESETS: tuple[str, ...] = get_args(PresetName)

_OF_PRESET = ("variables", "weights", "scale", "metric", "missing", "log")
_OF_CHARACTERISTICS = ("preset", "variables", "weights", "missing", "log")
_PERCENTILE = re.compile(r"[pP]([1-9]\d?)$")


def _count(value: object) -> object:
    """Return the number of peers; one message for both forms instead of one each."""
    if value == "all":
        return value
    try:
        number = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        number = 0
    if number < 1 or isinstance(value, bool | float):
        raise custom_error(f"{show(value)} is not a number of peers", "a whole number of at least 1, or all")
    return number


def read_caliper(value: object) -> float | str:
    """Return a distance as a number or a percentile as ``p90``.

    Raises
    ------
    PydanticCustomError
        When it is neither.
    """
    if isinstance(value, str) and (match := _PERCENTILE.match(value.strip())):
        return f"p{match[1]}"
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not 0 < number < math.inf or isinstance(value, bool):
        expected = "a distance above 0, or p1 to p99 for a percentile of the pool's k-th-nearest distances"
        raise custom_error(f"{show(value)} is not a caliper", expected)
    return number


def comparable(name: str) -> str:
    """Return a column or variable name as it is compared: case and repeated spaces ignored."""
    return " ".join(name.split()).casefold()


class PeerSettings(Settings):
    """How the peers of a treated unit are chosen.

    With a preset, `variables`, `weights`, `scale`, `metric`, `missing` and `log` are the preset's own and
    those here have no meaning. With `match: pre_period` the characteristics have none.
    """

    preset: PresetName | None = Field(
        default=None, description="A published choice of variables, weights, scale, metric and missing."
    )
    variables: Annotated[tuple[Text, ...], DISTINCT, Field(min_length=1)] | None = Field(
        default=None,
        description="Characteristics to compare; all numeric columns when left out. A column of text that is "
        "named counts as a category: alike or not.",
    )
    weights: Mapping[Text, Annotated[float, Field(ge=0)]] = Field(
        default={}, description="Weight of a variable; 1 for those not named."
    )
    scale: Literal["zscore", "minmax", "robust", "none"] = Field(
        default="zscore",
        description="How variables are made comparable: divided by their standard deviation, range or "
        "interquartile range, or left as they are.",
    )
    metric: Literal["euclidean", "mahalanobis", "correlation"] = Field(
        default="euclidean",
        description="Distance between two units; mahalanobis counts what correlated variables share once; "
        "correlation, with match: pre_period, is that of their outcomes before the intervention.",
    )
    missing: Literal["available", "zero", "refuse"] = Field(
        default="available",
        description="A missing characteristic: available scales up the rest, zero counts it as 0 "
        "before scaling, refuse is an error.",
    )
    log: Annotated[tuple[Text, ...], DISTINCT] = Field(
        default=(), description="Skewed variables, such as volumes, to compare on the logarithmic scale."
    )
    match: Literal["characteristics", "pre_period"] = Field(
        default="characteristics",
        description="What peers are alike in: their characteristics, or the outcome before the intervention: "
        "its level and trend, or its course (metric: correlation).",
    )
    k: Annotated[
        int | Literal["all"], BeforeValidator(_count, json_schema_input_type=int | Literal["all"])
    ] = Field(default=10, description="Number of peers, or all.")
    within: Annotated[tuple[Text, ...], DISTINCT] = Field(
        default=(), description="Columns on which a peer must agree, e.g. units.type."
    )
    exclude: Annotated[tuple[Code, ...], DISTINCT] = Field(
        default=(), description="Units that may not be peers."
    )
    caliper: Annotated[
        float | str | None, BeforeValidator(read_caliper, json_schema_input_type=float | str | None)
    ] = Field(
        default=None,
        description="Largest distance of a peer: a number, or p90 for the 90th percentile of the distances "
        "of all other units to their k-th nearest.",
    )
    min_coverage: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="Share of the periods of each segment for which a peer needs data.",
    )
    given: Mapping[Code, Annotated[tuple[Code, ...], DISTINCT, Field(min_length=1)]] = Field(
        default={},
        description="Peers of a unit, instead of a search; or {from: peers.csv}, a list that its-eval wrote.",
    )
    given_by_outcome: Mapping[
        Code, Mapping[Code, Annotated[tuple[Code, ...], DISTINCT, Field(min_length=1)]]
    ] = Field(
        default={}, description="By outcome: peers of a unit for this outcome alone, instead of `given`."
    )

    def given_for(self, *names: str) -> Mapping[str, tuple[str, ...]]:
        """Return the given peers of each unit for one outcome.

        An outcome of a stratum has two names: that of the listed outcome, and the narrower one of its own, as
        in a list that a run wrote, which rules.
        """
        given = dict(self.given)
        for name in names:
            given |= self.given_by_outcome.get(name, {})
        return given

    @model_validator(mode="before")
    @classmethod
    def _lists_from_file(cls, data: object, info: ValidationInfo) -> object:
        """Put the lists of a file in the place of ``given: {from: FILE}``."""
        if not isinstance(data, Mapping):
            return data
        given = data.get("given")
        if not isinstance(given, Mapping) or set(given) != {"from"} or isinstance(given["from"], list):
            return data
        shared, own, faults = read_peer_lists(given["from"], (info.context or {}).get("folder"))
        refuse("peers", faults)
        return {**data, "given": shared, **({"given_by_outcome": own} if own else {})}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        faults = [*self._preset_faults(), *self._weight_faults(), *self._log_faults(), *self._given_faults()]
        refuse("peers", [*faults, *self._match_faults(), *self._caliper_faults()])
        return self

    @model_serializer(mode="wrap")
    def _without_preset_keys(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        left_out: tuple[str, ...] = () if self.preset is None else _OF_PRESET
        if self.match == "pre_period":
            left_out = (*_OF_CHARACTERISTICS, *(("scale",) if self.metric == "correlation" else ()))
        return {key: value for key, value in handler(self).items() if key not in left_out}

    def _preset_faults(self) -> list[Fault]:
        if self.preset is None:
            return []
        return [
            Fault(
                (key,), f"{show(getattr(self, key))}: the preset {self.preset} decides this", "one of the two"
            )
            for key in _OF_PRESET
            if key in self.model_fields_set
        ]

    def _weight_faults(self) -> list[Fault]:
        faults = []
        if self.variables is not None:
            variables = {comparable(name) for name in self.variables}
            for name in self.weights:
                if comparable(name) not in variables:
                    guess = did_you_mean(name, self.variables)
                    what = f"{show(name)} is not among the variables{guess}"
                    faults.append(Fault(("weights", name), what, one_of(self.variables)))
            weights = {comparable(name): weight for name, weight in self.weights.items()}
            if all(weights.get(name, 1) == 0 for name in variables):
                faults.append(Fault(("weights",), "every variable has weight 0", "a weight above 0"))
        return faults

    def _log_faults(self) -> list[Fault]:
        variables = None if self.variables is None else {comparable(name) for name in self.variables}
        return [
            Fault(
                ("log", place),
                f"{show(name)} is not among the variables{did_you_mean(name, self.variables or ())}",
                one_of(self.variables or ()),
            )
            for place, name in enumerate(self.log)
            if variables is not None and comparable(name) not in variables
        ]

    def _match_faults(self) -> list[Fault]:
        if self.match == "characteristics" and self.metric == "correlation":
            what = "'correlation' compares outcomes before the intervention, not characteristics"
            return [Fault(("metric",), what, "euclidean or mahalanobis, or `match: pre_period`")]
        if self.match == "characteristics":
            return []
        if self.metric == "correlation" and "scale" in self.model_fields_set:
            what = f"{show(self.scale)}: a correlation does not depend on a scale"
            return [Fault(("scale",), what, "this key left out, or metric euclidean")]
        what = "match: pre_period compares the outcome before the intervention, not characteristics"
        return [
            Fault((key,), f"{show(getattr(self, key))}: {what}", "one of the two")
            for key in _OF_CHARACTERISTICS
            if key in self.model_fields_set
        ]

    def _caliper_faults(self) -> list[Fault]:
        if isinstance(self.caliper, str) and self.k == "all":
            what = f"{show(self.caliper)}: with k: all there is no k-th nearest"
            return [Fault(("caliper",), what, "a distance, or a number of peers")]
        return []

    def _given_faults(self) -> list[Fault]:
        return [
            Fault(("given", unit, place), f"{show(peer)} is excluded too", "one of the two")
            for unit, peers in self.given.items()
            for place, peer in enumerate(peers)
            if peer in self.exclude
        ]
