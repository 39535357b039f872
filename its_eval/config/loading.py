"""From a config file to settings and back: all faults in one pass, dictionaries, schema, resolved YAML."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping
from pathlib import Path, PurePath
from typing import Any

import yaml
from pydantic import ValidationError

from its_eval.config.faults import did_you_mean, one_of, show
from its_eval.config.models import Config
from its_eval.config.outcomes import Outcome, OutcomesFrom
from its_eval.config.reading import (
    Document,
    Place,
    Problem,
    decode,
    problems_of,
    read_file,
    read_mapping,
    read_yaml,
)
from its_eval.config.settings import Origin, known_keys
from its_eval.errors import ConfigError
from its_eval.provenance import RESOLVED, read_manifest

_LISTS = ("estimators", "strata", "covariates", "controls")
#: Order of the contract, with the two keys that only an outcome has in front.
_COLUMNS = ("indicator", "label", *(key for key in known_keys(Outcome) if key not in ("indicator", "label")))


def expand_outcomes(document: Document, folder: Path) -> bool:
    """Put the rows of a dictionary in the place of ``outcomes: {from: FILE}``.

    Parameters
    ----------
    document : Document
        The config; changed in place, so that faults of an outcome name the line of the dictionary.
    folder : Path
        What the path is relative to.

    Returns
    -------
    bool
        False when there was a dictionary that could not be read; its problems are with the document.
    """
    entry = document.tree.get("outcomes")
    if not isinstance(entry, dict):
        return True
    try:
        source = OutcomesFrom.model_validate(entry, context={"folder": folder})
    except ValidationError as error:
        document.problems += problems_of(error, document, OutcomesFrom, ("outcomes",))
        return False
    path = source.from_
    place, key = document.locate(("outcomes", "from"))
    try:
        text = decode(path.read_bytes(), str(path))
    except OSError as error:
        what = f"{path} cannot be read ({error.strerror})"
        document.problems.append(Problem(place, f"{key}: {what}; expected a CSV file"))
        return False
    except ConfigError as error:
        document.problems.append(Problem(place, f"{key}: {error.message}"))
        return False
    before = len(document.problems)
    rows = _rows(text, str(path), document)
    if not rows and len(document.problems) == before:
        document.problems.append(Problem(Place(str(path), 1), "no outcomes; expected a row for each"))
    document.tree["outcomes"] = rows
    return bool(rows)


def _rows(text: str, file: str, document: Document) -> list[dict[str, Any]]:
    """Return the rows as entries of `outcomes`, with the place of each noted in the document."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[dict[str, Any]] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        if faults := _header_faults(header):
            document.problems += [Problem(Place(file, 1), fault) for fault in faults]
            return []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            place = Place(file, reader.line_num)
            if len(cells) != len(header):
                what = f"{len(cells)} cells; expected {len(header)}, as in the header"
                document.problems.append(Problem(place, what))
                continue
            path = ("outcomes", len(rows))
            document.places[path] = place
            row = {}
            for key, cell in zip(header, cells, strict=True):
                document.places[*path, key] = place
                row[key] = _cell(key, cell.strip(), place, document)
            rows.append(row)
    except csv.Error as error:
        place = Place(file, reader.line_num)
        document.problems.append(
            Problem(place, f"not valid CSV: {error}; expected quotes closed in their cell")
        )
        return []
    return rows


def _header_faults(header: list[str]) -> list[str]:
    faults = [
        f"unknown column {show(name)}{did_you_mean(name, _COLUMNS)}; expected {one_of(_COLUMNS)}"
        for name in header
        if name not in _COLUMNS
    ]
    faults += [
        f"column {show(name)} stands twice; expected it once"
        for place, name in enumerate(header)
        if name in _COLUMNS and name in header[:place]
    ]
    return faults


def _cell(key: str, text: str, place: Place, document: Document) -> Any:
    """Return the value of a cell: None when blank, a list or mapping when written like one, else text."""
    if not text:
        return None
    value: Any = text
    if text.startswith(("[", "{")):
        try:
            inner = read_yaml(f"cell: {text}", place.file)
        except ConfigError:
            what = f"{key}: {show(text)} is not a list or mapping"
            expected = "e.g. [reml_ar, ols] or {harmonics: 2}"
            document.problems.append(Problem(place, f"{what}; expected {expected}"))
            return None
        document.problems += [Problem(place, f"{key}: {problem.message}") for problem in inner.problems]
        value = inner.tree["cell"]
    return [value] if key in _LISTS and not isinstance(value, list) else value


_HINT = "`its-eval schema` prints every key with its meaning"


def load_config(source: str | Path | Mapping[Any, Any], *, in_memory: Collection[str] = ()) -> Config:
    """Return the settings that a YAML file or a mapping describes, with every default filled in.

    Parameters
    ----------
    source : str, Path or mapping
        The config. Paths inside it are relative to its folder; those of a mapping to the working folder.
    in_memory : collection of {"indicators", "characteristics"}
        Tables that are in memory, and need no `path` in the config.

    Raises
    ------
    ConfigError
        With every fault, each as ``file:line: key.path: what was wrong; expected ...``.

    Examples
    --------
    >>> study = {
    ...     "version": 1,
    ...     "data": {"indicators": {"path": "waits.csv"}},
    ...     "intervention": {"name": "New rota", "date": "2015-07"},
    ...     "treated": ["A1"],
    ...     "outcomes": [{"indicator": "waits", "kind": "number"}],
    ... }
    >>> load_config(study).outcomes[0].seasonality.kind
    'auto'
    """
    if isinstance(source, Mapping):
        document, folder, title = read_mapping(source), Path.cwd(), "Evaluation"
    else:
        given: object = source
        if not isinstance(given, str | PurePath):
            what = f"config: a {type(given).__name__}; expected the path of a file, or a dictionary"
            raise ConfigError([what], _HINT)
        path = Path(source)
        folder = _recorded_folder(path) or path.absolute().parent
        document, title = read_file(path), path.stem
    written: dict[Path, Path] = {}
    outcomes_read = expand_outcomes(document, folder)
    if document.tree.get("title") is None:
        document.tree["title"] = title
    for name in in_memory:
        _without_file(document.tree, name)
    problems = document.problems
    try:
        config = Config.model_validate(document.tree, context={"folder": folder, "written": written})
        config.read_from(Origin(folder, written))
    except ValidationError as error:
        faults = problems_of(error, document, Config)
        if not outcomes_read:
            # already said of the dictionary itself
            _, path_of_outcomes = document.locate(("outcomes",))
            faults = [
                problem for problem in faults if not problem.message.startswith(f"{path_of_outcomes}: ")
            ]
        problems = [*problems, *faults]
    if problems:
        own = document.file
        ordered = sorted(problems, key=lambda problem: (problem.place.file != own, problem.place.line))
        raise ConfigError([str(problem) for problem in ordered], _HINT)
    return config


def _without_file(tree: dict[str, Any], name: str) -> None:
    """Put a name in the place of the file of a table that is in memory, where the config names none."""
    if tree.get("data") is None:
        tree["data"] = {}
    data = tree["data"]
    if not isinstance(data, dict):
        return
    if data.get(name) is None:
        data[name] = {}
    for table in data[name] if isinstance(data[name], list) else [data[name]]:
        if isinstance(table, dict):
            # typed as a Parquet file is, whose numbers and texts need no delimiter and no encoding
            table.setdefault("path", f"{name}.parquet")


def _recorded_folder(path: Path) -> Path | None:
    """Return what the paths of the config in a result are relative to; None of any other config."""
    known = read_manifest(path.parent) if path.name == RESOLVED else None
    recorded = ((known or {}).get("config") or {}).get("folder")
    return Path(recorded) if recorded and Path(recorded).is_dir() else None


class _Dumper(yaml.CSafeDumper):
    """Writes every value where it stands, never as an alias of an equal one.

    By libyaml: a dictionary of thousands of outcomes takes seconds otherwise.
    """

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  (PyYAML's signature)
        return True


def to_yaml(config: Config, *, as_written: bool = False) -> str:
    """Return a config as YAML, with every default spelled out and paths absolute, or as they were written.

    Keys stand in the order of the contract. Loading the text again gives an equal config: all scalars are
    read as text and converted, so codes such as ``NO`` and ``0123`` survive.
    """
    context = {"written": config.origin.written} if as_written else None
    tree = config.model_dump(mode="json", by_alias=True, context=context)
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a config file.

    Values that this version refuses are part of it and are listed as ``x-not-available``.
    """
    schema = Config.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": DIALECT, **schema, "title": "its-eval config, version 1"}
