"""Where a result comes from: hashes of everything read and written, versions, settings."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import platform
from importlib import metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
#: Libraries whose version may change a number or a figure.
LIBRARIES = ("matplotlib", "numpy", "pandas", "pyarrow", "pydantic", "scipy", "statsmodels")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def program_version() -> str:
    """Return the version of this program."""
    return metadata.version("its-eval")


def input_hashes(paths: Iterable[Path]) -> dict[str, str]:
    """Return the hash of every input by its path as text."""
    return {path.as_posix(): sha256(path) for path in paths}


def output_hashes(folder: Path) -> dict[str, str]:
    """Return the hash of every file of a result but the manifest, by path within the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def manifest(
    *,
    command: str,
    config_path: Path,
    seed: int,
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    timings: Mapping[str, float],
    notes: Iterable[str],
    flags: Iterable[Mapping[Any, Any]],
) -> dict[str, Any]:
    """Return the manifest: the only file of a result that differs between two runs of one config.

    Parameters
    ----------
    command : str
        The command as it was given.
    config_path : Path
        The config.
    seed : int
        Seed of the config.
    inputs, outputs : mapping of str to str
        Hashes by path.
    timings : mapping of str to float
        Seconds by stage.
    notes : iterable of str
        Sentences about the run.
    flags : iterable of mapping
        Warnings of single fits.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "program": {"name": "its-eval", "version": program_version()},
        "python": platform.python_version(),
        "platform": platform.system(),
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
        "command": command,
        "finished": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "config": {"path": config_path.resolve().as_posix(), "sha256": sha256(config_path)},
        "inputs": dict(inputs),
        "outputs": dict(outputs),
        "timings_seconds": {name: round(value, 3) for name, value in timings.items()},
        "notes": list(notes),
        "flags": [dict(flag) for flag in flags],
    }


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a result, None when there is none that can be read."""
    try:
        loaded = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return loaded if isinstance(loaded, dict) and loaded.get("schema_version") == SCHEMA_VERSION else None


def unchanged(folder: Path, config_path: Path, inputs: Iterable[Path]) -> bool:
    """Return whether a whole result of this version, config and inputs already stands in a folder."""
    known = read_manifest(folder)
    if known is None or known["program"]["version"] != program_version():
        return False
    paths = list(inputs)
    if known["config"]["sha256"] != sha256(config_path) or not all(path.is_file() for path in paths):
        return False
    return bool(known["inputs"] == input_hashes(paths) and known["outputs"] == output_hashes(folder))
