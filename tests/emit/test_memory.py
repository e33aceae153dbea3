"""Networks that keep little (`--memory lean`), against the plain ones."""

from __future__ import annotations

import ast
import copy
import pickle
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed
from torch import nn
from typer.testing import CliRunner

import recform
from recform.blocks.examples import random_examples
from recform.cli.app import app
from recform.compiler import compile_source, emit_source, from_text, read
from recform.diagnostics import CompileError
from recform.execution import file as proved
from recform.memory import Memory

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
#: What a network of each kind has: shared operators, histories, random depth, a head.
TEXTS = {
    "subtraction": "input 3 x 8 x 8\nstages 4 x 3, 8 x 2 / 2\n"
    "stem conv(3, 4) > bn > relu > maxpool(2)\nhead avgpool > linear(3)\n"
    "W = conv(3, c, stride=s) > bn > relu\n"
    "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>",
    "gates and random depth": "input 3 x 8 x 8\nstages 4 x 2\nscalar k_i = 0.5\n"
    "SE(x) = x*sigmoid(G*x)  where G = avgpool > linear(cin)\n"
    "W = conv(3, c) > bn > silu > SE > droppath(0.5*i/L)\n"
    "X_i = relu(X_<i-1> + k_i*W_i*X_<i-1>)",
    "histories": "input 3 x 8 x 8\nstages 4 x 3\nW = bn > relu > conv(3, 4)\n"
    "X_i = W_i*concat(X_<0..i-1>)",
    "tokens": "input 6 of 7\nstages 8 x 2\nstem embed(c) > positions > dropout(0.1)\n"
    "head ln > unembed(stem)\nA = ln > attention(2, causal=true, dropout=0.1)\n"
    "M = ln > linear(2*c) > gelu > linear(c) > dropout(0.2)\n"
    "Y_i = X_<i-1> + A_i*X_<i-1>\nX_i = Y_i + M_i*Y_i\noutput X_L",
}

REVERSIBLE = (
    "input 3 x 8 x 8\nstages 4 x 4\nW = conv(3, c) > bn > relu\n"
    "X_i = W_i*X_<i-1> + X_<i-2>"
)


def backward(net: torch.nn.Module, x: torch.Tensor) -> list[Any]:
    """What it makes, all gradients, and all statistics, of two passes."""
    torch.manual_seed(5)
    for _ in range(2):
        made = net(x)
        (made * torch.linspace(-1, 1, made.numel()).view_as(made)).sum().backward()
    return [made, *(p.grad for p in net.parameters()), *net.buffers()]


@pytest.mark.parametrize("depth", [None, 5])
@pytest.mark.parametrize("name", TEXTS)
def test_gradients(name: str, depth: int | None) -> None:
    """Equal in float64; statistics are updated once, what is dropped is the same."""
    text = TEXTS[name]
    if depth is not None:
        text = re.sub(r"(?m)^(stages \d+ x) \d+", rf"\1 {depth}", text)
    torch.manual_seed(0)
    compiled = recform.compile(text)
    plain = compiled.module().double()
    lean = recform.load(text, memory="lean").double()
    lean.load_state_dict(plain.state_dict())
    x = random_examples(compiled.formula.input, 3, dtype=torch.float64)
    for training in (True, False):
        found, wanted = (backward(net.train(training), x) for net in (lean, plain))
        torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("form", [form for form in Memory if form != "plain"])
def test_without_numbers(form: Memory) -> None:
    """What counts shapes and operations runs a network, and its gradients, on `meta`."""
    with torch.device("meta"):
        network = recform.load(REVERSIBLE, memory=form)
    network(torch.empty(2, 3, 8, 8, device="meta")).sum().backward()
    for parameter in network.parameters():
        assert parameter.grad is not None
        assert parameter.grad.is_meta


def test_the_code_of_the_network_stays_as_it_is() -> None:
    """But for a line around its pass; so it is compiled, pickled and copied as ever."""
    text = TEXTS["subtraction"]
    compiled = recform.compile(text, memory="lean")
    plain = recform.compile(text).source
    classes = plain[plain.index("class ") :]
    assert compiled.source.replace("    @Lean.forward\n", "", 1).endswith(classes)
    assert re.search(
        r"^command: recform compile .* --memory lean$", compiled.source, re.M
    )
    net = compiled.module()
    x = random_examples(compiled.formula.input, 2)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        torch.testing.assert_close(backward(other, x), backward(copy.deepcopy(net), x))


def test_in_other_forms(tmp_path: Path) -> None:
    """With timm's interface each pass is lean; position by position goes on as it did."""
    timm = recform.compile(TEXTS["subtraction"], timm=True, memory="lean")
    around = re.findall(r"@Lean\.forward\n    def (\w+)", timm.source)
    assert around == ["forward", "forward_features", "forward_intermediates"]
    plain = recform.load(TEXTS["subtraction"], timm=True)
    lean = timm.module()
    lean.load_state_dict(plain.state_dict())
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(backward(lean, x), backward(plain, x))
    text = TEXTS["tokens"]
    both = recform.compile(text, generation=True, memory="lean")
    assert "class Past" in both.source and "class Lean" in both.source
    file, out = tmp_path / "net.rf", tmp_path / "net.py"
    file.write_text(text)
    command = ["compile", str(file), "--memory", "lean", "-o", str(out)]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert "@Lean.forward" in out.read_text()


def test_the_proof_knows_what_stands_around_a_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Something else there could make anything of it."""
    monkeypatch.setattr(proved, "FRAMES", ())
    with pytest.raises(CompileError, match=r"forward is what Lean\.forward makes"):
        _ = recform.compile(TEXTS["histories"], memory="lean").source


def test_mistakes() -> None:
    with pytest.raises(CompileError, match=r"RF530.*\n.*one of plain, lean"):
        recform.compile(TEXTS["histories"], memory="little")
    with pytest.raises(
        CompileError, match=r"RF542.*the memory lean of a backward pass"
    ):
        recform.compile(TEXTS["histories"], inference=True, memory="lean")
    text = f"network Lean\n{TEXTS['histories']}"
    assert recform.compile(text).source
    with pytest.raises(CompileError, match=r"RF209.*memory lean brings"):
        _ = recform.compile(text, memory="lean").source


@pytest.mark.parametrize("form", ["lean", "reversible"])
def test_a_file_says_what_it_keeps(form: str) -> None:
    """As if the command did; which goes over it, and is in the header where it differs."""
    said = recform.compile(f"memory {form}\n{REVERSIBLE}")
    code = [item.source.partition('"""\n')[2] for item in (said, asked(memory=form))]
    assert re.sub("rf:[0-9]+", "", code[0]) == re.sub("rf:[0-9]+", "", code[1])
    assert "--memory" not in said.source
    plain = recform.compile(f"memory {form}\n{REVERSIBLE}", memory="plain")
    assert plain.keeps is Memory.plain
    assert ".py --memory plain" in plain.source
    assert recform.compile(f"memory {form}\n{REVERSIBLE}", inference=True).source
    held = {check.claim: check.holds for check in said.verify()}
    assert held["the whole network is what its equations say"]


def asked(**options: Any) -> Any:
    return recform.compile(REVERSIBLE, **options)


def test_networks_of_a_file_keep_alike() -> None:
    text = "memory lean\nnetwork A\nX_i = W_i*X_<i-1>\nnetwork B\nX_i = U_i*X_<i-1>\n"
    both = compile_source(from_text(text))
    assert "class Lean" in emit_source(list(both))
    text = text.replace("memory lean\nnetwork A\n", "network A\nmemory lean\n")
    apart = compile_source(from_text(text))
    assert [item.keeps for item in apart] == [Memory.lean, Memory.plain]
    with pytest.raises(CompileError, match=r"RF123.*A has `memory lean`, and B has"):
        emit_source(list(apart))


@pytest.mark.parametrize("form", ["lean", "reversible"])
def test_in_parallel(form: str, tmp_path: Path) -> None:
    """Gradients come to DistributedDataParallel as those of the plain network do."""
    text = TEXTS["subtraction"] if form == "lean" else REVERSIBLE
    plain = recform.load(text)
    net = recform.load(text, memory=form)
    net.load_state_dict(plain.state_dict())
    x = torch.randn(2, 3, 8, 8)
    where = f"file://{tmp_path / 'store'}"
    torch.distributed.init_process_group("gloo", where, rank=0, world_size=1)
    try:
        found = backward(nn.parallel.DistributedDataParallel(net), x)
    finally:
        torch.distributed.destroy_process_group()
    torch.testing.assert_close(found, backward(plain, x))


def test_what_is_imported_is_used() -> None:
    source = recform.compile(TEXTS["tokens"], memory="lean").source
    names = {
        name.asname or name.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert {"TorchDispatchMode", "wraps", "ref", "Callable", "Sequence", "Any"} <= names
    assert all(
        len(re.findall(rf"\b{name.split('.')[0]}\b", source)) > 1 for name in names
    )


SMALL = sorted([*EXAMPLES.glob("language/*.rf"), *EXAMPLES.glob("modern/*.rf")])


@pytest.mark.long
@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.stem)
def test_examples(path: Path) -> None:
    """Each form that there is of the smallest network of a file, against the plain one."""
    source, folder = read(path)
    made = min(
        compile_source(source, {}, folder),
        key=lambda item: sum(stage.blocks for stage in item.formula.stages),
    )
    if made.graph.totals.parameters > 30_000_000:
        pytest.skip("it is large")
    torch.manual_seed(0)
    plain = made.module().double()
    x = random_examples(made.formula.input, 2, dtype=torch.float64)
    start = copy.deepcopy(plain.state_dict())
    wanted = backward(plain, x)
    for form in ("lean", "reversible"):
        try:
            other = replace(made, keeps=Memory(form)).module().double()
        except CompileError as error:
            assert form == "reversible" and "RF53" in str(error)
            continue
        other.load_state_dict(start)
        torch.testing.assert_close(backward(other, x), wanted, rtol=1e-7, atol=1e-8)
