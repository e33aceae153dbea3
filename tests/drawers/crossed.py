"""What becomes of a file in forms that other drawers prove, and do not run."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import torch

import recform
from recform.blocks.examples import random_inputs
from recform.compiled import emit_source
from recform.compiler import Compiled, compile_source, from_text
from recform.costs.planning import budget_of
from recform.diagnostics import CompileError
from recform.memory import Memory
from recform.modules import load_source
from recform.target import Target
from recform.verify.whole import checks
from tests.oracle.compare import shake
from tests.oracle.third.check import TooLarge, apart, passes
from tests.splicing.test_splicing import PLAIN, compiled, outcome

#: What each draws as the plain form does, in the order of its forward pass.
DRAWN = {
    "lean": Target(memory=Memory.lean),
    "checkpoint": Target(memory=Memory.checkpoint),
    "reversible": Target(memory=Memory.reversible),
    "budget": Target(budget=budget_of("60%", 2)),
    "timm": Target(timm=True),
}
#: Blocks that are run backwards make more of rounding errors.
TOLERANCE = 1e-7


def crossed(text: str) -> str:
    """What came of a file: it is refused, or right in each form, and `verify` says so."""
    came = outcome(text)
    if came in ("refused", "not run", "overflowed"):
        return came
    item = compiled(text, PLAIN)
    assert item is not None
    wrong = [check for check in checks(item) if check.holds is False]
    assert not wrong, wrong
    try:
        _draws(text, item)
        _folds(text, item)
        _goes_on(text, item)
    except TooLarge:
        return "overflowed"
    return came


def _net(item: Compiled) -> Any:
    torch.manual_seed(0)
    net = item.module().double().train()
    shake(net)
    return net


def _given(item: Compiled) -> tuple[torch.Tensor, ...]:
    return random_inputs(item.formula.inputs, 3, dtype=torch.float64)


def _draws(text: str, item: Compiled) -> None:
    """Outputs, gradients and statistics, with what is drawn in training."""
    net, given = _net(item), _given(item)
    nets = {"plain": net}
    for form, target in DRAWN.items():
        if (other := compiled(text, target)) is not None:
            nets[form] = other.module().double().train()
            nets[form].load_state_dict(net.state_dict())
    results = {}
    for form, made in nets.items():
        torch.manual_seed(1)
        results[form] = passes(made, given, list(made.parameters()))
    for form, found in results.items():
        worst = apart(found, results["plain"])
        assert worst < TOLERANCE, f"{form} is off by {worst:.3g}"
        for name, buffer in nets[form].named_buffers():
            wanted = net.get_buffer(name)
            assert torch.allclose(buffer, wanted, rtol=1e-6), f"{form}: {name}"
    if "timm" in nets:
        _levels(nets["timm"].eval(), given)


def _levels(net: Any, given: tuple[torch.Tensor, ...]) -> None:
    with torch.no_grad():
        last, levels = net.forward_intermediates(*given)
        assert torch.equal(net.forward_head(last), net(*given))
    assert len(levels) == len(net.feature_info)
    for level, said in zip(levels, net.feature_info, strict=True):
        assert level.shape[1] == said["num_chs"]
        assert level.shape[2] == -(-given[0].shape[2] // said["reduction"])


def _folds(text: str, item: Compiled) -> None:
    """For inference there are fewer operators, and the same outputs."""
    if compiled(text, Target(inference=True)) is None:
        return
    net, given = _net(item).eval(), _given(item)
    with torch.no_grad():
        worst = apart([recform.optimize(net)(*given)], [net(*given)])
    assert worst < TOLERANCE, f"inference is off by {worst:.3g}"


def _goes_on(text: str, item: Compiled) -> None:
    """Position by position, and in pieces, it makes what a whole pass makes."""
    other = compiled(text, Target(generation=True))
    if other is None:
        return
    net, (x,) = _net(item).eval(), _given(item)
    scope: dict[str, Any] = {}
    exec(other.source, scope)
    going = other.module().double().eval()
    going.load_state_dict(net.state_dict())
    with torch.no_grad():
        for cuts in ([1] * x.shape[1], [2, 1, x.shape[1] - 3]):
            past = scope["Past"]()
            made = torch.cat([going.step(piece, past) for piece in x.split(cuts, 1)], 1)
            worst = apart([made], [net(x)])
            assert worst < TOLERANCE, f"generation is off by {worst:.3g}"


# --------------------------------------------------------------- several files, or networks

#: A comment that names a line of the file.
LINES = re.compile(r"  # rf:.*")


def parted(text: str, random: Random, folder: Path) -> str:
    """A file of which another one has some statements: it is the same network."""
    own: list[str] = []
    others: list[str] = []
    for line in text.splitlines():
        random.choice((own, others)).append(line)
    if all(line.startswith("#") for line in others):
        others.append(own.pop())  # a file without a statement is none
    (folder / "other.rf").write_text("\n".join(others) + "\n", encoding="utf-8")
    whole, two = (_said(t, folder) for t in (text, "\n".join(['use "other.rf"', *own])))
    if isinstance(whole, str) or isinstance(two, str):
        assert whole == two, (whole, two)
        return "refused"
    # Blocks may compute in another order, and draw in that.
    net, other, given = _net(whole).eval(), _net(two).eval(), _given(whole)
    first, now = (item.formula.equations[0].unknown for item in (whole, two))
    if first != now and net.state_dict().keys() != other.state_dict().keys():
        return "other names"  # of adapters, which hang on the first unknown
    other.load_state_dict(net.state_dict())
    with torch.no_grad():
        return _alike(other(*given), net(*given))


def _alike(made: torch.Tensor, wanted: torch.Tensor) -> str:
    try:
        worst = apart([made], [wanted])
    except TooLarge:
        return "overflowed"
    assert worst < TOLERANCE, f"it is off by {worst:.3g}"
    return "the same"


def _said(text: str, folder: Path) -> Compiled | str:
    """The only network of a file, proved; or the codes of what is wrong with it."""
    try:
        (item,) = compile_source(from_text(text), folder=folder)
        assert item.source
        return item
    except CompileError as error:
        return " ".join(sorted({found.code for found in error.diagnostics}))


def together(texts: tuple[str, str], form: str) -> str:
    """Two files as two networks of one, which share classes: each is what it is alone."""
    bare = [re.sub("^memory .*\n", "", text, flags=re.MULTILINE) for text in texts]
    memory = Target(memory=Memory(form))
    alone = [compiled(text, memory) for text in bare]
    if None in alone:
        return "refused"
    both = "".join(f"network Net{k}\n{text}" for k, text in enumerate(bare))
    items = [replace(x, target=memory) for x in compile_source(from_text(both))]
    namespace = load_source(emit_source(items), "both")
    for item, one in zip(items, alone, strict=True):
        net, made = _net(one), getattr(namespace, item.formula.name)().double()
        made.load_state_dict(net.state_dict())
        given = _given(one)
        torch.manual_seed(1)
        wanted = net(*given)
        torch.manual_seed(1)
        if (came := _alike(made(*given).detach(), wanted.detach())) != "the same":
            return came
    return "the same"
