"""Validation errors in plain sentences: what was found, and what was expected."""

import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from its_eval.config.document import Document, Problem
from its_eval.config.faults import CHOICE, FAULT, KeyPath, did_you_mean, one_of, show
from its_eval.config.settings import known_keys

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
    found = []
    for details in error.errors(include_url=False):
        if _follows_from_others(details):
            continue
        path = (details.get("ctx") or {}).get("at") or (*above, *details["loc"])
        path = tuple(step for step in path if step not in _MARKS)
        place, shown = document.locate(path)
        found.append(Problem(place, f"{shown}: {_sentence(details, model)}"))
    return found


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
