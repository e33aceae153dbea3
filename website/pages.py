"""The pages that are made of examples, in Markdown as MyST reads it."""

from __future__ import annotations

import re
import zlib
from base64 import urlsafe_b64encode
from html import escape

from recform.render import View
from website.drawn import Drawn, Network
from website.examples import FOLDERS, Example

#: Pictures of a page: the view, the heading, what stands above them.
VIEWS = {
    View.step: "One block",
    View.network: "The network",
    View.unrolled: "Blocks in a row",
    View.paths: "Paths",
}
#: What a tensor that comes in is called.
INPUTS = {
    "image": "images",
    "pixels": "images",
    "tokens": "tokens",
    "vector": "vectors",
    "streams": "streams",
    "ids": "text, as ids",
}
#: The line of the first page, where the site has a playground.
PLAYGROUND = (
    '- **<a href="playground/index.html">Playground</a>**: a formula, and what becomes of '
    "it, in the browser."
)
#: How far a picture shrinks to the width of the page before it scrolls.
_LEAST = 0.55
#: Where a picture takes its colours from: the switch of the page, or the screen.
_DARK = re.compile(r"@media \(prefers-color-scheme:dark\)\{(.*)\}(?=</style>)")


def example_page(example: Example, drawn: Drawn | None, playground: bool) -> str:
    """The page of an example.

    Args:
        example: the file.
        drawn: what recform says of it; None if nobody asked.
        playground: whether the site has one to link to.
    """
    parts = [
        "---\norphan: true\n---",
        f"# {plain(example.title)}",
        _facts(example, drawn),
        plain(example.header),
        _links(example, playground),
    ]
    if drawn:
        parts += _view(example, drawn, View.step)
    parts += [
        "## The formula",
        fenced("rf", example.text),
        _beside(example, playground),
    ]
    if drawn:
        for view in (View.network, View.unrolled, View.paths):
            parts += _view(example, drawn, view)
        parts += _output("derive", example, drawn.paths)
        parts += ["## What it needs", *_output("summary", example, drawn.summary)]
        parts += ["## The generated module", fenced("python", drawn.source)]
    return "\n\n".join(part for part in parts if part) + "\n"


def gallery(several: list[tuple[Example, Drawn | None]]) -> str:
    """All examples as cards that can be filtered."""
    sections = []
    for folder, said in FOLDERS.items():
        here = [(e, drawn) for e, drawn in several if e.folder == folder]
        cards = "\n".join(_card(example, drawn) for example, drawn in here)
        cards = html(f'<ul class="rf-cards">\n{cards}\n</ul>')
        sections.append(f"## {said}\n\n{cards}")
    return "\n\n".join([html(_filters(several)), *sections])


def names(several: list[tuple[Example, Drawn | None]]) -> str:
    """A table from names of networks to files, in the order of the names."""
    named = [pair for pair in several if pair[0].folder != "language"]
    named.sort(key=lambda pair: re.sub("^(a|an|the) ", "", pair[0].title.casefold()))
    rows = "\n".join(_row(example, drawn) for example, drawn in named)
    return html(
        f"{_search('Name, author, year or operator')}\n"
        '<table class="rf-names"><thead><tr><th>network</th><th>formula</th>'
        f"<th>file</th></tr></thead><tbody>\n{rows}\n</tbody></table>"
    )


def _row(example: Example, drawn: Drawn | None) -> str:
    networks = drawn.networks if drawn else ()
    equations = "\n\n".join(dict.fromkeys(network.equations for network in networks))
    classes = ", ".join(n.name for n in networks if n.name not in example.title)
    # A long name may go on in the next line.
    file = re.sub("([/_])", r"\1<wbr>", escape(example.name.removeprefix("examples/")))
    return (
        f'<tr data-words="{escape(_words(example, drawn))}">'
        f'<td><a href="{example.page}.html">{escape(example.title)}</a>'
        f'<br><span class="rf-quiet">{escape(classes)}</span></td>'
        f"<td><pre>{escape(equations)}</pre></td>"
        f"<td><code>{file}</code></td></tr>"
    )


def plain(text: str) -> str:
    """Text that means nothing but itself in Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>#|$~&!^])", r"\\\1", text)


def fenced(language: str, text: str) -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def html(text: str) -> str:
    """HTML as it is."""
    return f"```{{raw}} html\n{text}\n```"


def playground_fragment(text: str) -> str:
    """How a link of the playground holds a formula."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(text.encode()) + packer.flush()
    return f"#rf={urlsafe_b64encode(packed).decode().rstrip('=')}"


def _facts(example: Example, drawn: Drawn | None) -> str:
    told = [FOLDERS[example.folder], *([str(example.year)] if example.year else [])]
    if drawn:
        first = drawn.networks[0]
        told += [INPUTS[first.input], f"order {first.order}"]
        if len(drawn.networks) > 1:
            told.append(f"{len(drawn.networks)} networks")
        else:
            told.append(f"{first.parameters:,} parameters")
    items = "\n".join(f"<li>{escape(fact)}</li>" for fact in told)
    return html(f'<ul class="rf-facts">{items}</ul>')


def _links(example: Example, playground: bool) -> str:
    said = ['<a href="../../gallery.html">Gallery</a>']
    said.append(f"<code>{escape(example.name)}</code>")
    if playground and example.alone:
        said.append(
            f'<a class="rf-try" href="{_try(example)}">Open in the playground</a>'
        )
    return html(f'<p class="rf-links">{" ".join(said)}</p>')


def _beside(example: Example, playground: bool) -> str:
    """The playground in the page; it is loaded when somebody opens it."""
    if not playground or not example.alone:
        return ""
    title = escape(f"Playground: {example.name}")
    frame = f'<iframe loading="lazy" title="{title}" src="{_try(example)}"></iframe>'
    return html(
        f'<details class="rf-here"><summary>Change it here</summary>{frame}</details>'
    )


def _try(example: Example) -> str:
    """Where the playground has an example."""
    return f"../../playground/index.html{playground_fragment(example.text)}"


def _view(example: Example, drawn: Drawn, view: View) -> list[str]:
    """The pictures of a view, each formula of the file once."""
    figures = []
    for network in drawn.networks:
        if view.value in network.pictures:
            figures.append(html(_figure(example, network, view)))
        elif view.value in network.refused:
            refused = plain(network.refused[view.value])
            figures.append(f"Not drawn: {refused}.")
    return [f"## {VIEWS[view]}", *figures]


def _figure(example: Example, network: Network, view: View) -> str:
    svg = " ".join(themed(network.pictures[view.value]).split("\n"))
    width = re.search(r'width="([\d.]+)pt"', svg)
    least = f"{float(width[1]) * _LEAST:.0f}pt" if width else "0"
    file = f"../../_static/{picture_file(example, network.name, view)}"
    return (
        f'<figure class="rf-picture" style="--rf-least:{least}">{svg}'
        f'<figcaption>{escape(network.name)} · <a href="{file}">SVG</a></figcaption>'
        "</figure>"
    )


def themed(svg: str) -> str:
    """A picture inside a page, light or dark as the page is."""
    return _DARK.sub(
        r"@media (prefers-color-scheme:dark){body:not([data-theme=light]){\1}}"
        r"body[data-theme=dark]{\1}",
        svg,
    )


def _output(command: str, example: Example, printed: str) -> list[str]:
    return [fenced("console", f"$ recform {command} {example.name}\n{printed}")]


def _words(example: Example, drawn: Drawn | None) -> str:
    """What a search among examples looks at."""
    known = drawn.networks if drawn else ()
    said = [example.name, example.title, example.header]
    said += [f"{network.name} {network.equations}" for network in known]
    return " ".join(" ".join(said).lower().split())


def _order(network: Network) -> str:
    return "3 and more" if network.order > 2 else str(network.order)


def _data(example: Example, drawn: Drawn | None) -> dict[str, str]:
    """What cards are filtered by."""
    told = {"folder": FOLDERS[example.folder], "year": str(example.year or "")}
    if drawn:
        told["input"] = INPUTS[drawn.networks[0].input]
        told["order"] = _order(drawn.networks[0])
    return told


def _card(example: Example, drawn: Drawn | None) -> str:
    data = _data(example, drawn)
    fields = {**data, "words": _words(example, drawn)}
    told = " ".join(f'data-{name}="{escape(text)}"' for name, text in fields.items())
    shown = [data["year"], data.get("input", "")]
    picture = ""
    if drawn and View.step in drawn.networks[0].pictures:
        file = picture_file(example, drawn.networks[0].name, View.step)
        picture = f'<img loading="lazy" alt="" src="_static/{file}">'
    formula = drawn.networks[0].equations.splitlines() if drawn else []
    line = formula[-1 if len(formula) < 4 else 0] if formula else ""
    return (
        f'<li {told}><a href="{example.page}.html"><span class="rf-thumb">{picture}</span>'
        f"<strong>{escape(example.title)}</strong><code>{escape(line)}</code>"
        f'<span class="rf-quiet">{escape(" · ".join(s for s in shown if s))}</span></a></li>'
    )


def picture_file(example: Example, network: str, view: View) -> str:
    """The name of a picture that stands alone, among the site's files."""
    return f"pictures/{example.folder}-{example.path.stem}-{network}-{view.value}.svg"


_ASKED = {"folder": "Any folder", "year": "Any year", "input": "Any input"} | {
    "order": "Any order"
}


def _filters(several: list[tuple[Example, Drawn | None]]) -> str:
    found = [_data(example, drawn) for example, drawn in several]
    choices = []
    for name, said in _ASKED.items():
        values = dict.fromkeys(data[name] for data in found if data.get(name))
        ordered = list(values) if name == "folder" else sorted(values)
        options = "".join(f"<option>{escape(value)}</option>" for value in ordered)
        choices.append(
            f'<select data-by="{name}" aria-label="{name}">'
            f'<option value="">{said}</option>{options}</select>'
        )
    return _search("Name, author, operator", "".join(choices))


def _search(hint: str, choices: str = "") -> str:
    return (
        '<form class="rf-filters" hidden>'
        f'<input type="search" placeholder="{hint}" aria-label="{hint}">{choices}'
        '<output role="status"></output></form>'
    )
