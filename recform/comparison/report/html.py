"""A report as one HTML file that needs nothing else: no script, no font, no network."""

from __future__ import annotations

import base64
from html import escape

from recform.comparison.report.document import (
    Beside,
    Block,
    Code,
    Document,
    Figure,
    Items,
    Table,
    Text,
)

_STYLE = """
:root{color-scheme:light dark;--ink:#1a1a1a;--paper:#fff;--muted:#575b63;--line:#b6bac3;
--strong:#e5f1f8;--code:#f6f7f9}
@media screen and (prefers-color-scheme:dark){:root{--ink:#eceef2;--paper:#16181d;
--muted:#a5abb8;--line:#525866;--strong:#14303f;--code:#1e2128}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem;max-width:74rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.6rem;line-height:1.25;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:2.2rem 0 .6rem;border-bottom:1px solid var(--line)}
h3{font-size:1rem;margin:.4rem 0;overflow-wrap:anywhere}
#verdict{border-left:.3rem solid #0072b2;padding-left:1rem}
#verdict li{margin:.4rem 0}
.wide{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--muted);padding-bottom:.3rem}
th,td{padding:.25rem .6rem;text-align:left;border-bottom:1px solid var(--line)}
th{font-weight:600;vertical-align:bottom}
.n{text-align:right;white-space:nowrap}
tr.strong>*{background:var(--strong);font-weight:600}
figure{margin:1.2rem 0;break-inside:avoid}
figure img{display:block;max-width:100%;height:auto}
figcaption{color:var(--muted);font-size:.9rem}
pre{background:var(--code);padding:.7rem;overflow-x:auto;font-size:.85rem;line-height:1.4;
border:1px solid var(--line)}
.beside{display:grid;grid-template-columns:repeat(auto-fit,minmax(18rem,1fr));gap:1.2rem}
.beside>div{min-width:0}
@media print{body{max-width:none;padding:0;font-size:10pt}.wide{overflow:visible}
table{font-size:8pt}h2{break-after:avoid}tr{break-inside:avoid}
pre{white-space:pre-wrap}.beside{display:block}}
"""


def render(document: Document) -> str:
    """The whole file."""
    title = escape(document.title)
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{title}</h1>\n"
    ]
    for section in document.sections:
        name = section.title.lower().replace(",", "").replace(" ", "-")
        inner = "".join(map(_block, section.blocks))
        parts.append(
            f'<section id="{name}" aria-labelledby="{name}-title">\n'
            f'<h2 id="{name}-title">{escape(section.title)}</h2>\n{inner}</section>\n'
        )
    parts.append("</main>\n</body>\n</html>\n")
    return "".join(parts)


def _block(block: Block) -> str:
    match block:
        case Text():
            return f"<p>{escape(block.text)}</p>\n"
        case Items():
            items = "".join(f"<li>{escape(item)}</li>\n" for item in block.items)
            return f"<ul>\n{items}</ul>\n"
        case Table():
            return _table(block)
        case Figure():
            return _figure(block)
        case Code():
            return (
                f"<p>{escape(block.caption)}</p>\n"
                f'<pre tabindex="0"><code>{escape(block.text)}</code></pre>\n'
            )
        case Beside():
            columns = "".join(
                f"<div>\n<h3>{escape(title)}</h3>\n{''.join(map(_block, inner))}</div>\n"
                for title, inner in block.columns
            )
            return f'<div class="beside">\n{columns}</div>\n'


def _table(table: Table) -> str:
    def kind(column: int) -> str:
        return "" if column < table.left else ' class="n"'

    head = "".join(
        f'<th scope="col"{kind(n)}>{escape(text)}</th>'
        for n, text in enumerate(table.headings)
    )
    rows = []
    for number, row in enumerate(table.rows):
        cells = f'<th scope="row">{escape(row[0])}</th>' + "".join(
            f"<td{kind(n)}>{escape(text)}</td>" for n, text in enumerate(row[1:], 1)
        )
        strong = ' class="strong"' if number in table.strong else ""
        rows.append(f"<tr{strong}>{cells}</tr>\n")
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(table.caption)}">'
        f"<table>\n<caption>{escape(table.caption)}</caption>\n"
        f"<thead>\n<tr>{head}</tr>\n</thead>\n<tbody>\n{''.join(rows)}</tbody>\n"
        "</table></div>\n"
    )


def _figure(figure: Figure) -> str:
    # As an image of its own, so that no name or style in it meets another's.
    data = base64.b64encode(figure.draw().encode()).decode()
    return (
        f'<figure>\n<img src="data:image/svg+xml;base64,{data}" '
        f'alt="{escape(figure.alternative)}">\n'
        f"<figcaption>{escape(figure.caption)}</figcaption>\n</figure>\n"
    )
