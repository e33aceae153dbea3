"""Networks that take ids: the embedding, the head that shares it, what does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from accelerate import Accelerator

import recform
from recform.blocks.examples import random_examples
from recform.compiler import Compiled, compile_source, from_text
from recform.diagnostics import CompileError
from recform.training import checkpoint
from recform.weights import load, save
from recform.weights.roles import roles

FRAME = "input 6 of 9\nstages 8 x 2\nW = ln > linear(c)\n"
ONE = "X_i = X_<i-1> + W_i*X_<i-1>\n"
TIED = f"{FRAME}stem wte: embed(c) > positions\nhead ln > unembed(stem)\n{ONE}"


def compiled(text: str, **settings: object) -> Compiled:
    return compile_source(from_text(text), settings)[0]


def test_ids_are_one_hot_vectors_in_front_of_the_embedding() -> None:
    by_ids = compiled(f"{FRAME}stem embed(c)\nhead linear(3)\n{ONE}").module().double()
    text = FRAME.replace("6 of 9", "6 x 9")
    text = f"{text}stem linear(c, bias=false)\nhead linear(3)\n{ONE}"
    by_vectors = compiled(text).module().double()
    state = by_ids.state_dict()
    state["stem.fc.weight"] = state.pop("stem.embed.weight").T
    by_vectors.load_state_dict(state)
    ids = torch.randint(9, (4, 6))
    made, wanted = by_ids(ids), by_vectors(F.one_hot(ids, 9).double())
    torch.testing.assert_close(made, wanted)
    made.square().sum().backward()
    wanted.square().sum().backward()
    torch.testing.assert_close(
        by_ids.stem.embed.weight.grad, by_vectors.stem.fc.weight.grad.T
    )


#: Where the stem and the head are, and the names of the matrix that they share.
PLACES = {
    "": ("stem.wte.weight", "head.unembed.weight"),
    'names stem = ".", head = "."': ("wte.weight", "unembed.weight"),
    'names stem = "t.emb", stages = "t.h", head = "lm"': (
        "t.emb.wte.weight",
        "lm.unembed.weight",
    ),
    'names stem = "a.b", stages = "c", W = "w", head = "a.d"': (
        "a.b.wte.weight",
        "a.d.unembed.weight",
    ),
}


@pytest.mark.parametrize("names", PLACES)
def test_one_matrix_under_two_names(names: str, tmp_path: Path) -> None:
    item = compiled(f"{TIED}{names}\n")
    net = item.module()
    first, second = PLACES[names]
    assert net.get_parameter(first) is net.get_parameter(second)
    counted = sum(p.numel() for p in net.parameters())
    assert counted == item.graph.totals.parameters
    known = roles(item)
    assert (str(known[first]), str(known[second])) == (
        "stem embed1.weight",
        "head unembed1.weight",
    )
    save(net, item, tmp_path / "w.safetensors")
    other = item.module()
    load(other, item, tmp_path / "w.safetensors")
    assert other.get_parameter(first) is other.get_parameter(second)
    ids = random_examples(item.formula.input, 2)
    torch.testing.assert_close(other(ids), net(ids))


def test_embeddings_in_blocks_have_weights_of_their_own() -> None:
    item = compiled(
        "input 5 of 9\ninput ids = 3 of 9\nE = embed(c) > avgpool\n"
        "X_i = X_<i-1> + W_i*X_<i-1> + E_i*ids\n"
    )
    net = item.module()
    tables = [m.weight for m in net.modules() if isinstance(m, torch.nn.Embedding)]
    assert len(set(tables)) == len(tables) == 9  # one of the stem, and one a block
    shared = [m for m in net.modules() if getattr(m, "weight", None) is tables[0]]
    assert len(shared) == 2  # the stem's, and that of the head
    assert sum(p.numel() for p in net.parameters()) == item.graph.totals.parameters
    assert all(check.holds for check in item.verify())


def test_the_embedding_starts_small_unless_the_file_says_otherwise() -> None:
    for init, expected in (("", 0.02), ("init embed = normal(0.5)\n", 0.5)):
        torch.manual_seed(0)
        text = TIED.replace("6 of 9", "6 of 5000")
        found = float(compiled(text + init).module().stem.wte.weight.detach().std())
        assert found == pytest.approx(expected, rel=0.05)


def test_verify_holds() -> None:
    found = recform.compile(TIED).verify()
    assert found
    assert all(check.holds for check in found), found


def test_it_compiles_with_torch() -> None:
    net = compiled(TIED).module().eval()
    ids = torch.randint(9, (2, 6))
    faster = torch.compile(net, backend="eager", fullgraph=True)
    torch.testing.assert_close(faster(ids), net(ids))


@pytest.mark.parametrize(
    ("given", "shown"), [("12of5", "12 of 5"), ("4 of 7", "4 of 7"), ("3", "3 of 9")]
)
def test_set_input(given: str, shown: str) -> None:
    assert str(compiled(TIED, input=given).formula.input) == shown


def test_the_smallest_file_is_a_language_model() -> None:
    item = compiled(f"input 6 of 9\nstages 8 x 1\n{ONE}")
    net = item.module()
    assert net.stem.embed.weight is net.head.unembed.weight
    assert tuple(net(torch.randint(9, (2, 6))).shape) == (2, 6, 9)
    assert not item.formula.params


MISTAKES = [
    (f"{FRAME}stem none\n{ONE}", "RF410", "none"),
    (f"{FRAME}stem relu > linear(c)\n{ONE}", "RF405", "relu"),
    (f"{FRAME}stem linear(c)\n{ONE}", "RF405", "linear(c)"),
    (f"input 6 x 9\nstages 8 x 1\nstem embed(c)\n{ONE}", "RF405", "embed(c)"),
    (f"input 6 x 9\nstages 8 x 1\nhead unembed(stem)\n{ONE}", "RF409", "unembed(stem)"),
    (f"{FRAME}head linear(5) > unembed\n{ONE}", "RF409", "unembed"),
    (
        f"input 6 of 9\nstages 8 x 1\nW = unembed > linear(c)\n{ONE}",
        "RF409",
        "unembed",
    ),
    (f"input 6 x 5 of 9\nstages 8 x 1\n{ONE}", "RF212", "input 6 x 5 of 9"),
    (f"input 6 of 0\nstages 8 x 1\n{ONE}", "RF403", "0"),
    (f"input 6 of\nstages 8 x 1\n{ONE}", "RF101", None),
]


@pytest.mark.parametrize(("text", "code", "underlined"), MISTAKES)
def test_mistakes(text: str, code: str, underlined: str | None) -> None:
    with pytest.raises(CompileError) as caught:
        compiled(text)
    (found,) = caught.value.diagnostics
    assert found.code == code
    if underlined is not None:
        assert found.labels[0].span.text == underlined


def test_bytes_of_a_text_are_ids(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"the cat sings. " * 400)
    text = f"param vocabulary = 9\n{TIED.replace('6 of 9', '16 of vocabulary')}"
    result = recform.train(
        text,
        data=f"text:{tmp_path / 'a.txt'}",
        overrides=("epochs=8", "batch=32", "optimizer=adamw", "lr=0.03", "warmup=0"),
        runs=tmp_path,
    )
    # The embedding has 256 rows, and is counted once.
    assert result.parameters == 256 * 8 + 16 * 8 + 2 * (16 + 72) + 16
    # A letter says the next one, but for those that several stand behind.
    assert result.accuracy > 0.5


def test_a_run_with_a_shared_matrix_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    net = compiled(TIED).module()
    accelerator = Accelerator(cpu=True)
    net, optimizer = accelerator.prepare(net, torch.optim.AdamW(net.parameters()))
    first = {name: value.clone() for name, value in net.state_dict().items()}
    checkpoint.save(accelerator, tmp_path, checkpoint.Progress(step=3))
    net(torch.randint(9, (2, 6))).sum().backward()
    optimizer.step()
    assert not torch.equal(net.head.unembed.weight, first["head.unembed.weight"])
    assert checkpoint.load(accelerator, tmp_path).step == 3
    for name, value in net.state_dict().items():
        assert torch.equal(value, first[name]), name
    assert net.head.unembed.weight is net.stem.wte.weight
    # Nobody needs to be told that it is kept once.
    assert "shared" not in "".join(capfd.readouterr())
