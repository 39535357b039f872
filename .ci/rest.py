# ruff: noqa: INP001  (a script)
"""Take what stands in constraints.txt out of constraints-dev.txt: a part of ``make constraints``."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parents[1]
#: A requirement with its hashes on the lines below.
ENTRY = re.compile(r"^\S.*(?:\n[ \t].*)*\n", re.MULTILINE)

if __name__ == "__main__":
    users, every = (
        ENTRY.findall((FOLDER / name).read_text(encoding="utf-8"))
        for name in ("constraints.txt", "constraints-dev.txt")
    )
    rest = "".join(entry for entry in every if entry not in users)
    (FOLDER / "constraints-dev.txt").write_text(rest, encoding="utf-8")
