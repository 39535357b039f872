"""Names of figure files."""

from __future__ import annotations

import hashlib
import re

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_LIKE_A_HASH = re.compile(r"-[0-9a-f]{10}$")
_LONGEST_PART = 60


def figure_stem(outcome: str, unit: str | None, design: str | None, figure: str = "main_its") -> str:
    """Return a file name without extension that no other series shares.

    Parameters
    ----------
    outcome : str
        Name as in the tables.
    unit, design : str, optional
        Likewise; None for a figure about all units, or about no design, and left out of the name.
    figure : str
        Which figure. No kind of figure may begin with another one and ``_``.

    Notes
    -----
    Characters other than letters and digits of ASCII, ``_`` and ``-`` become ``-``. Wherever the parts
    could not be read back from the name (a character was replaced, a part shortened, the unit contains the
    separator), ten digits of a hash of the original names follow.

    Examples
    --------
    >>> figure_stem("ae_4h", "RTP", "difference")
    'main_its_ae_4h_RTP_difference'
    >>> figure_stem("leavers", "R/1", "single")
    'main_its_leavers_R-1_single-7651c70be9'
    >>> figure_stem("leavers", None, "single", "forest")
    'forest_leavers_single'
    """
    parts = [part for part in (outcome, unit, design) if part is not None]
    safe = [_UNSAFE.sub("-", part)[:_LONGEST_PART] for part in parts]
    stem = "_".join((figure, *safe))
    legible = parts == safe and unit != "" and "_" not in (unit or "") and "-" not in (design or "")
    if legible and not _LIKE_A_HASH.search(stem):
        return stem
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]
    return f"{stem}-{digest}"
