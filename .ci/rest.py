# ruff: noqa: INP001  (a script)
"""Take what stands in constraints.txt out of constraints-dev.txt: a part of ``make constraints``."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parents[1]
#: A requirement with its hashes on the lines below.
ENTRY = re.compile(r"^\S.*(?:\n[ \t].*)*\n", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    """Return the entries of a file by name and version."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    return {entry.split()[0]: entry for entry in ENTRY.findall(text)}


if __name__ == "__main__":
    users, every = pins("constraints.txt"), pins("constraints-dev.txt")
    # where both files have a pin, and developers need it on more systems, that line stands: it is pinned once
    kept = "".join(every.get(pin, entry) for pin, entry in users.items())
    rest = "".join(entry for pin, entry in every.items() if pin not in users)
    (FOLDER / "constraints.txt").write_text(kept, encoding="utf-8")
    (FOLDER / "constraints-dev.txt").write_text(rest, encoding="utf-8")
