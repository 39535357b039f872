# ruff: noqa: INP001  (a script)
"""Build the site of the documentation in build/site and follow its links: ``make docs``, ``make check``.

Warnings of Sphinx are errors. Then every page is read as a browser would: what it links to or shows has to be
there, and the place within a page too. Addresses elsewhere are not asked; nothing that a page needs for being
shown may come from elsewhere, so that it can be read without a network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[1]
SITE, TREES = ROOT / "build" / "site", ROOT / "build" / "doctrees"
#: What the dates in a page would be, if any were shown.
EPOCH = "1435708800"
#: Names of elements and of what in them is loaded with the page.
LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("source", "src"), ("iframe", "src")}
#: Relations of a page to others, which nothing is loaded from.
NOT_LOADED = {"canonical", "author", "license"}


class Page(HTMLParser):
    """The places within a page, and what it links to and loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.places = {""}
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the places and addresses of an element."""
        values = {name: value or "" for name, value in attrs}
        self.places |= {values[name] for name in ("id", "name") if name in values}
        for name in ("href", "src"):
            if name in values:
                loaded = (tag, name) in LOADED and values.get("rel") not in NOT_LOADED
                (self.loads if loaded else self.links).append(values[name])


def built() -> int:
    """Build the site anew; return Sphinx's exit code."""
    options = ["--fail-on-warning", "--keep-going", "--quiet", "--fresh-env", "--write-all"]
    command = [sys.executable, "-m", "sphinx", *options, "-b", "html", "-d", str(TREES), "docs", str(SITE)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH, "PYTHONHASHSEED": "0"}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode  # noqa: S603


def broken(site: Path) -> list[str]:
    """Return what links and pictures of a site lead nowhere, and what it would load from elsewhere."""
    # beneath _static the theme has templates, which are no pages
    found = [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in found}
    faults = []
    for path, page in pages.items():
        here = path.relative_to(site).as_posix()
        for address in [*page.links, *page.loads]:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if address in page.loads and parts.scheme != "data":
                    faults.append(f"{here}: {address} would be loaded from elsewhere")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                faults.append(f"{here}: {address}: no such file")
            elif target in pages and unquote(parts.fragment) not in pages[target].places:
                faults.append(f"{here}: {address}: no such place in the page")
    return faults


def main() -> int:
    """Build, follow the links, say what was found; return the exit code."""
    shutil.rmtree(SITE, ignore_errors=True)
    if built():
        return 1
    faults = broken(SITE)
    for fault in dict.fromkeys(faults):
        print(f"site: {fault}")  # noqa: T201
    if faults:
        return 1
    n_pages = sum("_static" not in path.parts for path in SITE.rglob("*.html"))
    print(f"site: {n_pages} pages, every link within them leads somewhere; open build/site/index.html")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
