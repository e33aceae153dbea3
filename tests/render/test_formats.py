"""Every format against the diagram that it was made from, by reading it back."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from io import BytesIO
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image

from recform.diagram.sizes import LABEL
from recform.diagram.text import width, words
from recform.diagram.theme import COLOURS
from recform.render import Diagram, Format, Request, Theme, View, write
from recform.render.placing import renderer
from tests.conftest import REPOSITORY, Golden
from tests.render.networks import drawn

SVG = "{http://www.w3.org/2000/svg}"
CASES = [
    ("paper/eq20.rf", View.step),
    ("paper/resnet18_s.rf", View.network),
    ("language/revnet.rf", View.unrolled),
    ("paper/a41.rf", View.paths),
    ("language/third_order.rf", View.step),
    ("language/shared.rf", View.network),
]


def written(
    diagram: Diagram, form: Format, theme: Theme = Theme.auto, dpi: int = 100
) -> bytes:
    request = Request(legend=True, theme=theme, dpi=dpi, renderer=renderer.PINNED)
    return write(diagram, request, form)


@pytest.mark.parametrize(("name", "view"), CASES)
def test_svg_has_what_the_diagram_has(name: str, view: View) -> None:
    diagram = drawn(name, view)
    root = ET.fromstring(written(diagram, Format.svg))
    groups = [(g.get("class", ""), g.get("id", "")) for g in root.iter(f"{SVG}g")]
    found = {
        kind: Counter(i for c, i in groups if c.split()[0] == kind)
        for kind in ("node", "edge", "cluster", "bar")
    }
    assert found["node"] == Counter(node.id for node in diagram.nodes)
    assert found["edge"] == Counter(edge.id for edge in diagram.edges)
    assert found["cluster"] == Counter(cluster.id for cluster in diagram.clusters)
    assert sum(found["bar"].values()) == len(diagram.bars)
    kinds = {node.id: node.kind.value for node in diagram.nodes}
    assert all(c == f"node {kinds[i]}" for c, i in groups if i in kinds)


@pytest.mark.parametrize(("name", "view"), CASES)
def test_svg_can_be_read_and_linked_to(name: str, view: View) -> None:
    diagram = drawn(name, view)
    root = ET.fromstring(written(diagram, Format.svg))
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[A-Za-z][\w-]*", str(i)) for i in ids)
    assert root.get("role") == "img"
    labels = str(root.get("aria-labelledby")).split()
    texts = {e.get("id"): e.text for e in root}
    assert [texts[label] for label in labels] == [diagram.title, diagram.description]
    tooltips = {g.get("id"): g.findtext(f"{SVG}title") for g in root.iter(f"{SVG}g")}
    assert all(tooltips[node.id] == node.tooltip for node in diagram.nodes)


def test_svg_text_is_the_label() -> None:
    diagram = drawn("paper/eq20.rf")
    root = ET.fromstring(written(diagram, Format.svg))
    words = {
        g.get("id"): ["".join(t.itertext()) for t in g.iter(f"{SVG}text")]
        for g in root.iter(f"{SVG}g")
    }
    for node in diagram.nodes:
        label = ["".join(run.text for run in line) for line in node.label]
        assert words[node.id] == ([] if label == ["+"] else label)
    assert words["Eq20-step-caption-1"] == ["Xi = (1 + Wi)·Xi−1 − Wi−1·Xi−2"]


def test_light_and_dark_in_one_svg() -> None:
    """Every colour that is used has its dark one under the reader's preference."""
    svg = written(drawn("paper/eq20.rf"), Format.svg).decode()
    root = ET.fromstring(svg)
    style = str(root.findtext(f"{SVG}style"))
    assert style.startswith("@media (prefers-color-scheme:dark)")
    for element in root.iter():
        for use, letter in (("fill", "f"), ("stroke", "s")):
            colour = element.get(use)
            if colour in (None, "none"):
                continue
            classes = str(element.get("class")).split()
            (role,) = [c[2:] for c in classes if c.startswith(f"{letter}-")]
            assert colour == COLOURS[role][0]
            assert f".{letter}-{role}{{{use}:{COLOURS[role][1]}}}" in style
    dark = written(drawn("paper/eq20.rf"), Format.svg, Theme.dark).decode()
    assert "<style>" not in dark
    assert COLOURS["paper"][1] in dark
    assert COLOURS["paper"][0] not in dark


@pytest.mark.parametrize(("name", "view"), CASES)
def test_pdf_has_its_text_as_text(name: str, view: View) -> None:
    diagram = drawn(name, view)
    document = pypdfium2.PdfDocument(written(diagram, Format.pdf))
    assert len(document) == 1
    page = document[0]
    shown = re.sub(r"\s", "", page.get_textpage().get_text_range())
    for node in diagram.nodes:
        for line in (*node.label, *node.note):
            text = "".join(run.text for run in line)
            if text not in ("+", "×"):
                assert re.sub(r"\s", "", text) in shown
    kinds = {item.type for item in page.get_objects()}
    assert pypdfium2.raw.FPDF_PAGEOBJ_TEXT in kinds
    assert pypdfium2.raw.FPDF_PAGEOBJ_IMAGE not in kinds


def test_png_is_as_large_as_asked() -> None:
    diagram = drawn("paper/eq20.rf")
    small = Image.open(BytesIO(written(diagram, Format.png, dpi=72)))
    large = Image.open(BytesIO(written(diagram, Format.png, dpi=144)))
    assert abs(large.width - 2 * small.width) <= 2
    assert len(small.convert("RGB").getcolors(100_000) or []) > 10


@pytest.mark.parametrize(("name", "view"), CASES)
def test_dot_is_read_by_graphviz(name: str, view: View) -> None:
    diagram = drawn(name, view)
    source = written(diagram, Format.dot).decode()
    data = json.loads(renderer.find(renderer.PINNED)(source))
    names = {item["_gvid"]: item["name"] for item in data["objects"]}
    nodes = [item["name"] for item in data["objects"] if "pos" in item]
    assert Counter(nodes) == Counter(node.id for node in diagram.nodes)
    edges = [(names[e["tail"]], names[e["head"]], e["id"]) for e in data["edges"]]
    assert Counter(edges) == Counter((e.tail, e.head, e.id) for e in diagram.edges)


@pytest.mark.parametrize(("name", "view"), CASES)
def test_mermaid_has_what_the_diagram_has(name: str, view: View) -> None:
    diagram = drawn(name, view)
    lines = written(diagram, Format.mermaid).decode().splitlines()
    assert lines[0] in ("flowchart LR", "flowchart TB")
    nodes = [m[1] for x in lines if (m := re.match(r'\s+(n\d+)[\[({]+".*"[\])}]+$', x))]
    short = {node.id: f"n{k}" for k, node in enumerate(diagram.nodes, start=1)}
    assert Counter(nodes) == Counter(short.values())
    pattern = r'\s+(n\d+) (?:-->|-\.->|==>)(?:\|"[^"|]*"\|)? (n\d+)$'
    edges = [m.groups() for x in lines if (m := re.match(pattern, x))]
    assert edges == [(short[e.tail], short[e.head]) for e in diagram.edges]
    starts = [x for x in lines if x.startswith("  subgraph")]
    assert len(starts) == lines.count("  end") == len(diagram.clusters)


@pytest.mark.parametrize(("name", "view"), CASES)
def test_tikz_is_closed_and_complete(name: str, view: View) -> None:
    diagram = drawn(name, view)
    source = written(diagram, Format.tikz).decode()
    defined = set(re.findall(r"\\definecolor\{(rf-[\w-]+)\}", source))
    used = set(re.findall(r"(?:fill|draw|text)=(rf-[\w-]+)", source))
    assert used == defined
    depth = 0
    for char in re.sub(r"\\[{}]", "", source):
        depth += {"{": 1, "}": -1}.get(char, 0)
        assert depth >= 0
    assert depth == 0
    assert source.isascii()
    marks = re.findall(r"^  % ([\w-]+)$", source, re.MULTILINE)
    assert {node.id for node in diagram.nodes} <= set(marks)


needs_latex = pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="needs pdflatex"
)


def compiled(folder: Path, source: str) -> pypdfium2.PdfDocument:
    """What pdflatex makes of a document."""
    (folder / "a.tex").write_text(source)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "a.tex"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Missing character" not in done.stdout
    return pypdfium2.PdfDocument(folder / "a.pdf")


@needs_latex
def test_a_document_of_tikz_is_one_page(tmp_path: Path) -> None:
    diagram = drawn("paper/eq20.rf")
    made = compiled(tmp_path, written(diagram, Format.tex).decode())
    assert len(made) == 1
    root = ET.fromstring(written(diagram, Format.svg))
    sizes = (
        float(root.get(side, "").removesuffix("pt")) for side in ("width", "height")
    )
    assert made[0].get_size() == pytest.approx([s + 12 for s in sizes], abs=0.1)


@needs_latex
def test_tikz_compiles(tmp_path: Path) -> None:
    """Pictures of all views in one paper, each with all of its text."""
    pictures = [
        *(drawn(name, view) for name, view in CASES),
        drawn("zoo/gpt2.rf", depth=3),
        drawn("zoo/feedback.rf", View.unrolled, blocks=2),
        drawn("modern/cait.rf", View.paths),
    ]
    parts = [written(diagram, Format.tikz).decode() for diagram in pictures]
    pages = r"\newpage\noindent ".join(parts)
    made = compiled(
        tmp_path,
        r"\documentclass{article}\usepackage{tikz}"
        r"\usepackage[papersize={40in,40in},margin=1in]{geometry}"
        rf"\begin{{document}}\noindent {pages}\end{{document}}",
    )
    assert len(made) == len(pictures)
    for page, diagram in zip(made, pictures, strict=True):
        shown = re.sub(r"\W", "", page.get_textpage().get_text_range())
        for node in diagram.nodes:
            for line in node.label:
                words = "".join(run.text for run in line)
                if words.isascii() and words.isalpha():
                    assert words in shown


@needs_latex
def test_text_of_a_wider_font_is_set_smaller(tmp_path: Path) -> None:
    """A page in a font of one width: no label is wider than the box around it."""
    diagram = drawn("modern/dit.rf", View.network)
    picture = written(diagram, Format.tikz).decode()
    made = compiled(
        tmp_path,
        r"\documentclass{article}\usepackage{tikz}"
        r"\usepackage[papersize={20in,30in},margin=1in]{geometry}"
        r"\renewcommand\rmdefault{cmtt}\renewcommand\sfdefault{cmtt}"
        rf"\begin{{document}}\noindent {picture}\end{{document}}",
    )
    text = made[0].get_textpage()
    widths: dict[str, float] = {}
    for number in range(text.count_rects()):
        left, bottom, right, top = text.get_rect(number)
        said = text.get_text_bounded(left, bottom, right, top).strip()
        widths[said] = right - left
    said = "output of the blocks"
    assert widths[said] == pytest.approx(
        1.06 * width(words(said), LABEL, "serif") + 2, 0.02
    )


def test_json_is_the_diagram() -> None:
    diagram = drawn("paper/a41.rf", View.paths)
    data = json.loads(written(diagram, Format.json))
    assert [node["id"] for node in data["nodes"]] == [n.id for n in diagram.nodes]
    assert [bar["count"] for bar in data["bars"]] == [1, 3, 1]


PRINTS = """
import hashlib, recform
network = recform.compile("examples/paper/resnet18_s.rf")
for form in ("svg", "pdf", "png", "dot", "tikz", "mermaid", "json"):
    data = network.picture(form, view="network", renderer="graphviz-pure")
    print(form, hashlib.sha256(data).hexdigest())
"""


@pytest.mark.slow
def test_the_same_bytes_again() -> None:
    """In processes that hash in different ways."""
    printed = {
        subprocess.run(
            [sys.executable, "-c", PRINTS],
            cwd=REPOSITORY,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
    assert printed.pop().count(b"\n") == 7


@pytest.mark.parametrize(
    ("figure", "name", "view"),
    [
        ("figure-2a", "paper/plain.rf", View.paths),
        ("figure-2b", "paper/resnet18.rf", View.paths),
        ("figure-2c", "paper/eq20.rf", View.paths),
        ("figure-3", "paper/eq20.rf", View.step),
        ("figure-7", "paper/a41.rf", View.step),
        ("figure-8", "paper/a42.rf", View.step),
    ],
)
def test_figures_of_the_paper(
    figure: str, name: str, view: View, golden: Golden
) -> None:
    golden.check(
        f"render/{figure}.svg", written(drawn(name, view), Format.svg).decode()
    )
    golden.check(
        f"render/{figure}.dot", written(drawn(name, view), Format.dot).decode()
    )
