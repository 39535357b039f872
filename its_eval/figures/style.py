"""House style of all figures, and how one is written: SVG, PNG and numbers under one stem."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.style

from its_eval.evaluation import defused

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from matplotlib.figure import Figure


#: The unit evaluated: its observations and what was fitted to them. Contrast on white 10.2.
UNIT = "#12436D"
#: What would have been expected without the interruption. Contrast 3.0: lines and areas, never text.
COUNTERFACTUAL = "#F46A25"
#: The same for text. Contrast 5.4.
COUNTERFACTUAL_TEXT = "#B04510"
#: Interval of the counterfactual; its edges are drawn in the full colour.
BAND = "#FDE9DF"
#: Mean of the peers. Contrast 5.3; as light as text may be, so that it does not pass for the unit.
PEER_MEAN = "#6B6B6B"
#: Single peers: context only.
PEER = "#BFBFBF"
#: Text, axes and the line of the interruption. Contrast 10.9.
INK = "#3D3D3D"
#: Lines of events that are only noted, and points that were not used. Contrast 5.3.
QUIET = "#6B6B6B"
#: Veil over periods that were not used, and how much of it shows.
SHADE = "#000000"
SHADE_ALPHA = 0.08

#: Width of a figure in inches; the height follows from what has to be said.
WIDTH = 10.0
#: The same for figures that need less room: on a phone their letters stay larger.
NARROW = 7.0
#: Size of all text, in points.
FONT_SIZE = 12.0
#: Height of a line of text, in inches.
LINE_HEIGHT = 0.2
#: Dash pattern of counterfactuals.
DASHES = (0, (5.0, 2.2))

STYLE_FILE = Path(__file__).resolve().parent / "its_eval.mplstyle"

_LOCK = threading.RLock()


@contextmanager
def house_style() -> Iterator[None]:
    """Apply the style file, on top of Matplotlib's defaults and not of the user's own settings.

    Matplotlib's settings are global, so only one thread at a time draws.
    """
    with _LOCK, matplotlib.style.context(["default", str(STYLE_FILE)]):
        yield


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


FORMATS = ("svg", "png")

#: Without date and version of Matplotlib, so that a file changes only when the picture does.
_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}
#: Drawings pack as well at this level as at Pillow's own, in two thirds of the time.
_OPTIONS: dict[str, dict[str, Any]] = {"svg": {}, "png": {"pil_kwargs": {"compress_level": 3}}}


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
            figure.savefig(path, format=name, metadata=_METADATA[name], **_OPTIONS[name])
            written.append(path)
    figure.clear()
    return written
