"""Files of weights that strangers wrote: an answer for each, and never a traceback."""

from __future__ import annotations

import json
import random
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import recform
from recform.diagnostics import CompileError
from recform.weights import transplant
from tests.oracle.search import few
from tests.weights.networks import codes, small

NET = "stages 4 x 2\nhead none\nX_i = relu(W_i*X_<i-1>)\n"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("whole") / "net.safetensors"
    compiled = recform.compile(NET)
    recform.save_weights(compiled.module(), compiled, file)
    return file.read_bytes()


def split(content: bytes) -> tuple[dict[str, Any], bytes]:
    (size,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def joined(header: dict[str, Any] | str, data: bytes) -> bytes:
    text = header if isinstance(header, str) else json.dumps(header)
    return struct.pack("<Q", len(text.encode())) + text.encode() + data


def noise(draw: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.randint(1, 9)):
        changed[draw.randrange(min(len(content), 4000))] = draw.randrange(256)
    return bytes(changed)


def cut(draw: random.Random, content: bytes) -> bytes:
    return content[: draw.randrange(len(content))]


def length(draw: random.Random, content: bytes) -> bytes:
    size = draw.choice(
        [0, 1, 2**31, 2**63, 2**64 - 1, len(content), draw.getrandbits(30)]
    )
    return struct.pack("<Q", size) + content[8:]


def entry(draw: random.Random, content: bytes) -> bytes:
    """An entry of the header that says something else."""
    header, data = split(content)
    name = draw.choice([key for key in header if key != "__metadata__"])
    kinds = [
        "F16",
        "BF16",
        "I8",
        "U8",
        "BOOL",
        "F64",
        "F8_E4M3",
        "F4",
        "C64",
        "X",
        3,
        None,
    ]
    odd = [[], [1], [0], [-1], [2**62, 2**62], "2", [1.5], None, [0] * 70]
    header[name] |= draw.choice(
        [
            {"dtype": draw.choice(kinds)},
            {"shape": draw.choice(odd)},
            {
                "data_offsets": draw.choice(
                    [[0, 0], [5, 1], [0, 2**63], [-1, 4], [0], "0"]
                )
            },
            {"dtype": "I8", "shape": [4 * _size(header[name])]},
            {"dtype": "F16", "shape": [2, *header[name]["shape"]]},
        ]
    )
    if draw.random() < 0.3:
        header["__metadata__"] = draw.choice([3, [], {"recform": 3}, {}, {"a": "b"}])
    return joined(header, data)


def _size(said: dict[str, Any]) -> int:
    first, last = said["data_offsets"]
    return int(last - first) // 4


def names(draw: random.Random, content: bytes) -> bytes:
    """Names that are odd, or there twice."""
    header, data = split(content)
    name = draw.choice([key for key in header if key != "__metadata__"])
    other = draw.choice(["", "\0", "x" * 5000, "a.b", "\u202e", "weight", "module.x"])
    text = json.dumps(header)
    if draw.random() < 0.5:
        return joined(text.replace(f'"{name}"', json.dumps(other)), data)
    if draw.random() < 0.5:
        return joined(text.replace(f'"{name}"', r'"\ud800"'), data)
    twice = f'{text[:-1]}, "{name}": {json.dumps(header[name])}}}'
    return joined(twice, data)


def record(draw: random.Random, content: bytes) -> bytes:
    """What is said of the formula is something else."""
    header, data = split(content)
    said = json.loads(header["__metadata__"]["recform"])
    odd = [
        "",
        "\0",
        "\ud800",
        "x" * 5000 + ".rf",
        "a/b.rf",
        "a",
        "../a.rf",
        "/a.rf",
        ".",
    ]
    text = draw.choice(odd)
    said |= draw.choice(
        [
            {"file": text},
            {"used": {text: NET}, "formula": f"# other\n{NET}"},
            {"used": {"a.rf": "", "a.rf/b.rf": ""}, "formula": f"#\n{NET}"},
            {"used": {"b.rf": text}, "formula": f'use "b.rf"\n{NET}'},
            {"formula": text},
            {"network": text, "formula": f"#\n{NET}"},
            {"settings": {text: "1"}},
            {"settings": {"classes": text}},
            {"formula": 'use "b.rf"\n' + NET, "used": {"b.rf": 'use "b.rf"\n'}},
        ]
    )
    header["__metadata__"]["recform"] = json.dumps(said)
    return joined(header, data)


@pytest.mark.parametrize(
    "damage", [noise, cut, length, entry, names, record], ids=lambda f: f.__name__
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_file_gets_an_answer(
    damage: Callable[[random.Random, bytes], bytes], whole: bytes, tmp_path: Path
) -> None:
    compiled, file = recform.compile(NET), tmp_path / "net.safetensors"
    module = compiled.module()
    told: dict[str, int] = {}
    for seed in range(few(12)):
        file.write_bytes(damage(random.Random(seed), whole))
        for strict in (True, False):
            before = time.process_time()
            try:
                recform.load_weights(module, compiled, file, strict=strict)
            except CompileError as error:
                for code in codes(error):
                    told[code] = told.get(code, 0) + 1
                    str(error).encode("utf-8", "backslashreplace")
            assert time.process_time() - before < 5, (seed, strict)
    assert told


# ------------------------------------------------------------ what the formula may use


@pytest.mark.parametrize(
    "changes",
    [
        {"used": {"\0.rf": ""}},
        {"used": {"x" * 5000 + ".rf": ""}},
        {"used": {"a.rf": "", "a.rf/b.rf": ""}},
        {"used": {"\ud800.rf": ""}},
        {"used": {"../a.rf": ""}},
        {"used": {"/a.rf": ""}},
        {"file": "deep/\ud800.rf"},
        {"formula": f'use "outside.rf"\n{NET}'},
        {"formula": f'use "../outside.rf"\n{NET}', "file": "a/b.rf"},
        {"formula": f'use "OUTSIDE"\n{NET}'},
        {"formula": f'use "a.rf"\n{NET}', "used": {"a.rf": 'use "a.rf"\n'}},
    ],
)
def test_formulas_use_nothing_but_what_is_in_the_file(
    changes: dict[str, Any],
    whole: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outside = tmp_path / "outside.rf"
    outside.write_text("# here\n")
    monkeypatch.chdir(tmp_path)
    header, data = split(whole)
    said = json.loads(header["__metadata__"]["recform"])
    said |= {"formula": f"#\n{NET}", **changes}
    said["formula"] = said["formula"].replace("OUTSIDE", outside.as_posix())
    header["__metadata__"]["recform"] = json.dumps(said)
    file = tmp_path / "net.safetensors"
    file.write_bytes(joined(header, data))
    compiled = recform.compile(NET)
    for call in (
        lambda: recform.load_weights(compiled.module(), compiled, file),
        lambda: transplant(file, compiled),
    ):
        with pytest.raises(CompileError) as caught:
            call()
        assert codes(caught.value) == ["RF704"]


def test_a_file_of_a_formula_with_an_odd_name(tmp_path: Path) -> None:
    path = tmp_path / "net\udcff.rf"
    path.write_text(NET)
    compiled = recform.compile(path)
    recform.save_weights(compiled.module(), compiled, tmp_path / "net.safetensors")
    recform.load_weights(compiled.module(), compiled, tmp_path / "net.safetensors")


def test_a_pipe_is_no_file_of_weights(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "net.safetensors")
    with pytest.raises(CompileError, match="RF006"):
        transplant(tmp_path / "net.safetensors", recform.compile(NET))


# --------------------------------------------------------------------------- numbers


def changed(tmp_path: Path, name: str, value: torch.Tensor) -> Path:
    compiled, file = small(), tmp_path / "net.safetensors"
    recform.save_weights(compiled.module(), compiled, file)
    tensors = load_file(file)
    assert tensors[name].numel() == value.numel()
    with safe_open(str(file), framework="pt") as held:
        metadata = held.metadata()
    save_file(tensors | {name: value}, file, metadata)
    return file


def test_numbers_that_are_none_are_told(tmp_path: Path) -> None:
    bias = torch.zeros(10)
    bias[3] = float("nan")
    file = changed(tmp_path, "head.fc.bias", bias)
    module = small().module()
    with pytest.warns(UserWarning, match="RF707") as caught:
        found = recform.load_weights(module, small(), file)
    assert "head.fc.bias" in str(caught[0].message)
    assert [item.code for item in found.remarks] == ["RF707"]
    assert [item.code for item in transplant(file, small()).match.remarks] == ["RF707"]


def test_half_precision_is_told(tmp_path: Path) -> None:
    value = torch.rand(10).half()
    file = changed(tmp_path, "head.fc.bias", value)
    module = small().module()
    with pytest.warns(
        UserWarning, match="1 tensor of .* float16, and float32 in Small"
    ):
        recform.load_weights(module, small(), file)
    assert torch.equal(module.state_dict()["head.fc.bias"], value.float())


@pytest.mark.parametrize("kind", [torch.int8, torch.bool, torch.complex64])
def test_whole_numbers_are_no_weights(kind: torch.dtype, tmp_path: Path) -> None:
    file = changed(tmp_path, "head.fc.bias", torch.ones(10).to(kind))
    module = small().module()
    name = str(kind).removeprefix("torch.")
    with pytest.raises(CompileError, match=f"{name} in the source, float32 here"):
        recform.load_weights(module, small(), file)
    found = recform.load_weights(module, small(), file, strict=False)
    # The layer starts afresh as a whole.
    assert [item.name for item in found.fresh] == ["head.fc.weight", "head.fc.bias"]


def test_a_count_that_was_stored_as_a_real_number(tmp_path: Path) -> None:
    name = "stem.bn.num_batches_tracked"
    file = changed(tmp_path, name, torch.tensor(3.0))
    module = small().module()
    with pytest.warns(UserWarning, match="RF708"):
        recform.load_weights(module, small(), file)
    assert module.state_dict()[name] == 3
