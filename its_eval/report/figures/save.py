"""Writing a figure: SVG, PNG and the numbers in it, under one stem and the same bytes every time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from its_eval.report.figures.style import house_style
from its_eval.report.spreadsheet import defused

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FORMATS = ("svg", "png")

#: Without date and version of Matplotlib, so that a file changes only when the picture does.
_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_PART = 60


def figure_stem(outcome: str, unit: str, design: str, figure: str = "main_its") -> str:
    """Return a file name without extension that no other series shares.

    Parameters
    ----------
    outcome, unit, design : str
        Names as in the tables.
    figure : str
        Which figure.

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
    """
    parts = (outcome, unit, design)
    safe = [_UNSAFE.sub("-", part)[:_LONGEST_PART] for part in parts]
    stem = "_".join((figure, *safe))
    if list(parts) == safe and "_" not in unit and unit and "-" not in design:
        return stem
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]
    return f"{stem}-{digest}"


def save_figure(
    figure: Figure, frame: pd.DataFrame, folder: Path, stem: str, formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Write a figure and its numbers, empty the figure, and return the paths written.

    Parameters
    ----------
    figure : Figure
        As a ``draw_`` function returns it; of no use afterwards.
    frame : DataFrame
        The numbers drawn; written as CSV at full precision.
    folder : Path
        Made if need be.
    stem : str
        File name without extension.
    formats : sequence of {"svg", "png"}
        Picture files wanted.

    Raises
    ------
    ValueError
        When a format is unknown.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise ValueError(f"figure format {unknown[0]!r} is unknown; expected {' or '.join(FORMATS)}")
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / f"{stem}.csv"]
    defused(frame).to_csv(written[0], index=False, lineterminator="\n", encoding="utf-8")
    with house_style():
        for name in dict.fromkeys(formats):
            path = folder / f"{stem}.{name}"
            figure.savefig(path, format=name, metadata=_METADATA[name])
            written.append(path)
    figure.clear()
    return written
