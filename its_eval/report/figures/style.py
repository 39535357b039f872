"""House style of all figures: colours with a meaning, sizes, and the style file as a context."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.style

if TYPE_CHECKING:
    from collections.abc import Iterator

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

STYLE_FILE = Path(__file__).resolve().parent.parent / "its_eval.mplstyle"

_LOCK = threading.RLock()


@contextmanager
def house_style() -> Iterator[None]:
    """Apply the style file, on top of Matplotlib's defaults and not of the user's own settings.

    Matplotlib's settings are global, so only one thread at a time draws.
    """
    with _LOCK, matplotlib.style.context(["default", str(STYLE_FILE)]):
        yield
