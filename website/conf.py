"""How Sphinx reads the pages that `website.stage` has put together."""

from __future__ import annotations

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

import recform
from recform.highlight import RecformLexer

project = "recform"
author = "the recform authors"
release = version = recform.__version__
project_copyright = "the recform authors"
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["README.md"]
myst_heading_anchors = 4
smartquotes_action = "D"
highlight_language = "text"

# Docstrings say `code` with one mark; types stand in their signatures.
default_role = "code"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_maximum_signature_line_length = 88
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
# Types in signatures, of other packages and of ours that are not on the page.
nitpick_ignore_regex = [("py:class", ".*")]

html_theme = "furo"
html_title = "recform"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [("filter.js", {"defer": "defer"})]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#1d4f91",
        "color-brand-content": "#1d4f91",
    },
    "dark_css_variables": {
        "color-brand-primary": "#8fb8f0",
        "color-brand-content": "#8fb8f0",
    },
}
pygments_style = "friendly"
pygments_dark_style = "github-dark"


def setup(app: Sphinx) -> None:
    """Colours for formulas, also where the package's entry points are not installed."""
    app.add_lexer("lark", TextLexer)
    app.add_lexer("rf", RecformLexer)
    app.add_lexer("recform", RecformLexer)
