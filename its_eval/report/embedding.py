"""Putting the files of a run's figures into a page that needs nothing else."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from its_eval.report.figures.save import figure_stem

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

#: The kind of figure that shows a series with its fit and what would have been expected.
MAIN_FIGURE = "main_its"
#: Coordinates of lines, and their digits beyond a hundredth of a point, which cannot be seen.
_LINE = re.compile(r' d="[^"]*"')
_TOO_FINE = re.compile(r"(\.\d\d)\d+")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
#: Elements that a page does not need (its own style covers theirs), or that could act.
_DROPPED = frozenset({"script", "foreignObject", "animate", "set", "metadata", "style"})
#: Elements whose text is shown or read out; between others there are only line ends.
_WITH_TEXT = frozenset({"text", "tspan", "title", "desc"})
#: Characters that a data URI may not hold as they are (RFC 3986).
_UNSAFE_IN_URI = re.compile(r"[^A-Za-z0-9,.:;_~!*'()/+=@$?-]+")


@dataclass(frozen=True)
class StoredFigure:
    """A figure among the files of a run.

    Attributes
    ----------
    kind, outcome, unit, design : str
        What it shows; blank where it is about all of them. Of a figure whose name says nothing that this
        run knows, only the kind is given: its whole stem.
    stem : str
        File name without extension.
    picture : Path
        The SVG, or the PNG when there is no SVG.
    numbers : Path or None
        The numbers drawn.
    """

    kind: str
    outcome: str
    unit: str
    design: str
    stem: str
    picture: Path
    numbers: Path | None


def stored_figures(
    folder: Path, outcomes: Iterable[str], units: Iterable[str], designs: Iterable[str]
) -> tuple[StoredFigure, ...]:
    """Return the figures in a folder, sorted by stem, each with what it is about.

    Parameters
    ----------
    folder : Path
        The ``figures`` of a run; may be absent.
    outcomes, units, designs : iterable of str
        Names that occur in the run; a figure may also be about all of any of them.
    """
    names = [sorted({"", *every}) for every in (outcomes, units, designs)]
    # the longest ending first: 'o_u' may end like 'u'
    endings = sorted(
        ((figure_stem(*keys, figure=""), keys) for keys in itertools.product(*names)),
        key=lambda item: (-len(item[0]), item[0]),
    )
    pictures = {path.stem: path for path in sorted(folder.glob("*.png"))}
    pictures |= {path.stem: path for path in sorted(folder.glob("*.svg"))}
    return tuple(_figure(path, endings) for _, path in sorted(pictures.items()))


def _figure(picture: Path, endings: list[tuple[str, tuple[str, ...]]]) -> StoredFigure:
    stem = picture.stem
    numbers = picture.with_suffix(".csv")
    files = (stem, picture, numbers if numbers.is_file() else None)
    for ending, (outcome, unit, design) in endings:
        if stem.endswith(ending) and len(stem) > len(ending):
            return StoredFigure(stem.removesuffix(ending), outcome, unit, design, *files)
    return StoredFigure(stem, "", "", "", *files)


def data_uri(content: bytes, media_type: str) -> str:
    """Return a file as an address that contains it."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def text_uri(text: str, media_type: str) -> str:
    """Return a text as an address that contains it: shorter than base64 for numbers."""
    escaped = _UNSAFE_IN_URI.sub(lambda found: quote(found[0], safe=""), text)
    return f"data:{media_type};charset=utf-8,{escaped}"


class SvgEmbedder:
    """Rewrites SVG files so that many of them can stand in one page.

    Letters and markers that several figures draw are kept once, in `shared`; other names are made unique per
    figure; what a page does not need (prologue, metadata, unused names, digits beyond a hundredth of a point)
    is left out.
    """

    def __init__(self) -> None:
        self._shared: dict[tuple[tuple[str, str], ...], str] = {}

    @property
    def shared(self) -> str:
        """The drawings that figures refer to: an SVG element that shows nothing; blank without any."""
        if not self._shared:
            return ""
        paths = "".join(
            f'<path id="{name}" ' + " ".join(f'{key}="{value}"' for key, value in attributes) + "/>"
            for attributes, name in self._shared.items()
        )
        return f'<svg class="glyphs" width="0" height="0" aria-hidden="true"><defs>{paths}</defs></svg>'

    def embed(self, text: str, ident: str, alt: str) -> str:
        """Return an SVG file as an element of a page.

        Parameters
        ----------
        text : str
            The file.
        ident : str
            Name that no other figure of the page has.
        alt : str
            What the figure shows, for those who cannot see it.
        """
        # only files of a run are read, and a page's content policy lets no script of theirs run
        from xml.etree import ElementTree as ET  # noqa: PLC0415, S405

        root = ET.fromstring(_LINE.sub(_coarse, text))  # noqa: S314
        for parent in root.iter():
            _forget_namespaces(parent)
            for child in [child for child in parent if child.tag.rpartition("}")[2] in _DROPPED]:
                parent.remove(child)
        names = self._share(root)
        used = set(_references(root))
        names |= {name: f"{ident}-{place}" for place, name in enumerate(sorted(used - set(names)))}
        for element in root.iter():
            _rename(element, names)
        _drop_empty_groups(root)
        for name in ("width", "height", "version"):
            root.attrib.pop(name, None)
        root.attrib |= {"role": "img", "aria-label": alt}
        return ET.tostring(root, encoding="unicode")

    def _share(self, root: Element) -> dict[str, str]:
        """Move the drawings of all ``defs`` to the shared ones; return their new names by the old."""
        names: dict[str, str] = {}
        for definitions in list(root.iter("defs")):
            for path in [child for child in definitions if child.tag == "path" and "id" in child.attrib]:
                own = path.attrib.pop("id")
                key = tuple(sorted(path.attrib.items()))
                names[own] = self._shared.setdefault(key, f"g{len(self._shared)}")
                definitions.remove(path)
        return names


def _coarse(line: re.Match[str]) -> str:
    return _TOO_FINE.sub(r"\1", line[0]).replace("\n", "")


def _forget_namespaces(element: Element) -> None:
    """Write an element and its attributes as HTML has them: no prefixes, and no handlers of events."""
    element.tag = element.tag.rpartition("}")[2]
    if element.tag not in _WITH_TEXT:
        element.text = None
    element.tail = None
    for key in [key for key in element.attrib if key[0] in "{o"]:
        value, plain = element.attrib.pop(key), key.rpartition("}")[2]
        if not plain.startswith("on"):
            element.attrib[plain] = value


def _references(root: Element) -> Iterator[str]:
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == "href":
                yield value.removeprefix("#")
            elif "url(" in value:
                yield from _REFERENCE.findall(value)


def _rename(element: Element, names: Mapping[str, str]) -> None:
    for key, value in list(element.attrib.items()):
        if key == "id":
            del element.attrib[key]
            if value in names:
                element.attrib[key] = names[value]
        elif key == "href":
            element.attrib[key] = f"#{names[value.removeprefix('#')]}"
        elif "url(" in value:
            element.attrib[key] = _REFERENCE.sub(lambda found: f"url(#{names[found[1]]})", value)


def _drop_empty_groups(element: Element) -> None:
    for child in list(element):
        _drop_empty_groups(child)
        if child.tag in ("g", "defs") and len(child) == 0:
            element.remove(child)
