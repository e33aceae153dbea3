"""What a compiled network shows itself as in a notebook: picture, state and source in tabs."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from recform.diagnostics import CompileError, render_text
from recform.notebook import html, mistakes

if TYPE_CHECKING:
    from recform.compiled import Compiled

#: The tabs, by what a reader is told and what the style calls them.
_TABS = {"picture": "Picture", "state": "State and costs", "source": "Source"}


def bundle(compiled: Compiled, view: str = "step") -> dict[str, str]:
    """A network in the forms that a notebook chooses from.

    Args:
        compiled: the network.
        view: what of it is drawn.

    Raises:
        ValueError: if there is no such view.
    """
    equations = "; ".join(item.text for item in compiled.formula.equations)
    said = f"{compiled.name}: {equations}"
    text = [said, *([render_text(compiled.warnings)] if compiled.warnings else [])]
    found: dict[str, str] = {}
    try:
        drawn = compiled.picture(view=view)
        found["image/svg+xml"] = drawn.decode()
        picture = _image(drawn, said)
    except CompileError as error:
        text.append(str(error))
        picture = mistakes.html(error.diagnostics)
    panels = {
        "picture": picture,
        "state": _or_mistakes(_state, compiled),
        "source": _or_mistakes(_source, compiled),
    }
    found["text/html"] = html.output(
        mistakes.html(compiled.warnings), _tabs(said, panels)
    )
    return {"text/plain": "\n".join(text).rstrip(), **found}


def _tabs(said: str, panels: dict[str, str]) -> str:
    """Panels, of which the style shows the one that is chosen.

    A form keeps its buttons apart from those of other outputs, whose names are the same. Where
    there is no style, or no `:has`, all panels are there, one below the other.
    """
    buttons = "".join(
        f'<label><input type="radio" name="tab" value="{name}"{chosen}/>'
        f"{_TABS[name]}</label>\n"
        for name, chosen in zip(panels, (' checked=""', "", ""), strict=True)
    )
    shown = "".join(
        f'<section class="{name}" aria-label="{_TABS[name]}">{panel}</section>\n'
        for name, panel in panels.items()
    )
    # A form of this method goes nowhere when Enter is pressed.
    return (
        f'<form method="dialog"><fieldset><legend>{escape(said)}</legend>\n{buttons}'
        f"</fieldset>\n{shown}</form>"
    )


def _image(svg: bytes, said: str) -> str:
    # As an image its marks do not meet those of another output; its own title and text nobody
    # can read then.
    data = b64encode(svg).decode()
    return f'<img alt="{escape(said)}" src="data:image/svg+xml;base64,{data}"/>'


def _or_mistakes(panel: Callable[[Compiled], str], compiled: Compiled) -> str:
    """A panel, or why there is none: some mistakes are found only by who writes it."""
    try:
        return panel(compiled)
    except CompileError as error:
        return mistakes.html(error.diagnostics)


def _state(compiled: Compiled) -> str:
    from recform.report.printed import printed
    from recform.report.text import render

    text = printed(render, [compiled.summary()])
    lines = (line.rstrip() for line in text.splitlines())
    return f'<pre tabindex="0">{escape(chr(10).join(lines))}</pre>'


def _source(compiled: Compiled) -> str:
    return f'<pre tabindex="0">{html.python(compiled.source)}</pre>'
