# ruff: noqa: INP001  (read by Sphinx)
"""Settings of the site that ``make docs`` builds from this folder; `docs/decisions/0008` says why Sphinx."""

import sys
from pathlib import Path

import its_eval

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS / "site"))

project = "its-eval"
author = "its-eval contributors"
project_copyright = author
version = release = its_eval.__version__
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "reference"]
exclude_patterns = ["site"]
# anchors of headings, so that links to a part of a page are checked
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
# the console blocks show what the program prints; nothing is to be coloured in them
highlight_language = "text"

autodoc_typehints = "none"  # the docstrings say what things are, in words
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "pydata_sphinx_theme"
html_title = project
html_static_path = ["site/static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
# nothing in a page says when it was built, so that the same sources give the same bytes
html_last_updated_fmt = None
html_theme_options = {
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": [],
    "footer_end": [],
    "navbar_align": "left",
    "header_links_before_dropdown": 5,
    "search_bar_text": "Search",
}
