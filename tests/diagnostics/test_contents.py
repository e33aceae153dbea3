"""Files that are no formula files: what they are is said, whatever their names say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import recform
from recform.contents import contents_of
from recform.diagnostics import CompileError
from tests.compiled import written

NOTEBOOK = {"cells": [{"cell_type": "code", "source": ["%%rf\n", "X_i = W_i*X_<i-1>"]}]}
WEIGHTS = len(b'{"w":{}}').to_bytes(8, "little") + b'{"w":{}}'
#: What a file holds, what it is said to be, and what is said besides.
OTHERS = {
    b"import torch\n\nx = torch.zeros(3)\n": ("a Python module", ""),
    b'{"depth": 3}\n': ("JSON", ""),
    b"[1, 2]": ("JSON", ""),
    json.dumps(NOTEBOOK).encode(): ("a notebook", "%%rf"),
    WEIGHTS: ("a file of weights (safetensors)", ""),
    b"PK\x03\x04" + bytes(22) + b"w/data.pkl" + bytes(90_000): (
        "a file of torch.save",
        "",
    ),
    b"PK\x03\x04" + bytes(22) + b"net.rf": ("a packed file (zip)", "unpack"),
    b"\x80\x02}q\x00.": ("a pickle", ""),
    b"\x89PNG\r\n\x1a\n" + bytes(40_000): ("a picture (PNG)", ""),
    b"GIF89a\x10\x00\x10\x00\x80\x00\x00": ("a picture (GIF)", ""),
    b"%PDF-1.7\n": ("a PDF", ""),
    b'<?xml version="1.0"?>\n<svg width="3">\n</svg>\n': ("a picture (SVG)", ""),
    b"<!DOCTYPE html>\n<html></html>\n": ("a page of markup", ""),
    b"\x7fELF" + bytes(200_000): ("a program", ""),
    bytes(200_000): ("no text", ""),
    b"# Title\n\n```rf\nX_i = W_i*X_<i-1>\n```\n": ("Markdown", "```"),
    b"\\documentclass{article}\n": ("LaTeX", "equations"),
    b"# a net\nname = 'x'\n[model.net]\ndepth = 3\n": ("TOML", ""),
    b"[net]\ndepth = 3\n": ("TOML", ""),
    b'[[net."ab"]]\nsizes = [1, 2]\n': ("TOML", ""),
    b"[net]\nname = hello\ndepth = 3\n": ("settings (INI)", ""),
    b"[net]\n; of a run\nrate: 0.1\n": ("settings (INI)", ""),
    b"[net]\nname = a\n[net]\nname = b\nname = c\n": ("settings (INI)", ""),
    b"name: a\nvalue: 3\n": ("YAML", ""),
    b"network:\n  name: hello\n  depth: 3\n": ("YAML", ""),
    b"---\n# of a run\nlayers:\n- conv: 3\n  name: a\n- relu\n": ("YAML", ""),
    b"conv:\n  kernel: (3, 3)\n  width: 64\nbn:\n": ("YAML", ""),
    b"layers:\n  - conv(3, 64)\n  - relu\n": ("YAML", ""),
    b"epoch,loss\n1,0.5\n2,3e-2\n": ("a table (CSV)", ""),
    b"net;accuracy\r\na;0.5\r\n": ("a table (CSV)", ""),
    b"0.5\t-1\n0.25\t2\n": ("a table (CSV)", ""),
}


@pytest.mark.parametrize("data", OTHERS, ids=[what for what, _ in OTHERS.values()])
def test_what_is_no_formula_file_is_called_by_its_name(
    data: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "net.rf"
    file.write_bytes(data)
    with pytest.raises(CompileError) as caught:
        recform.compile(file)
    (found,) = caught.value.diagnostics
    what, hint = OTHERS[data]
    assert found.code == "RF009"
    assert f" is {what}" in found.message and "formula file is wanted" in found.message
    assert hint in (found.hint or "")


def test_generated_code_names_its_formula(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(written("paper/resnet18_s.rf"))
    with pytest.raises(CompileError, match="a generated module") as caught:
        recform.compile(file)
    (found,) = caught.value.diagnostics
    assert found.hint == "give the formula that it was made of, resnet18_s.rf"


def test_of_a_folder_its_formula_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "net.rf").write_text("X_i = W_i*X_<i-1>\n")
    with pytest.raises(CompileError, match="RF006") as caught:
        recform.compile(tmp_path)
    (found,) = caught.value.diagnostics
    assert found.hint == f"did you mean {(tmp_path / 'net.rf').as_posix()}?"


def test_names_may_begin_as_a_picture_does() -> None:
    assert contents_of(b"GIF89a = linear(c)\nX_i = GIF89a_i*X_<i-1>\n") is None


def test_a_formula_file_with_a_mistake_is_one(tmp_path: Path) -> None:
    for text in (
        *('"X_i = W_i', "{X_i} = W_i*X", "[X_i = 3", "class X_i = X", "<X> = 3"),
        *(
            "[a]\nX_i = W_i*X_<i-1>",
            "[a]\nX_i = X_1",
            "[a]\nW = conv(3, c)",
            "input: 3 x 32 x 32\nstages: 16 x 2",
            "stages: 16 x 2\n  W: conv(3, c)",
            "a = 3\nb = 4",
            "W: relu\nnumber: 3",
            "depth: 3",
            "stages 4, 6\nstages 8, 2",
            "X, Y\nA, B",
        ),
        *("W = conv(3,\n3, 4)\n", "use 'a'\n3, 4", "1, 2", "param a = 2\n[c]"),
    ):
        file = tmp_path / "net.rf"
        file.write_text(f"{text}\n")
        with pytest.raises(CompileError) as caught:
            recform.compile(file)
        assert all(item.code != "RF009" for item in caught.value.diagnostics), text
