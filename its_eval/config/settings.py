"""The base of all settings, the kinds of value they share, and what is not available yet.

Such keys and values are part of the schema, so that a config written for a later version is understood, and
are refused by name: ignoring one would change an estimate without a word.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from msgspec import Struct
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    SerializationInfo,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from its_eval.config.faults import CHOICE, Fault, custom_error, did_you_mean, one_of, refuse, show

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True)
class Origin:
    """Where a config was read; two configs that say the same are equal wherever they stand.

    Attributes
    ----------
    folder : Path
        What its paths are relative to.
    written : mapping of Path to Path
        Every path by its absolute one, as the config has it.
    """

    folder: Path = field(default_factory=Path, compare=False)
    written: Mapping[Path, Path] = field(default_factory=dict, compare=False)


class Settings(BaseModel):
    """Frozen settings: unknown keys are forbidden, and a key left blank takes its default."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True, defer_build=True
    )

    @model_validator(mode="before")
    @classmethod
    def _blank_means_default(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        keys = known_keys(cls)
        # an unknown key stays, even blank, so that it is refused
        return {key: value for key, value in data.items() if value is not None or key not in keys}

    def settle(self, **values: object) -> None:
        """Fill in defaults that depend on other keys; for validators only, before anyone sees the object."""
        for name, value in values.items():
            object.__setattr__(self, name, value)


def known_keys(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the keys of a model as they are written in the config, in the contract's order."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


def without_blanks(value: object) -> object:
    """Return a mapping without its blank entries; anything else as it is."""
    if isinstance(value, Mapping):
        return {key: entry for key, entry in value.items() if entry is not None}
    return value


def _digits_as_number(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


def _distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    repeated = (place for place, value in enumerate(values) if value in values[:place])
    refuse("list", (Fault((place,), f"{show(values[place])} stands twice", "it once") for place in repeated))
    return values


def _absolute(path: Path, info: ValidationInfo) -> Path:
    """Return a path made absolute against the folder of the config file.

    Only the folder is resolved: a link's own name has the suffix that says what the file is. A URL, e.g. of
    object storage, stays as it is.
    """
    if is_url(path):
        return path
    context = info.context or {}
    joined = Path(context.get("folder", Path.cwd()), path)
    absolute = joined.parent.resolve() / joined.name
    # how it was written, for the config with every default
    context.get("written", {})[absolute] = path
    return absolute


def as_written(path: Path, info: SerializationInfo) -> str:
    """Return a path as the config has it, where that is known; otherwise absolute."""
    written: Mapping[Path, Path] = (info.context or {}).get("written", {})
    return url_text(written.get(path, path))


def is_url(path: Path) -> bool:
    """Return whether a path was written as a URL: then its first part is the scheme, ``s3:``."""
    return not path.is_absolute() and len(path.parts) > 1 and path.parts[0].endswith(":")


def url_text(path: Path) -> str:
    """Return a path as it is written: a URL with all its slashes."""
    if not is_url(path):
        return path.as_posix()
    slashes = "///" if path.parts[0] in ("file:", "local:") else "//"
    return path.parts[0] + slashes + "/".join(path.parts[1:])


#: Workbooks that the reading library knows.
WORKBOOKS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")


def table_path(path: Path, info: ValidationInfo) -> Path:
    """Return the absolute path of a table; see `TablePath`."""
    path = _absolute(path, info)
    expected = ".csv, .csv.gz, .xlsx or .parquet"
    if not (path.name.lower().endswith((".csv", ".csv.gz", *WORKBOOKS)) or path.name.endswith(".parquet")):
        raise custom_error(f"{show(path.name)} is not a kind of table that can be read", expected)
    return path


#: Annotation for choices that contain whole numbers, which arrive as text.
DIGITS = BeforeValidator(_digits_as_number)
#: Annotation for lists in which no entry may stand twice.
DISTINCT = AfterValidator(_distinct)

Text = Annotated[str, Field(min_length=1)]
#: A code is text even when it looks like a number to other YAML readers (editors check with the schema).
Code = Annotated[str, Field(min_length=1), WithJsonSchema({"type": ["string", "integer"], "minLength": 1})]
#: A period stays text here; the frequency says what it means.
PeriodText = Annotated[
    str,
    Field(min_length=1),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["2015-07", "2003Q2", "1989"]}),
]
_AS_WRITTEN = PlainSerializer(as_written, return_type=str, when_used="json")
TablePath = Annotated[Path, AfterValidator(table_path), _AS_WRITTEN]
FilePath = Annotated[Path, AfterValidator(_absolute), _AS_WRITTEN]


def as_list(value: Any) -> Any:
    """Return a lone mapping as a list of one; anything else as it is."""
    return [value] if isinstance(value, Mapping | Settings) else value


class OneOf(Struct, frozen=True):
    """Annotation of a text that is one of some names, those of a catalogue among them.

    Parameters
    ----------
    names : collection of str
        What is known; a catalogue may grow after the settings were defined.
    """

    names: Collection[str]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of the text behind the check."""
        return core_schema.no_info_before_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the JSON Schema of the text with its names."""
        return {**handler(schema), "enum": list(self.names)}

    def _check(self, value: object) -> object:
        if not isinstance(value, str) or value not in self.names:
            what = f"{show(value)} is not known{did_you_mean(value, list(self.names))}"
            raise custom_error(what, one_of(list(self.names)), kind=CHOICE)
        return value
