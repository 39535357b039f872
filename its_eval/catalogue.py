"""Choices by name: one line each, loaded when it is first asked for, and open to others from outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Generic, Protocol, TypeVar, cast


class Named(Protocol):
    """Anything that a catalogue can hold."""

    @property
    def name(self) -> str:
        """What a config calls it."""


Choice = TypeVar("Choice", bound=Named)


class Catalogue(Mapping[str, Choice], Generic[Choice]):
    """An ordered set of choices of one kind, such as all estimators.

    Parameters
    ----------
    what : str
        What a choice is called in a message, e.g. ``estimator``.
    lines : mapping of str to str
        By name, where the choice stands: ``module:ATTRIBUTE``. Nothing is imported until it is asked for, so
        that a config can be checked without the libraries of estimators that it does not name.

    Examples
    --------
    >>> from its_eval.scales import SCALES
    >>> list(SCALES), SCALES["log"].name
    (['none', 'log', 'logit'], 'log')
    """

    def __init__(self, what: str, lines: Mapping[str, str]) -> None:
        self.what = what
        self._lines: dict[str, str | Choice] = dict(lines)

    def __getitem__(self, name: str) -> Choice:
        """Return a choice, loading it on first use."""
        line = self._lines[name]
        if isinstance(line, str):
            module, _, attribute = line.partition(":")
            line = cast("Choice", getattr(import_module(module), attribute))
            self._lines[name] = line
        return line

    def __contains__(self, name: object) -> bool:
        """Return whether there is such a choice, without loading it."""
        return name in self._lines

    def __hash__(self) -> int:
        """Tell one catalogue from another: it is itself, whatever it holds."""
        return id(self)

    def __iter__(self) -> Iterator[str]:
        """Yield the names in the order of the catalogue."""
        return iter(self._lines)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._lines)

    def add(self, choice: Choice) -> None:
        """Add a choice of one's own.

        Raises
        ------
        ValueError
            When the name is taken.
        """
        if choice.name in self._lines:
            raise ValueError(f"there is {self.what} {choice.name!r} already; expected another name")
        self._lines[choice.name] = choice

    @contextmanager
    def adding(self, *choices: Choice) -> Iterator[None]:
        """Have some choices more for a while."""
        added: list[str] = []
        try:
            for choice in choices:
                self.add(choice)
                added.append(choice.name)
            yield
        finally:
            # where one is refused, those before it go too
            for name in added:
                del self._lines[name]
