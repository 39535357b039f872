"""Which files a config may read, seen without its settings, whose libraries take long to load."""

from __future__ import annotations

import os
from pathlib import Path

import yaml


def files_named(config_path: Path) -> set[Path] | None:
    """Return every file that a text of a config may stand for, resolved; None where that cannot be told.

    Whatever text is the name of a file or a folder is taken for one; a folder stands for the files in it.
    """
    try:
        events = list(yaml.parse(config_path.read_bytes(), Loader=yaml.CBaseLoader))
    except yaml.YAMLError:
        # no YAML, or in an encoding of its own: reading the settings tells
        return None
    texts = {event.value for event in events if isinstance(event, yaml.ScalarEvent)} - {""}
    if any("://" in text for text in texts):
        return None
    files: set[Path] = set()
    for path in (config_path.parent / text for text in texts):
        # unlike the methods of a path these are false for a name that the system does not take
        if os.path.isdir(path):  # noqa: PTH112
            files.update(part.resolve() for part in path.rglob("*") if part.is_file())
        elif os.path.isfile(path):  # noqa: PTH113
            files.add(path.resolve())
    return files
