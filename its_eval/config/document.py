"""A file read into plain values, with the place of each, and the problems found in it."""

from dataclasses import dataclass, field
from typing import Any

from its_eval.config.faults import KeyPath


@dataclass(frozen=True)
class Place:
    """Where something stands in a file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Problem:
    """A message with the place it is about."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


@dataclass
class Document:
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
        shown: list[str | int] = []
        place = Place(self.file, 1)
        for step in path:
            if isinstance(node, dict) and isinstance(step, int):
                continue
            if not isinstance(node, dict | list):
                break
            shown.append(step)
            if (found := self.places.get(tuple(shown))) is None:
                break
            place, node = found, node[step]  # type: ignore[index]
        return place, dotted(tuple(shown))


def dotted(path: KeyPath) -> str:
    """Return a path as messages show it.

    Examples
    --------
    >>> dotted(("outcomes", 0, "kind"))
    'outcomes[0].kind'
    """
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")
