"""A picture as TikZ, set in the fonts of the paper that it goes into."""

from __future__ import annotations

from recform.diagram import text
from recform.diagram.theme import Theme, colour
from recform.render.formats.svg import number
from recform.render.picture import Picture, Point, Shape, Words

#: The fonts of a paper may be wider than those that the picture was laid out for: how much
#: room a line of text has beside its own, of its width and in points.
_ROOM = 1.06, 2.0
#: Sets a text smaller that is wider than that; the graphics package comes with TikZ.
_FIT = (
    r"  \providecommand\rffit[2]{\setbox0\hbox{#2}"
    r"\ifdim\wd0>#1\resizebox{#1}{!}{\box0}\else\box0\fi}"
)
_ANCHORS = {"start": "base west", "middle": "base", "end": "base east"}


def write(picture: Picture, look: Theme) -> str:
    r"""The picture as a ``tikzpicture``, to be read with ``\input``."""
    roles: dict[str, None] = {}
    lines = []
    for item in picture.items:
        if item.kind == "paper":
            continue
        lines.append(f"  % {item.id}")
        for part in item.parts:
            made = (
                _shape(part, roles) if isinstance(part, Shape) else _words(part, roles)
            )
            lines.append(f"  {made}")
    colours = [
        rf"  \definecolor{{rf-{role}}}{{HTML}}{{{colour(role, look)[1:].upper()}}}"
        for role in roles
    ]
    head = [
        f"% {text.plain(text.words(picture.title))}",
        r"% Needs \usepackage{tikz}; made by recform render.",
        r"\begin{tikzpicture}[x=1bp,y=-1bp]",
    ]
    return "\n".join([*head, _FIT, *colours, *lines, r"\end{tikzpicture}"]) + "\n"


def document(picture: Picture, look: Theme) -> str:
    """A whole document of one page, which needs no more than LaTeX and TikZ."""
    width, height = number(picture.width + 12), number(picture.height + 12)
    return "\n".join(
        [
            r"\RequirePackage{fix-cm}",
            r"\documentclass{article}",
            r"\usepackage{tikz}",
            r"\pagestyle{empty}",
            r"\parindent=0pt \topskip=0pt \hoffset=-1in \voffset=-1in",
            r"\oddsidemargin=0pt \topmargin=0pt \headheight=0pt \headsep=0pt",
            # The graphics driver takes the size of the page from that of the paper.
            rf"\paperwidth={width}bp \paperheight={height}bp",
            rf"\textwidth={width}bp \textheight={height}bp \hfuzz=20pt",
            r"\begin{document}",
            r"\vspace*{6bp}\hspace*{6bp}%",
            write(picture, look) + r"\end{document}",
            "",
        ]
    )


def _shape(shape: Shape, roles: dict[str, None]) -> str:
    options = []
    if shape.fill:
        roles[shape.fill] = None
        options.append(f"fill=rf-{shape.fill}")
    if shape.line:
        roles[shape.line] = None
        options.append(f"draw=rf-{shape.line}")
        options.append(f"line width={number(shape.width)}bp")
    if shape.dashes:
        pairs = zip(shape.dashes[::2], shape.dashes[1::2], strict=True)
        pattern = " ".join(f"on {number(a)}bp off {number(b)}bp" for a, b in pairs)
        options.append(f"dash pattern={pattern}")
    path = "".join(_segment(kind, points) for kind, points in shape.path)
    return rf"\path[{','.join(options)}] {path.strip()};"


def _segment(kind: str, points: tuple[Point, ...]) -> str:
    places = [f"({number(x)},{number(y)})" for x, y in points]
    if kind == "M":
        return f" {places[0]}"
    if kind == "L":
        return f" -- {places[0]}"
    if kind == "C":
        return f" .. controls {places[0]} and {places[1]} .. {places[2]}"
    return " -- cycle"


def _words(words: Words, roles: dict[str, None]) -> str:
    roles[words.ink] = None
    size = number(words.size)
    family = r"\sffamily" if words.family == "sans" else ""
    x, y = words.at
    factor, more = _ROOM
    room = number(text.width(words.text, words.size, words.family) * factor + more)
    return (
        rf"\node[anchor={_ANCHORS[words.anchor]},inner sep=0pt,text=rf-{words.ink},"
        rf"font={family}\fontsize{{{size}}}{{{size}}}\selectfont] "
        rf"at ({number(x)},{number(y)}) {{\rffit{{{room}bp}}{{{text.tex(words.text)}}}}};"
    )
