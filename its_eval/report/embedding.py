"""Putting the files of a run's figures into a page that needs nothing else."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from its_eval.figures.catalogue import report_tasks
from its_eval.report.blocks import StoredFigure

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from its_eval.evaluation import Evaluation
    from its_eval.figures.drawing import Copies

#: Digits of coordinates beyond a tenth of a point, which cannot be seen; factors and styles keep theirs.
_TOO_FINE = re.compile(r'(scale\([^)]*\)|style="[^"]*"|\.\d)\d*')
#: A letter within a word is moved sideways only.
_SIDEWAYS = re.compile(r'transform="translate\((-?[\d.]+) 0\)"/>')
#: A path of straight lines, in which the letter L can be left out.
_STRAIGHT = re.compile(r"[ML\d\s.z-]*")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
#: The outline of a letter or of a marker.
_OUTLINE = re.compile(r'<path id="([^"]+)" d="[^"]*"[^>]*/>')
#: Letters of a line of words, side by side; and each of them, with its outline and its place.
_WORDS = re.compile(r'(?:<use xlink:href="#[^"]+"(?: transform="translate\(-?[\d.]+ 0\)")?/>\s*){2,}')
_LETTER = re.compile(
    r'<use xlink:href="#([^"]+)"(?: transform="translate\((-?\d+(?:\.\d)?)[\d.]* 0\)")?/>\s*'
)
_PLACE_OF_WORDS = re.compile(r'<use words="(\d+)"/>')
#: Elements that a page does not need (its own style covers theirs), or that could act.
_DROPPED = frozenset({"script", "foreignObject", "animate", "set", "metadata", "style"})
#: Elements whose text is shown or read out; between others there are only line ends.
_WITH_TEXT = frozenset({"text", "tspan", "title", "desc"})
#: What could end a rule or load something; no style of ours has it.
_UNSAFE_IN_STYLE = re.compile(r"[<>{}@\\]")
#: Numbers with more digits than anybody redraws a figure with; the tables of the run have them all.
_LONG_NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d{6,}(?:e-?\d+)?(?![\w.])")
#: Characters that a data URI may not hold as they are (RFC 3986).
_UNSAFE_IN_URI = re.compile(r"[^A-Za-z0-9,.:;_~!*'()/+=@$?-]+")


def stored_figures(evaluation: Evaluation, folder: Path) -> tuple[StoredFigure, ...]:
    """Return the figures of a run that stand in a folder, in the order of the catalogue.

    Parameters
    ----------
    evaluation : Evaluation
        The result.
    folder : Path
        The ``figures`` of the run; may be absent.
    """
    found = []
    for task in report_tasks(evaluation):
        pictures = [path for end in ("svg", "png") if (path := folder / f"{task.stem}.{end}").is_file()]
        numbers = folder / f"{task.stem}.csv"
        if pictures:
            found.append(StoredFigure(task, pictures[0], numbers if numbers.is_file() else None))
    return tuple(found)


def awaited_figures(evaluation: Evaluation, copies: Copies, folder: Path) -> tuple[StoredFigure, ...]:
    """Return the figures that will stand in a folder once they are drawn, as `stored_figures` then does."""
    found = []
    for task in report_tasks(evaluation):
        own = [copy for copy in copies.get(task, ()) if (copy.folder, copy.stem) == (folder, task.stem)]
        ends = [end for end in ("svg", "png") if any(end in copy.formats for copy in own)]
        if ends:
            numbers = folder / f"{task.stem}.csv" if any(copy.numbers for copy in own) else None
            found.append(StoredFigure(task, folder / f"{task.stem}.{ends[0]}", numbers))
    return tuple(found)


def data_uri(content: bytes, media_type: str) -> str:
    """Return a file as an address that contains it."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def text_uri(text: str, media_type: str) -> str:
    """Return a text as an address that contains it: shorter than base64 for numbers."""
    escaped = _UNSAFE_IN_URI.sub(lambda found: quote(found[0], safe=""), text)
    return f"data:{media_type};charset=utf-8,{escaped}"


def numbers_uri(text: str) -> str:
    """Return the numbers of a figure (CSV) as an address that contains them, to nine significant digits."""
    return text_uri(_LONG_NUMBER.sub(lambda found: f"{float(found[0]):.9g}", text), "text/csv")


class SvgEmbedder:
    """Rewrites SVG files so that many of them can stand in one page.

    Letters, markers and styles that figures have in common are kept once, in `shared`; other names are made
    unique per figure; what a page does not need (prologue, metadata, unused names, groups without a purpose,
    digits beyond a tenth of a point) is left out.
    """

    def __init__(self) -> None:
        self._shared: dict[tuple[tuple[str, str], ...], str] = {}
        self._styles: dict[str, str] = {}
        #: The shared name of an outline by its element in a file: most letters of a figure are not new.
        self._seen: dict[str, str] = {}
        self._figures = 0

    @property
    def shared(self) -> str:
        """The drawings and styles that figures refer to: an SVG element that shows nothing, or blank."""
        if not self._shared and not self._styles:
            return ""
        paths = "".join(
            f'<path id="{name}" ' + " ".join(f'{key}="{value}"' for key, value in attributes) + "/>"
            for attributes, name in self._shared.items()
        )
        rules = "".join(f".{name}{{{style}}}" for style, name in self._styles.items())
        return (
            '<svg class="glyphs" width="0" height="0" aria-hidden="true">'
            f"<defs><style>{rules}</style>{paths}</defs></svg>"
        )

    def embed(self, text: str, alt: str) -> str:
        """Return an SVG file as an element of a page.

        Parameters
        ----------
        text : str
            The file.
        alt : str
            What the figure shows, for those who cannot see it.
        """
        # only files of a run are read, and a page's content policy lets no script of theirs run
        from xml.etree import ElementTree as ET  # noqa: PLC0415

        self._figures += 1
        known: dict[str, str] = {}
        fresh: dict[str, str] = {}

        def unless_seen(outline: re.Match[str]) -> str:
            element, name = outline[0], outline[1]
            shared = self._seen.get(element)
            if shared is None:
                fresh[name] = element
                return element
            known[name] = shared
            return ""

        # nine of ten elements are letters: they keep their form, and need not be parsed
        words: list[str] = []

        def aside(letters: re.Match[str]) -> str:
            words.append(letters[0])
            return f'<use words="{len(words) - 1}"/>'

        text = _OUTLINE.sub(unless_seen, text)
        if _PLACE_OF_WORDS.search(text) is None:
            text = _WORDS.sub(aside, text)
        root = ET.fromstring(_SIDEWAYS.sub(r'x="\1"/>', _TOO_FINE.sub(r"\1", text)))  # noqa: S314
        for parent in root.iter():
            _forget_namespaces(parent)
            for child in [child for child in parent if child.tag.rpartition("}")[2] in _DROPPED]:
                parent.remove(child)
        names = self._share(root)
        self._seen |= {element: names[name] for name, element in fresh.items() if name in names}
        names |= known
        used = {*_references(root), *(letter[1] for line in words for letter in _LETTER.finditer(line))}
        own = sorted(used - set(names))
        names |= {name: f"f{self._figures}-{place}" for place, name in enumerate(own)}
        for element in root.iter():
            self._shorten(element, names)
        _flatten(root)
        for name in ("width", "height", "version"):
            root.attrib.pop(name, None)
        root.attrib |= {"role": "img", "aria-label": alt}
        whole = ET.tostring(root, encoding="unicode").replace(" />", "/>")

        def letter(found: re.Match[str]) -> str:
            place = f' x="{found[2]}"' if found[2] else ""
            return f'<use{place} href="#{names[found[1]]}"/>'

        return (
            _PLACE_OF_WORDS.sub(lambda at: _LETTER.sub(letter, words[int(at[1])]), whole) if words else whole
        )

    def _shorten(self, element: Element, names: Mapping[str, str]) -> None:
        """Give an element the page's names, and its style and its line in short."""
        _rename(element, names)
        style = element.attrib.pop("style", "")
        if style and not _UNSAFE_IN_STYLE.search(style):
            element.attrib["class"] = self._styles.setdefault(style, f"s{len(self._styles)}")
        line = element.attrib.get("d")
        if line is not None and _STRAIGHT.fullmatch(line):
            element.attrib["d"] = " ".join(line.replace("L", "").split())

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


def _flatten(element: Element) -> None:
    """Take out groups that say nothing: empty ones, and those without attributes around their contents."""
    children: list[Element] = []
    for child in list(element):
        _flatten(child)
        if child.tag == "g" and not child.attrib:
            children += list(child)
        elif len(child) or child.tag not in ("g", "defs"):
            children.append(child)
    element[:] = children
