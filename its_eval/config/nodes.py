"""YAML read strictly: every scalar as text, every value with its line.

Plain YAML turns ``NO`` into false, ``0123`` into 83 and ``12:30`` into 750, and keeps the last of two equal
keys. Here a scalar stays as written and the settings convert it.
"""

from pathlib import Path
from typing import Any, cast

import yaml

from its_eval.config.document import Document, Place, Problem, dotted
from its_eval.config.faults import KeyPath, show
from its_eval.errors import ConfigError

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
