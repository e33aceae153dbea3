"""A picture as SVG, light and dark in one file."""

from __future__ import annotations

from html import escape

from recform.diagram.text import INDEX_DROP, INDEX_SIZE, Run
from recform.diagram.theme import COLOURS, Theme, colour
from recform.render.picture import Item, Picture, Shape, Words

_FAMILIES = {
    "serif": "Times, 'Times New Roman', Tinos, serif",
    "sans": "Helvetica, Arial, Arimo, sans-serif",
}


def write(picture: Picture, look: Theme) -> str:
    """The picture as an SVG document."""
    return _Writer(picture, look).document()


class _Writer:
    def __init__(self, picture: Picture, look: Theme) -> None:
        self._picture = picture
        self._look = look
        self._roles: dict[tuple[str, str], None] = {}

    def document(self) -> str:
        picture = self._picture
        name = picture.id
        body = "\n".join(self._item(item) for item in picture.items)
        width, height = number(picture.width), number(picture.height)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" class="recform" '
            f'width="{width}pt" height="{height}pt" viewBox="0 0 {width} {height}" '
            f'font-family="{_FAMILIES["serif"]}" role="img" '
            f'aria-labelledby="{name}-title {name}-description">\n'
            f'<title id="{name}-title">{escape(picture.title)}</title>\n'
            f'<desc id="{name}-description">{escape(picture.description)}</desc>\n'
            f"{self._style()}{body}\n</svg>\n"
        )

    def _style(self) -> str:
        """The dark colours, for readers who have set their screen so."""
        if self._look is not Theme.auto:
            return ""
        rules = "".join(
            f"#{self._picture.id} .{use[0]}-{role}{{{use}:{COLOURS[role][1]}}}"
            for use, role in sorted(self._roles)
        )
        return f"<style>@media (prefers-color-scheme:dark){{{rules}}}</style>\n"

    def _item(self, item: Item) -> str:
        kinds = f"{item.kind} {item.detail}".strip()
        title = f"<title>{escape(item.tooltip)}</title>" if item.tooltip else ""
        parts = "\n".join(
            self._shape(part) if isinstance(part, Shape) else self._words(part)
            for part in item.parts
        )
        return f'<g id="{escape(item.id)}" class="{kinds}">{title}\n{parts}\n</g>'

    def _shape(self, shape: Shape) -> str:
        path = " ".join(
            kind + " ".join(f"{number(x)},{number(y)}" for x, y in points)
            for kind, points in shape.path
        )
        look = [self._paint("fill", shape.fill), self._paint("stroke", shape.line)]
        classes = [
            f"{use[0]}-{role}"
            for use, role in (("fill", shape.fill), ("stroke", shape.line))
            if role and self._look is Theme.auto
        ]
        if shape.line:
            look.append(f'stroke-width="{number(shape.width)}"')
            if shape.dashes:
                dashes = " ".join(number(d) for d in shape.dashes)
                look.append(f'stroke-dasharray="{dashes}"')
        if classes:
            look.append(f'class="{" ".join(classes)}"')
        return f'<path d="{path}" {" ".join(item for item in look if item)}/>'

    def _words(self, words: Words) -> str:
        x, y = words.at
        anchor = "" if words.anchor == "start" else f' text-anchor="{words.anchor}"'
        kind = f' class="f-{words.ink}"' if self._look is Theme.auto else ""
        family = f' font-family="{_FAMILIES["sans"]}"' if words.family == "sans" else ""
        spaces = any("  " in run.text or run.text[:1] == " " for run in words.text)
        keep = ' xml:space="preserve"' if spaces else ""
        return (
            f'<text x="{number(x)}" y="{number(y)}"{anchor}{family} '
            f'font-size="{number(words.size)}" {self._paint("fill", words.ink)}'
            f"{kind}{keep}>{_runs(words)}</text>"
        )

    def _paint(self, use: str, role: str) -> str:
        if not role:
            return 'fill="none"' if use == "fill" else ""
        self._roles[use, role] = None
        return f'{use}="{colour(role, self._look)}"'


def _runs(words: Words) -> str:
    """The runs; what follows an index goes up again."""
    result = ""
    low = False
    drop = words.size * INDEX_DROP
    for run in words.text:
        look = ' font-style="italic"' if run.italic else ""
        if run.index:
            look += f' font-size="{number(words.size * INDEX_SIZE)}"'
        if run.index != low:
            look += f' dy="{number(drop if run.index else -drop)}"'
            low = run.index
        result += _run(run, look)
    return result


def _run(run: Run, look: str) -> str:
    text = escape(run.text, quote=False)
    return f"<tspan{look}>{text}</tspan>" if look else text


def number(value: float) -> str:
    """A length with at most two decimals."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
