"""What a compiled network shows itself as, and how mistakes are shown."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from base64 import b64decode
from pathlib import Path

import pytest
from typer.testing import CliRunner

import recform
from recform.cli.app import app
from recform.diagnostics import CompileError, Diagnostic
from recform.notebook import mistakes, page
from recform.render.placing import renderer

TEXT = (
    'network A  # "<&"\nparam classes = 10\nU = conv(3)\nX_i = X_<i-1> + W_i*X_<i-1>\n'
)


def panels(html: str) -> dict[str, ET.Element]:
    """What each tab shows; the tree is that of a browser, for all is XML too."""
    return {
        found.get("class", ""): found for found in ET.fromstring(html).iter("section")
    }


def text(of: ET.Element) -> str:
    return "".join(of.itertext())


def test_each_tab_has_what_a_command_says(tmp_path: Path) -> None:
    file = tmp_path / "a.rf"
    file.write_text(TEXT)
    compiled = recform.compile(file)
    shown = compiled._repr_mimebundle_(include=None, exclude=None)
    found = panels(shown["text/html"])
    assert [*found] == ["picture", "state", "source"]
    (image,) = found["picture"].iter("img")
    assert image.get("alt") == "A: X_i = X_<i-1> + W_i*X_<i-1>"
    start, _, data = str(image.get("src")).partition(",")
    assert start == "data:image/svg+xml;base64"
    assert b64decode(data) == compiled.picture() == shown["image/svg+xml"].encode()
    said = CliRunner().invoke(app, ["summary", str(file)]).stdout
    assert text(found["state"]).split("\n") == [x.rstrip() for x in said.splitlines()]
    assert text(found["source"]) == compiled.source
    assert found["source"].findall(".//span[@class='kn']")[0].text == "import"
    # What compiles but is not meant stands above, and in the text of a terminal.
    assert "warning RF222" in text(ET.fromstring(shown["text/html"]))
    assert shown["text/plain"].startswith(
        "A: X_i = X_<i-1> + W_i*X_<i-1>\nwarning[RF222]"
    )
    assert compiled._repr_html_() == shown["text/html"]
    network = panels(page.bundle(compiled, "network")["text/html"])["picture"]
    data = str(network[0].get("src")).partition(",")[2]
    assert b64decode(data) == compiled.picture(view="network")


def test_tabs_need_no_script_and_have_names() -> None:
    html = recform.compile("X_i = W_i*X_<i-1>")._repr_html_()
    tree = ET.fromstring(html)
    (form,) = tree.iter("form")
    labels = [*form.iter("label")]
    assert [text(label) for label in labels] == ["Picture", "State and costs", "Source"]
    names = [section.get("aria-label") for section in tree.iter("section")]
    assert names == [text(label) for label in labels]
    values = [label[0].get("value") for label in labels]
    assert values == [section.get("class") for section in tree.iter("section")]
    style = text(next(tree.iter("style")))
    assert all(f'[value="{name}"]:checked' in style for name in values)
    assert form.findtext(".//legend") == "Formula: X_i = W_i*X_<i-1>"
    # Two outputs of one page do not know of each other: nothing has a name of the page.
    assert form.get("method") == "dialog" and ' id="' not in html
    assert "<script" not in html and "http" not in html
    assert all(pre.get("tabindex") == "0" for pre in tree.iter("pre"))


def test_without_graphviz_the_rest_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renderer.shutil, "which", lambda *_, **__: None)
    shown = recform.compile("X_i = W_i*X_<i-1>")._repr_mimebundle_()
    assert set(shown) == {"text/plain", "text/html"}
    found = panels(shown["text/html"])
    for said in (shown["text/plain"], text(found["picture"])):
        assert "RF662" in said and "pip install graphviz-pure" in said
    assert "class Formula(" in text(found["source"])


def test_what_only_the_source_shows_to_be_wrong_stands_in_its_tab() -> None:
    compiled = recform.compile("W = conv(3, c) > class: bn\nX_i = W_i*X_<i-1>")
    found = panels(compiled._repr_html_())
    assert "error RF219" in text(found["source"])
    assert [text(mark) for mark in found["source"].iter("mark")] == ["bn"]


def shown(formula: str) -> ET.Element:
    with pytest.raises(CompileError) as error:
        recform.compile(formula)
    bundle = mistakes.bundle(error.value.diagnostics)
    assert bundle["text/plain"] == str(error.value).strip()
    return ET.fromstring(bundle["text/html"])


def test_mistakes_are_underlined() -> None:
    tree = shown("W = cnov(3, c) # <\x07>\nX_i = W_i*X_<i-1> + 2^W_i*X_<i-1>")
    first, second = tree.findall("div")
    assert first.get("aria-label") == "error RF202"
    (pre,) = first.iter("pre")
    assert text(pre) == "1 | W = cnov(3, c) # <\ufffd>"
    assert pre.get("aria-label") == "<formula>, line 1, column 5"
    assert [text(mark) for mark in first.iter("mark")] == ["cnov"]
    said = [text(line) for line in first.iter("p")]
    assert said == [
        "error RF202: there is no operator 'cnov'",
        "hint: did you mean 'conv'?",
    ]
    assert [text(mark) for mark in second.iter("mark")] == ["W_i"]


def test_where_nothing_stands_there_is_a_mark() -> None:
    tree = shown("X_i = ")
    assert [text(mark) for mark in tree.iter("mark")] == [" "]
    # A mistake in two places has both, the second one with what is said of it.
    stages = "stages 16 x 2, 32 x 2 / 2\nX_i = W_i*concat(X_<0..i-1>)"
    places = [text(pre) for pre in shown(stages).iter("pre")]
    assert places[-1] == "2 | X_i = W_i*concat(X_<0..i-1>)  this is 32 x 16 x 16"


def test_a_mistake_without_a_place_says_its_file() -> None:
    item = Diagnostic("RF001", "it is <b>", hint="a & b", file="a.rf", notes=("- <x>",))
    tree = ET.fromstring(mistakes.bundle([item])["text/html"])
    said = [text(found) for tag in ("p", "pre") for found in tree.iter(tag)]
    assert said == ["error RF001: it is <b> (a.rf)", "hint: a & b", "- <x>"]


def test_a_terminal_gets_one_line() -> None:
    compiled = recform.compile("X_i = W_i*X_<i-1>")
    parameters = sum(p.numel() for p in compiled.module().parameters())
    assert repr(compiled) == f"<recform {compiled.name}: {parameters:,} parameters>"
