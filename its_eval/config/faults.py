"""Faults found while validating, in words: what was wrong, where, and what was expected."""

import difflib
from collections.abc import Iterable
from typing import NoReturn

from msgspec import Struct
from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

#: What ``custom_error`` makes, for callers outside a model.
CustomError = PydanticCustomError

#: Steps from the top of the config down to a value: keys, and positions in lists.
KeyPath = tuple[str | int, ...]

#: Error types of pydantic that carry their own words (`what`, `expected`) in their context.
FAULT = "fault"
CHOICE = "choice"

_LONGEST_SHOWN = 60


class Fault(Struct, frozen=True):
    """One fault, addressed from where it was found.

    Parameters
    ----------
    path : tuple of str or int
        From the validated object down to the faulty key.
    what : str
        What was wrong, with the value.
    expected : str
        What was expected instead.
    absolute : bool
        True when `path` starts at the top of the config, for a check that spans several keys.
    """

    path: KeyPath
    what: str
    expected: str
    absolute: bool = False


def show(value: object) -> str:
    """Return a value as messages show it: quoted text, shortened when it is long.

    Examples
    --------
    >>> show("NO"), show(None)
    ("'NO'", 'nothing')
    """
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def one_of(names: Iterable[object]) -> str:
    """Return a list of choices in words.

    Examples
    --------
    >>> one_of(["month", "year"]), one_of(["month"])
    ('one of month, year', 'month')
    """
    texts = [str(name) for name in names]
    return texts[0] if len(texts) == 1 else "one of " + ", ".join(texts)


def did_you_mean(name: object, valid: Iterable[object]) -> str:
    """Return ``" (did you mean 'month'?)"`` for the valid names nearest to one, or nothing.

    Examples
    --------
    >>> did_you_mean("monht", ["month", "year"])
    " (did you mean 'month'?)"
    """
    if not isinstance(name, str):
        return ""
    close = difflib.get_close_matches(name, [str(candidate) for candidate in valid], n=2)
    return f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""


def custom_error(
    what: str, expected: str, *, kind: str = FAULT, at: KeyPath | None = None
) -> PydanticCustomError:
    """Return the pydantic error that carries a fault's own words."""
    context = {"what": what, "expected": expected, "at": at}
    return PydanticCustomError(kind, "{what}; expected {expected}", context)


def refuse(title: str, faults: Iterable[Fault]) -> None:
    """Raise one validation error with every fault at its own place; nothing when there is none.

    A validator may raise pydantic's own `ValidationError`: its parts are merged into the outer one with
    their places, which a plain `ValueError` cannot give.
    """
    listed = list(faults)
    if listed:
        _raise(title, listed)


def _raise(title: str, faults: list[Fault]) -> NoReturn:
    details = [
        InitErrorDetails(
            type=custom_error(fault.what, fault.expected, at=fault.path if fault.absolute else None),
            loc=() if fault.absolute else fault.path,
            input=None,
        )
        for fault in faults
    ]
    raise ValidationError.from_exception_data(title, details)
