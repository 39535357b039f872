"""The layouts that come with the program, and those of the user."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from its_eval.config.layouts import Layout, load_layout
from its_eval.data.tables import nearest
from its_eval.errors import UsageError

_FOLDER = Path(__file__).parent / "layouts"


@cache
def bundled_layouts() -> tuple[Layout, ...]:
    """Return the layouts that come with the program, sorted by file name."""
    return tuple(load_layout(path) for path in sorted(_FOLDER.glob("*.yaml")))


def kinds() -> tuple[str, ...]:
    """Return the kinds of file that can be imported, sorted."""
    return tuple(sorted({layout.kind for layout in bundled_layouts()}))


def layout_texts(kind: str) -> list[str]:
    """Return the layouts of one kind as they are written, to begin one's own with.

    Raises
    ------
    UsageError
        When there is no such kind.
    """
    wanted = layouts_of(kind)
    texts = [path.read_text(encoding="utf-8") for path in sorted(_FOLDER.glob("*.yaml"))]
    return [text for text, found in zip(texts, bundled_layouts(), strict=True) if found in wanted]


def layouts_of(kind: str, own: Path | None = None) -> tuple[Layout, ...]:
    """Return the layouts of one kind, or the user's own one, which takes their place.

    Raises
    ------
    UsageError
        When there is no such kind, or the user's layout is of another one.
    """
    if own is not None:
        layout = load_layout(own)
        if layout.kind != kind:
            raise UsageError(
                f"the layout {own} is of kind {layout.kind!r}, and the command says {kind!r}",
                f"its-eval import {layout.kind} … --layout {own}",
            )
        return (layout,)
    found = tuple(layout for layout in bundled_layouts() if layout.kind == kind)
    if not found:
        raise UsageError(
            f"there is no kind of file {kind!r}; {nearest(kind, kinds())}",
            f"the kinds are {', '.join(kinds())}; another one needs a layout of your own (--layout)",
        )
    return found
