"""Where a result comes from: hashes of everything read and written, versions, settings."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from its_eval.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

SCHEMA_VERSION = 1
PROGRAM = "its-eval"
MANIFEST = "manifest.json"
RESOLVED = "config.resolved.yaml"
REPORT = "report.html"
#: Libraries whose version may change a number or a figure.
LIBRARIES = ("Jinja2", "matplotlib", "numpy", "pandas", "pyarrow", "pydantic", "scipy", "statsmodels")

#: Files that desktop programs lay into a folder that is looked at: nobody misses them.
_DESKTOP_FILES = frozenset({".DS_Store", ".directory", "Thumbs.db", "desktop.ini"})
#: Locks of office programs, attributes and removed files that are still open, on network disks.
_DESKTOP_STARTS = ("~$", ".~lock.", "._", ".nfs")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def program_version() -> str:
    """Return the version of this program."""
    return metadata.version(PROGRAM)


def input_hashes(paths: Iterable[Path]) -> dict[str, str]:
    """Return the hash of every input that is there, by its path as text.

    Raises
    ------
    DataError
        When one cannot be read.
    """
    hashes = {}
    for path in filter(os.path.isfile, paths):
        try:
            hashes[path.as_posix()] = sha256(path)
        except OSError as error:
            # said here, so that it is not taken for a result that could not be written
            raise DataError([f"{path}: cannot be read: {error.strerror}"]) from error
    return hashes


def output_hashes(folder: Path) -> dict[str, str]:
    """Return the hash of every file of a result but the manifest, by path within the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not _left_behind(path))
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files if path != folder / MANIFEST}


def now() -> str:
    """Return the time, to the second, as a manifest has it."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def manifest(
    *,
    command: str,
    config_path: Path | None,
    seed: int,
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    timings: Mapping[str, float],
    notes: Iterable[str],
    flags: Iterable[Mapping[Any, Any]],
    figures: bool,
    folder: Path | None = None,
) -> dict[str, Any]:
    """Return the manifest: the only file of a result that differs between two runs of one config.

    Parameters
    ----------
    command : str
        The command as it was given.
    config_path : Path or None
        The config; None of a study that was made in memory.
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
    figures : bool
        Whether figures were drawn.
    folder : Path, optional
        What the paths of the config are relative to; default its own folder.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "program": {"name": PROGRAM, "version": program_version()},
        "python": platform.python_version(),
        "platform": platform.system(),
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
        "command": command,
        "figures": figures,
        "finished": now(),
        "seed": seed,
        "config": None
        if config_path is None
        else {
            "path": config_path.resolve().as_posix(),
            "sha256": sha256(config_path),
            "folder": (folder or config_path.resolve().parent).as_posix(),
        },
        "inputs": dict(inputs),
        "outputs": dict(outputs),
        "timings_seconds": {name: round(value, 3) for name, value in timings.items()},
        "notes": list(notes),
        "flags": [dict(flag) for flag in flags],
    }


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a result; None when there is none, or none that this version can read."""
    content = _own_manifest(folder)
    return content if content is not None and _is_sound(content) else None


def require_manifest(folder: Path, hint: str) -> dict[str, Any]:
    """Return the manifest of a result.

    Parameters
    ----------
    folder : Path
        The result.
    hint : str
        What to do when it is none.

    Raises
    ------
    UsageError
        When the folder holds no result that this version can read.
    """
    content = read_manifest(folder)
    if content is None:
        raise UsageError(
            f"{folder} holds no result of its-eval that this version can read ({MANIFEST} is missing, "
            "damaged or of another version)",
            hint,
        )
    return content


def _is_sound(content: Mapping[str, Any]) -> bool:
    """Return whether a manifest has the parts that are read from it; anybody may have written into it."""
    config = content.get("config")
    hashes = [content.get("inputs"), content.get("outputs"), {} if config is None else config]
    mappings = [
        content.get(name) or {} for name in ("libraries", "outcomes", "unit_names", "faults", "batch")
    ]
    return (
        content.get("schema_version") == SCHEMA_VERSION
        and isinstance(content["program"].get("version"), str)
        and all(isinstance(part, dict) for part in (*hashes, *mappings))
        and all(isinstance(text, str) for part in hashes for text in part.values())
        and (config is None or {"path", "sha256"} <= config.keys())
        and all(isinstance(about, dict) for about in (content.get("outcomes") or {}).values())
        and isinstance(content.get("notes", []), list)
    )


def foreign_files(folder: Path) -> list[str]:
    """Return what stands in a folder and is no part of a result of this program, by path within it.

    Without a manifest of this program nothing in the folder is its own. What desktop programs leave behind
    does not count; other hidden files do.
    """
    content = _own_manifest(folder)
    outputs = content.get("outputs") if content is not None else None
    own = {MANIFEST, *outputs} if isinstance(outputs, dict) else set()
    present = (
        path
        for path in folder.rglob("*")
        if (path.is_symlink() or not path.is_dir()) and not _left_behind(path)
    )
    return sorted({path.relative_to(folder).as_posix() for path in present} - own)


def _own_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest if this program wrote it: other programs use the same file name."""
    try:
        loaded = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    program = loaded.get("program") if isinstance(loaded, dict) else None
    own = isinstance(program, dict) and program.get("name") == PROGRAM
    return loaded if own else None


def _left_behind(path: Path) -> bool:
    """Return whether a desktop, an office program or a network disk put a file there, and no person."""
    return path.name in _DESKTOP_FILES or path.name.startswith(_DESKTOP_STARTS)


def unchanged(
    folder: Path,
    config_path: Path,
    inputs: Iterable[Path],
    *,
    resolved: str,
    figures: bool,
    report: bool = False,
) -> bool:
    """Return whether a whole result of this version, config and inputs already stands in a folder.

    Parameters
    ----------
    folder : Path
        The result.
    config_path : Path
        The config.
    inputs : iterable of Path
        Every file that the config reads.
    resolved : str
        The config with every default: it also shows a change in a file that the config includes.
    figures, report : bool
        Whether figures and a report are wanted.
    """
    content = read_manifest(folder)
    paths = list(inputs)
    if content is None or not all(map(os.path.isfile, paths)):
        return False
    written = (folder / RESOLVED).read_text(encoding="utf-8") if (folder / RESOLVED).is_file() else None
    return written == resolved and _same(content, folder, config_path, paths, figures=figures, report=report)


def surely_unchanged(
    folder: Path,
    config_path: Path,
    files_named: Callable[[Path], set[Path] | None],
    *,
    figures: bool,
    report: bool,
) -> bool:
    """Return whether `unchanged` would say so, seen without reading the settings: False when in doubt.

    The same config in the same place and version has the same settings, unless it includes a file, and reads
    the same files, unless one was laid into a folder. Reading the settings takes libraries whose loading is
    most of the time.

    Parameters
    ----------
    folder : Path
        The result.
    config_path : Path
        The config.
    files_named : callable
        Gives the files that a config may read or include, resolved, or None; see ``config.named_files``.
    figures, report : bool
        Whether figures and a report are wanted; a batch has none.
    """
    content = read_manifest(folder)
    config = (content or {}).get("config") or {}
    place = {"path": config_path.resolve().as_posix(), "folder": config_path.parent.resolve().as_posix()}
    if content is None or not config_path.is_file() or any(config.get(key) != place[key] for key in place):
        return False
    if content.get("conduct"):
        # what it was held to is asked anew
        return False
    paths = [Path(path) for path in content.get("inputs") or {}]
    whole = "batch" not in content
    if not _same(content, folder, config_path, paths, figures=figures and whole, report=report and whole):
        return False
    named = files_named(config_path)
    return named is not None and named <= {path.resolve() for path in paths}


def _same(
    content: Mapping[str, Any],
    folder: Path,
    config_path: Path,
    paths: Iterable[Path],
    *,
    figures: bool,
    report: bool,
) -> bool:
    """Return whether a manifest has this version, config, inputs, outputs and what is wanted."""
    expected = {
        "program": {"name": PROGRAM, "version": program_version()},
        "inputs": input_hashes(paths),
        "outputs": output_hashes(folder),
    }
    return (
        all(content.get(key) == value for key, value in expected.items())
        and (content.get("config") or {}).get("sha256") == sha256(config_path)
        and (bool(content.get("figures")) or not figures)
        and (bool(content.get("report")) or not report)
        # what `--fail-on` asks about a result that stays
        and ("faults" in content or "batch" in content)
    )


class Deviation(Struct, frozen=True):
    """A file that is not what the manifest of a result says.

    Attributes
    ----------
    role : str
        ``config``, ``input`` or ``output``.
    path : str
        As in the manifest: an output within the folder of the result.
    fault : str
        ``changed``, ``missing``, or ``added`` of an output that the manifest does not know.
    """

    role: str
    path: str
    fault: str


def verify(folder: Path) -> list[Deviation]:
    """Return every config, input and output of a result that is no more what it was, sorted.

    Parameters
    ----------
    folder : Path
        A result.

    Raises
    ------
    UsageError
        When the folder holds no result that this version can read.
    """
    content = require_manifest(folder, "name the folder that `its-eval run` wrote, e.g. results/sample")
    config = content.get("config")
    read = {} if config is None else {str(config["path"]): str(config["sha256"])}
    deviations = [*_of_files("config", read), *_of_files("input", content.get("inputs") or {})]
    before, after = dict(content.get("outputs") or {}), output_hashes(folder)
    faults = dict.fromkeys(before.keys() - after.keys(), "missing")
    faults |= dict.fromkeys(after.keys() - before.keys(), "added")
    faults |= {path: "changed" for path in before.keys() & after.keys() if before[path] != after[path]}
    return [*deviations, *(Deviation("output", path, faults[path]) for path in sorted(faults))]


def _of_files(role: str, hashes: Mapping[str, str]) -> list[Deviation]:
    """Return the files that have another hash, or none."""
    deviations = []
    for path in sorted(hashes):
        if not Path(path).is_file():
            deviations.append(Deviation(role, path, "missing"))
        elif sha256(Path(path)) != hashes[path]:
            deviations.append(Deviation(role, path, "changed"))
    return deviations
