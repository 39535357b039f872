"""The looks of an organisation: its name, logo and colours on our pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from its_eval.config.faults import did_you_mean, one_of, show
from its_eval.config.reading import read_file
from its_eval.errors import ConfigError
from its_eval.report.embedding import data_uri

#: Least contrast of text on white (WCAG 2.2, success criterion 1.4.3).
LEAST_CONTRAST = 4.5
_MEDIA_TYPES = {
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
}
_LARGEST_LOGO = 500_000
_HEX = re.compile(r"#[0-9A-Fa-f]{6}")
_KEYS = ("organisation", "title", "logo", "logo_alt", "footer", "colours")
_HINT = "keys of a house style: organisation, title, logo, logo_alt, footer, colours: {accent}"


class HouseStyle(Struct, frozen=True):
    """How an organisation's pages look.

    Attributes
    ----------
    organisation : str
        Name above the title; blank: none.
    title : str
        Title of the page in place of the config's; blank: the config's.
    logo : str
        The logo as a data URI; blank: none.
    logo_alt : str
        What the logo shows.
    footer : str
        Words at the end of the page.
    accent : str
        Colour of headings, links and rules, as ``#rrggbb``.
    """

    organisation: str = ""
    title: str = ""
    logo: str = ""
    logo_alt: str = ""
    footer: str = ""
    accent: str = "#12436D"


def load_house_style(path: Path) -> HouseStyle:
    """Return the house style that a YAML file describes; the logo's path is relative to the file.

    Raises
    ------
    ConfigError
        With every fault of the file.
    """
    document = read_file(path)
    problems = [str(problem) for problem in document.problems]
    try:
        style = make_house_style(document.tree, path.absolute().parent)
    except ConfigError as error:
        problems += [f"{path}: {problem}" for problem in error.problems]
    if problems:
        raise ConfigError(problems, _HINT)
    return style


def make_house_style(tree: Mapping[str, Any], folder: Path) -> HouseStyle:
    """Return the house style that plain values describe.

    Parameters
    ----------
    tree : mapping
        Keys as the attributes of `HouseStyle`, but ``logo`` a path and ``colours`` a mapping with ``accent``.
    folder : Path
        What the path of the logo is relative to.

    Raises
    ------
    ConfigError
        With every fault: unknown keys, a logo that is no picture, a colour too pale for text.
    """
    problems = [
        f"{show(key)} is not a key of a house style{did_you_mean(key, _KEYS)}; expected {one_of(_KEYS)}"
        for key in tree
        if key not in _KEYS
    ]
    texts = {key: tree.get(key) or "" for key in ("organisation", "title", "logo_alt", "footer")}
    problems += [
        f"{key}: {show(value)}; expected a text" for key, value in texts.items() if not isinstance(value, str)
    ]
    accent = _accent(tree.get("colours"), problems)
    logo = _logo(tree.get("logo"), folder, problems)
    if logo and not texts["logo_alt"] and not texts["organisation"]:
        problems.append("logo_alt: missing; expected what the logo shows, for those who cannot see it")
    if problems:
        raise ConfigError(problems, _HINT)
    texts["logo_alt"] = texts["logo_alt"] or texts["organisation"]
    return HouseStyle(logo=logo, accent=accent, **texts)


def _accent(colours: object, problems: list[str]) -> str:
    default = HouseStyle().accent
    if colours is None:
        return default
    if not isinstance(colours, Mapping):
        problems.append(f"colours: {show(colours)}; expected a mapping, e.g. {{accent: {show(default)}}}")
        return default
    problems += [
        f"colours: {show(key)} is not a colour of a house style; expected accent"
        for key in colours
        if key != "accent"
    ]
    accent = colours.get("accent", default)
    if not isinstance(accent, str) or not _HEX.fullmatch(accent):
        problems.append(
            f"colours.accent: {show(accent)}; expected a colour in quotes such as {show(default)}"
        )
        return default
    contrast = contrast_on_white(accent)
    if contrast < LEAST_CONTRAST:
        problems.append(
            f"colours.accent: {accent} has a contrast of {contrast:.1f} on white; "
            f"expected at least {LEAST_CONTRAST}, so that headings and links can be read"
        )
    return accent


def _logo(written: object, folder: Path, problems: list[str]) -> str:
    if not written:
        return ""
    if not isinstance(written, str) or Path(written).suffix.lower() not in _MEDIA_TYPES:
        problems.append(f"logo: {show(written)}; expected a picture: {one_of(sorted(_MEDIA_TYPES))}")
        return ""
    path = folder / written
    if not path.is_file():
        problems.append(f"logo: there is no file {path}")
        return ""
    content = path.read_bytes()
    if len(content) > _LARGEST_LOGO:
        problems.append(f"logo: {path} has {len(content):,} bytes; expected at most {_LARGEST_LOGO:,}")
        return ""
    return data_uri(content, _MEDIA_TYPES[path.suffix.lower()])


def contrast_on_white(colour: str) -> float:
    """Return the contrast ratio of a colour on white.

    Parameters
    ----------
    colour : str
        As ``#rrggbb``.

    Notes
    -----
    (1 + 0.05) / (L + 0.05) with the relative luminance L of WCAG 2.2.

    Examples
    --------
    >>> round(contrast_on_white("#12436D"), 1)
    10.2
    """
    channels = [int(colour[place : place + 2], 16) / 255.0 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    luminance = sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return 1.05 / (luminance + 0.05)
