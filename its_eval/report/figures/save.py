"""Writing a figure: SVG, PNG and the numbers in it, under one stem and the same bytes every time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from its_eval.report.figures.stem import figure_stem
from its_eval.report.figures.style import house_style
from its_eval.report.spreadsheet import defused

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["FORMATS", "figure_stem", "save_figure"]

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
