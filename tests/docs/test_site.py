"""The site: what its pages are made of, that links lead somewhere, and that it builds."""

from __future__ import annotations

import re
import subprocess
import sys
import zlib
from base64 import urlsafe_b64decode
from pathlib import Path

import pytest

from website.drawn import draw_all
from website.examples import ROOT, Example, examples
from website.links import broken
from website.pages import example_page, playground_fragment
from website.stage import HERE, stage

BY_PAGE = {example.page: example for example in examples()}
#: A file that uses another one, one with two networks, one without paths.
SMALL = ("language/using", "language/several", "modern/denseformer")


def pages(folder: Path, *drawn: str) -> Path:
    """The staged site, in which only these examples are drawn."""
    chosen = [BY_PAGE[f"examples/{name}"] for name in drawn]
    found = dict(zip(chosen, draw_all(chosen, folder / "kept", 1), strict=True))
    stage(folder / "pages", [(e, found.get(e)) for e in examples()], playground=True)
    return folder / "pages"


@pytest.mark.parametrize(
    ("page", "title", "year"),
    [
        ("zoo/densenet121", "DenseNet-121", 2017),
        ("zoo/resnet50", "ResNet50", 2016),
        ("paper/one_line", "OneLine", None),
        ("paper/resnet", "ResNet", 2016),
        ("modern/diagonal_ssm", "A diagonal state-space layer, the core of S4D", 2022),
        ("language/depth", "Coefficients of i and L", None),
    ],
)
def test_what_a_header_says(page: str, title: str, year: int | None) -> None:
    example = BY_PAGE[f"examples/{page}"]
    assert (example.title, example.year) == (title, year)


def test_every_example_has_a_page_and_a_title() -> None:
    files = {p.relative_to(ROOT).as_posix() for p in ROOT.glob("examples/*/*.rf")}
    assert {example.name for example in examples()} == files
    assert [e.name for e in examples() if not 0 < len(e.title) < 65] == []


def test_text_of_a_header_means_nothing_in_markdown() -> None:
    example = Example(Path("examples/zoo/a.rf"), "# A*B* <x> [y](z) _w_ `v`: 1\nX_i")
    assert r"\<x\> \[y\](z) \_w\_ \`v\`" in example_page(example, None, False)


def test_the_playground_gets_the_formula() -> None:
    """The fragment is deflated, without a header, in base64 for addresses."""
    text = BY_PAGE["examples/zoo/resnet50"].text
    packed = playground_fragment(text).removeprefix("#rf=")
    assert re.fullmatch(r"[\w-]+", packed)
    raw = urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
    assert zlib.decompress(raw, -15).decode() == text
    with_link = example_page(BY_PAGE["examples/zoo/resnet50"], None, True)
    # A link, and the page itself beside the formula.
    assert with_link.count(f'"../../playground/index.html#rf={packed}"') == 2
    assert '<iframe loading="lazy"' in with_link
    assert "playground" not in example_page(
        BY_PAGE["examples/zoo/resnet50"], None, False
    )
    # What reads another file could not be read there.
    assert "playground" not in example_page(
        BY_PAGE["examples/language/using"], None, True
    )


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    (tmp_path / "b.html").write_text('<p id="there">')
    (tmp_path / "a.html").write_text(
        '<a href="b.html#there"><a href="b.html#gone"><img src="c.svg"><a href="#x">'
        '<a href="https://example.org/"><a href="d/"><a href="a.html?q=1">'
    )
    wrong = ["b.html#gone", "c.svg", "#x", "d/"]
    assert broken(tmp_path) == [f"a.html: {link}" for link in wrong]


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    said = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", said).replace(" ", "-")


def prose(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE)


def test_links_in_the_pages_lead_somewhere() -> None:
    """To a file, and to a heading in it."""
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for file, anchor in re.findall(
            r"\]\(([^)#\s:]*)(?:#([^)\s]+))?\)", prose(page)
        ):
            target = page.parent / file if file else page
            assert target.exists(), (page.name, file)
            headings = re.findall(r"^#+ (.*)$", prose(target), re.M) if anchor else ()
            assert not anchor or anchor in map(slug, headings), (page.name, anchor)


def test_every_page_stands_in_a_menu() -> None:
    index = (HERE / "pages" / "index.md").read_text()
    menus = re.findall(r"```\{toctree\}\n(?::[^\n]*\n)+\n(.*?)```", index, re.DOTALL)
    told = [name for menu in menus for name in menu.split()]
    made = [*(ROOT / "docs").glob("*.md"), *(HERE / "pages").glob("*.md")]
    wanted = {path.stem for path in made} - {"index"} | {"contributing", "changelog"}
    assert sorted(told) == sorted(wanted)


def test_stage_moves_links(tmp_path: Path) -> None:
    folder = pages(tmp_path)
    zoo = (folder / "zoo.md").read_text()
    assert "[albert](examples/zoo/albert.md)" in zoo
    assert "[examples/zoo](gallery.md)" in zoo
    results = (folder / "results.md").read_text()
    named = "examples/paper/study.rf"
    assert f"[`{named}`](examples/paper/study.md)" in results
    assert "](docs/" not in (folder / "contributing.md").read_text()
    assert (folder / "examples" / "language_model.py").exists()
    # What is not of the site any more is taken away.
    (folder / "old.md").write_text("old")
    pages(tmp_path)
    assert not (folder / "old.md").exists()


@pytest.mark.slow
def test_a_small_site_builds(tmp_path: Path) -> None:
    """Three examples and the gallery; `make site` builds all of it."""
    for package in ("sphinx", "furo", "myst_parser"):
        pytest.importorskip(package)
    folder = pages(tmp_path, *SMALL)
    few = {"conf.py", *(f"examples/{name}.md" for name in SMALL)}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in few and not name.startswith("_static"):
            path.unlink()
    (folder / "index.md").write_text("# Few\n\n[one](gallery.md)\n")
    (folder / "gallery.md").write_text("---\norphan: true\n---\n# Gallery\n")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "-q", str(folder), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (out / "playground").mkdir()
    (out / "playground" / "index.html").write_text("")
    assert broken(out) == []
    several = (out / "examples" / "language" / "several.html").read_text()
    assert several.count("<figure") == 8  # four views of two formulas
    assert "class Residual(" in re.sub(r"<[^>]+>", "", several)
    assert "body[data-theme=dark]{#Residual-step" in several
    dense = (out / "examples" / "modern" / "denseformer.html").read_text()
    assert dense.count("<figure") == 4  # among them, what each block reads
