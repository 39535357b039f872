"""YAML read strictly: every scalar as text, every value with its line, the problems found in it.

Plain YAML turns ``NO`` into false, ``0123`` into 83 and ``12:30`` into 750, and keeps the last of two equal
keys. Here a scalar stays as written and the settings convert it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from numbers import Number
from pathlib import Path, PurePath
from typing import Any, cast, get_args

import yaml
from msgspec import Struct, field
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from its_eval.config.faults import CHOICE, FAULT, KeyPath, did_you_mean, one_of, show
from its_eval.config.settings import known_keys
from its_eval.errors import ConfigError


class Place(Struct, frozen=True):
    """Where something stands in a file; line 0 of a mapping in memory, which has none."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Problem(Struct, frozen=True):
    """A message with the place it is about."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class Document(Struct):
    """A YAML file as plain values: mappings, lists, text and None.

    Attributes
    ----------
    tree : Any
        The values.
    places : dict
        Where each value stands, by its path from the top; of an entry of a mapping, the place of its key.
    problems : list of Problem
        Faults that do not stop the reading.
    """

    tree: Any
    file: str
    places: dict[KeyPath, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def locate(self, path: KeyPath) -> tuple[Place, str]:
        """Return the place of a value and its dotted path, or of the nearest value above it.

        Settings may hold a value more deeply than the file does: a lone mapping becomes a list of one, and
        ``ols`` becomes ``{name: ols}``. Such steps are left out.
        """
        node = self.tree
        steps: list[str | int] = []
        place = self.places.get((), Place(self.file, 1))
        for step in path:
            if isinstance(node, dict) and isinstance(step, int):
                continue
            if not isinstance(node, dict | list):
                break
            steps.append(step)
            if (next_place := self.places.get(tuple(steps))) is None:
                break
            place, node = next_place, node[step]  # type: ignore[index]
        return place, dotted(tuple(steps))


def dotted(path: KeyPath) -> str:
    """Return a path as messages show it.

    Examples
    --------
    >>> dotted(("outcomes", 0, "kind"))
    'outcomes[0].kind'
    """
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


#: Values after aliases are expanded; a config has some dozens, a malicious one billions.
MOST_VALUES = 100_000
_DEEPEST = 50
_BLANK = frozenset({"", "~", "null", "Null", "NULL"})


def decode(raw: bytes, file: str) -> str:
    """Return the text of a file in UTF-8, with or without a byte-order mark.

    Raises
    ------
    ConfigError
        When it is in another encoding.
    """
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        what = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        raise ConfigError([f"{file}:{line}: {what}; expected text saved as UTF-8"]) from None


def read_yaml(text: str, file: str) -> Document:
    """Return a YAML text as plain values with their places.

    Parameters
    ----------
    text : str
        One YAML document.
    file : str
        Name of the file, for messages.

    Raises
    ------
    ConfigError
        When it is not YAML, is empty, holds several documents, or grows without bounds.
    """
    loader = _TextLoader(text, file)
    try:
        nodes = loader.all_nodes()
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_syntax_message(error, file)]) from None
    except RecursionError:
        raise ConfigError([f"{file}: nested too deeply; expected at most {_DEEPEST} levels"]) from None
    finally:
        loader.dispose()
    if not nodes:
        raise ConfigError([f"{file}: the file is empty; expected at least version, data and intervention"])
    if len(nodes) > 1:
        line = nodes[1].start_mark.line + 1
        raise ConfigError([f"{file}:{line}: a second document begins here; expected one document per file"])
    return _Reader(loader.document).read(nodes[0])


class _TextLoader(yaml.SafeLoader):
    """The composer of PyYAML, noting explicit tags: in the nodes these look like implicit ones."""

    def __init__(self, text: str, file: str) -> None:
        self.document = Document(None, file)
        try:
            super().__init__(text)
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            what = f"the character {chr(error.character)!a} cannot stand in YAML"
            raise ConfigError([f"{file}:{line}: {what}; expected printable text"]) from None

    def all_nodes(self) -> list[yaml.Node]:
        nodes = []
        while self.check_node():
            nodes.append(cast("yaml.Node", self.get_node()))
        return nodes

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        tag = getattr(event, "tag", None)
        if tag is not None:
            place = Place(self.document.file, event.start_mark.line + 1)
            written = show(tag.replace("tag:yaml.org,2002:", "!!"))
            message = f"the tag {written} is refused; expected plain values without tags"
            self.document.problems.append(Problem(place, message))
        return super().compose_node(parent, index)


class _Reader:
    """Turns nodes into values."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.count = 0

    def read(self, root: yaml.Node) -> Document:
        if not isinstance(root, yaml.MappingNode):
            place = self._place(root)
            raise ConfigError([f"{place}: the top level is not a mapping; expected `key: value` lines"])
        self.document.tree = self._value(root, ())
        return self.document

    def _place(self, node: yaml.Node) -> Place:
        return Place(self.document.file, node.start_mark.line + 1)

    def _value(self, node: yaml.Node, path: KeyPath) -> Any:
        self.count += 1
        if self.count > MOST_VALUES:
            what = f"more than {MOST_VALUES:,} values once aliases are expanded"
            raise ConfigError([f"{self._place(node)}: {what}; expected a config without repeated aliases"])
        if len(path) > _DEEPEST:
            what = f"nested too deeply; expected at most {_DEEPEST} levels, and no alias inside itself"
            raise ConfigError([f"{self._place(node)}: {what}"])
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            for place, entry in enumerate(node.value):
                self.document.places[*path, place] = self._place(entry)
            return [self._value(entry, (*path, place)) for place, entry in enumerate(node.value)]
        plain = cast("yaml.ScalarNode", node).style is None
        return None if plain and node.value in _BLANK else node.value

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = self._place(key_node)
            if not isinstance(key_node, yaml.ScalarNode) or (
                key_node.style is None and key_node.value in _BLANK
            ):
                self._problem(place, path, "a key that is not text", "a plain name before the colon")
                continue
            key = key_node.value
            if key == "<<" and key_node.style is None:
                self._problem(place, path, "the merge key '<<' is refused", "the keys written out")
            elif key in values:
                first = self.document.places[*path, key]
                self._problem(
                    place, (*path, key), f"this key stands twice, first at {first}", "each key once"
                )
            else:
                self.document.places[*path, key] = place
                values[key] = self._value(value_node, (*path, key))
        return values

    def _problem(self, place: Place, path: KeyPath, what: str, expected: str) -> None:
        subject = f"{dotted(path)}: " if path else ""
        self.document.problems.append(Problem(place, f"{subject}{what}; expected {expected}"))


def _syntax_message(error: yaml.MarkedYAMLError, file: str) -> str:
    mark = error.problem_mark or error.context_mark
    line = f":{mark.line + 1}" if mark else ""
    what = error.problem or "not YAML"
    if "'\\t'" in what:
        return f"{file}{line}: a tab stands where spaces are needed; expected indentation by spaces"
    return f"{file}{line}: not valid YAML: {what}; expected `key: value` lines, indented by spaces"


def read_file(path: Path) -> Document:
    """Return a YAML file as plain values with their places.

    Raises
    ------
    ConfigError
        When the file cannot be read; see also `read_yaml`.
    """
    return read_yaml(decode(read_bytes(path), str(path)), str(path))


def read_mapping(values: Mapping[Any, Any]) -> Document:
    """Return a mapping in memory as the plain values of a YAML file that says the same.

    Parameters
    ----------
    values : mapping
        Keys and values as in a config: mappings, lists, texts, numbers, true and false, dates and periods.
    """
    document = Document(None, "config")
    document.tree = _plain(values, (), document)
    return document


def _plain(value: Any, path: KeyPath, document: Document) -> Any:
    """Return a value as a file would hold it: every scalar as text."""
    document.places[path] = Place(document.file, 0)
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {str(key): _plain(entry, (*path, str(key)), document) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry, (*path, place), document) for place, entry in enumerate(value)]
    if isinstance(value, dt.date):
        return dt.date(value.year, value.month, value.day).isoformat()
    # a pandas period has an ordinal; pandas itself need not be loaded for a config
    if isinstance(value, str | Number | PurePath) or hasattr(value, "ordinal"):
        return str(value)
    what = f"{dotted(path)}: a {type(value).__name__} cannot stand in a config"
    expected = "text, a number, a list or a mapping; tables go beside the config: `indicators=`"
    document.problems.append(Problem(Place(document.file, 0), f"{what}; expected {expected}"))
    return None


def read_bytes(path: Path) -> bytes:
    """Return the contents of a file.

    Raises
    ------
    ConfigError
        When there is no such file or it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ConfigError([f"{path}: there is no such file; expected a config in YAML"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read ({error.strerror}); expected a readable file"]) from None


_QUOTED = re.compile(r"'([^']*)'|(\d+)")
#: Steps of a path that stand in no file: pydantic's mark for a fault of a mapping's key instead of its value,
#: and the forms of a key that may be written in several.
_KEY_MARK = "[key]"
_MARKS = frozenset({_KEY_MARK, "[list]", "[dates]", "[each]"})

#: What was expected instead, by pydantic's error type.
_EXPECTED: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "literal_error": lambda context: one_of(choices(context)),
    "int_parsing": lambda _: "a whole number",
    "int_type": lambda _: "a whole number",
    "int_parsing_size": lambda _: "a whole number of fewer digits",
    "float_parsing": lambda _: "a number",
    "float_type": lambda _: "a number",
    "finite_number": lambda _: "a finite number",
    "bool_parsing": lambda _: "true or false",
    "bool_type": lambda _: "true or false",
    "string_type": lambda _: "text",
    "string_unicode": lambda _: "text of whole characters, no half of a surrogate pair",
    "string_too_short": lambda _: "text that is not empty",
    "path_type": lambda _: "the path of a file",
    "tuple_type": lambda _: "a list, e.g. [a, b]",
    "too_short": lambda context: f"at least {context['min_length']} in the list",
    "model_type": lambda _: "a mapping, `key: value`",
    "dict_type": lambda _: "a mapping, `key: value`",
    "mapping_type": lambda _: "a mapping, `key: value`",
    "greater_than": lambda context: f"a number above {context['gt']:g}",
    "greater_than_equal": lambda context: f"a number of at least {context['ge']:g}",
    "less_than": lambda context: f"a number below {context['lt']:g}",
    "less_than_equal": lambda context: f"a number of at most {context['le']:g}",
}


def choices(context: Mapping[str, Any]) -> list[str]:
    """Return the choices that pydantic lists in words, ``'a', 'b' or 1``."""
    return [quoted or number for quoted, number in _QUOTED.findall(context["expected"])]


def problems_of(
    error: ValidationError, document: Document, model: type[BaseModel], above: KeyPath = ()
) -> list[Problem]:
    """Return the faults of one validation, each with its place in the file.

    Parameters
    ----------
    error : ValidationError
        What pydantic collected.
    document : Document
        The file that was validated.
    model : type
        The settings it was validated as.
    above : tuple of str or int
        Path of the validated part, when it was not the whole file.
    """
    problems = []
    for details in error.errors(include_url=False):
        if _follows_from_others(details):
            continue
        path = (details.get("ctx") or {}).get("at") or (*above, *details["loc"])
        path = tuple(step for step in path if step not in _MARKS)
        place, key = document.locate(path)
        problems.append(Problem(place, f"{key}: {_sentence(details, model)}"))
    return problems


def _follows_from_others(details: ErrorDetails) -> bool:
    """Return whether this is only the echo of faults below or beside it.

    A default that depends on a faulty key cannot be made, and a list with nothing but faulty entries counts
    as empty.
    """
    kind = details["type"]
    return kind == "default_factory_not_called" or (kind == "too_short" and bool(details["input"]))


def _sentence(details: ErrorDetails, model: type[BaseModel]) -> str:
    kind, context, path = details["type"], details.get("ctx") or {}, details["loc"]
    if kind == "extra_forbidden":
        return _unknown_key(str(path[-1]), _keys_at(model, path))
    if kind == CHOICE and path[-1] == _KEY_MARK:
        return f"unknown key: {details['msg']}"
    if kind in (FAULT, CHOICE):
        return details["msg"]
    if kind == "missing":
        return f"missing; expected: {_description_at(model, path)}"
    guess = did_you_mean(details["input"], choices(context)) if kind == "literal_error" else ""
    expected = _EXPECTED[kind](context) if kind in _EXPECTED else details["msg"]
    return f"found {show(details['input'])}{guess}; expected {expected}"


def _unknown_key(key: str, valid: list[str] | tuple[str, ...]) -> str:
    return f"unknown key{did_you_mean(key, valid)}; expected {one_of(valid)}"


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the settings that an annotation holds, however wrapped."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return dict(zip(known_keys(model), model.model_fields.values(), strict=True))


def _parents_at(model: type[BaseModel], path: KeyPath) -> list[type[BaseModel]]:
    """Return the settings in which the last step of a path is a key."""
    models = [model]
    for step in path[:-1]:
        if not isinstance(step, int):
            fields = [_fields(parent)[step] for parent in models]
            models = [inner for info in fields for inner in _models_in(info.annotation)]
    return models


def _keys_at(model: type[BaseModel], path: KeyPath) -> list[str]:
    return [key for parent in _parents_at(model, path) for key in known_keys(parent)]


def _description_at(model: type[BaseModel], path: KeyPath) -> str:
    field = _fields(_parents_at(model, path)[0])[str(path[-1])]
    return str(field.description).rstrip(".")
