"""What the config language has words for, but this version does not do yet.

Such keys and values are part of the schema, so that a config written for a later version is understood, and
are refused by name: ignoring one would change an estimate without a word.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from its_eval.config.faults import CHOICE, custom_error, did_you_mean, one_of, show

NOT_AVAILABLE = "is not available in this version"


@dataclass(frozen=True, init=False)
class NotYet:
    """Annotation of a choice some of whose values are not available in this version.

    Parameters
    ----------
    *values : str
        The values to refuse by name. They stay in the JSON Schema, listed as ``x-not-available``.
    among : tuple of str
        All values of the choice, where the annotated type is plain text instead of a literal.
    """

    values: tuple[str, ...]
    among: tuple[str, ...]

    def __init__(self, *values: str, among: tuple[str, ...] = ()) -> None:
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "among", among)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of the choice behind a check for the refused values."""
        check = self._check(self.among or get_args(source))
        return core_schema.no_info_before_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the JSON Schema of the choice with the refused values marked."""
        choices = {"enum": list(self.among)} if self.among else {}
        refused = {"x-not-available": list(self.values)} if self.values else {}
        return {**handler(schema), **choices, **refused}

    def _check(self, choices: tuple[object, ...]) -> Callable[[object], object]:
        """Return the check; `choices` is empty where any text is allowed."""
        available = [choice for choice in choices if choice not in self.values]
        expected = one_of(available) if choices else "another name"

        def check(value: object) -> object:
            if value in self.values:
                raise custom_error(f"{show(value)} {NOT_AVAILABLE}", expected)
            if choices and value not in choices:
                guess = did_you_mean(value, available)
                raise custom_error(f"{show(value)} is not known{guess}", expected, kind=CHOICE)
            return value

        return check
