"""`recform render`, as a process: what it writes, prints and returns."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.cli.test_cli import ONE_LINE, recform

PURE = ("--renderer", "graphviz-pure")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one.rf").write_text(ONE_LINE)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("out.svg", b"<svg "),
        ("out.pdf", b"%PDF-"),
        ("out.mmd", b"flowchart LR"),
    ],
)
def test_the_ending_names_the_format(folder: Path, name: str, start: bytes) -> None:
    result = recform(folder, "render", "one.rf", "-o", name, *PURE)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert (folder / name).read_bytes().startswith(start)


def test_standard_output_is_svg(folder: Path) -> None:
    result = recform(folder, "render", "-", "--legend", *PURE, text=ONE_LINE)
    assert result.returncode == 0
    assert ET.fromstring(result.stdout).get("id") == "Stdin-step"


def test_options(folder: Path) -> None:
    options = ("--view", "unrolled", "--blocks", "2", "--direction", "tb")
    result = recform(folder, "render", "one.rf", "--to", "json", *options)
    data = json.loads(result.stdout)
    assert (data["view"], data["direction"]) == ("unrolled", "tb")
    assert [node["kind"] for node in data["nodes"]].count("operator") == 2


@pytest.mark.parametrize("name", ["out.svg", "out.pdf"])
def test_dpi_is_of_a_png(folder: Path, name: str) -> None:
    result = recform(folder, "render", "one.rf", "-o", name, "--dpi", "300")
    assert result.returncode == 2
    assert "png" in result.stderr and not (folder / name).exists()


def test_wrong_usage(folder: Path) -> None:
    assert recform(folder, "render", "one.rf", "-o", "out.xyz").returncode == 2
    options = ("--view", "round", "--dpi", "0")
    assert recform(folder, "render", "one.rf", *options).returncode == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--view", "paths", "--open", "W"), "--open: it belongs to the views step,"),
        (("--depth", "0"), "for --depth: 0 is no whole number of at least 1"),
        (("--view", "paths", "--block", "2"), "it belongs to the view step"),
        (("--to", "dot", "--width", "8cm"), "a dot has no width of its own"),
        (("--width", "8"), "'8' is no length"),
        (("--to", "json", "--style", "cvpr"), "a json takes no fonts of a venue"),
        (("--style", "nips"), "'--style': 'nips' is not one of 'default', 'acl'"),
    ],
)
def test_what_belongs_elsewhere(
    folder: Path, options: tuple[str, ...], said: str
) -> None:
    result = recform(folder, "render", "one.rf", *options)
    assert result.returncode == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())


def test_an_opened_operator_for_a_column(folder: Path) -> None:
    options = ("--open", "W", "--width", "8.5cm", "--style", "cvpr")
    result = recform(folder, "render", "one.rf", *options, *PURE)
    root = ET.fromstring(result.stdout)
    assert float(root.get("width", "").removesuffix("pt")) <= 241
    assert "conv 3×3, " in "".join(root.itertext())
    assert "Helvetica" not in result.stdout


def test_a_tikzpicture_may_be_a_tex_file(folder: Path) -> None:
    options = ("--to", "tikz", "-o", "one.tex")
    assert recform(folder, "render", "one.rf", *options, *PURE).returncode == 0
    assert "documentclass" not in (folder / "one.tex").read_text()


def test_a_shape_error_gives_a_picture_and_a_diagnostic(folder: Path) -> None:
    (folder / "one.rf").write_text("adapter none\n" + ONE_LINE)
    result = recform(folder, "render", "one.rf", "-o", "out.svg", *PURE)
    assert result.returncode == 1
    assert "error[RF407]" in result.stderr
    assert "#c8001e" in (folder / "out.svg").read_text()


def test_other_errors_leave_the_output_as_it_was(folder: Path) -> None:
    (folder / "out.svg").write_text("precious\n")
    (folder / "one.rf").write_text("X_i = X_i + W_i*X_<i-1>\n")
    result = recform(folder, "render", "one.rf", "-o", "out.svg")
    assert result.returncode == 1
    assert "error[RF301]" in result.stderr
    assert (folder / "out.svg").read_text() == "precious\n"


def test_several_networks_want_a_name(folder: Path) -> None:
    (folder / "one.rf").write_text(f"network A\n{ONE_LINE}\nnetwork B\n{ONE_LINE}")
    assert "RF502" in recform(folder, "render", "one.rf").stderr
    result = recform(folder, "render", "one.rf", "--network", "B", "--to", "json")
    assert json.loads(result.stdout)["title"].startswith("B:")
