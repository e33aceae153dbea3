"""What a module does, as tensors and facts: written down, not judged.

The same is done with the module of a file and with the one that is emitted afresh; they
are compared elsewhere. A module may do anything here, so it is asked for nothing but
what is compared.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from recform.modules import raised
from recform.verify.passes import SEED, leaves_of, weighted

if TYPE_CHECKING:
    import torch

#: The passes, in the order in which they are made, and what they are called.
PASSES = {
    "eval": "forward in eval",
    "training": f"a training pass with seed {SEED}",
    "after": "forward in eval after that pass",
    "again": "forward in eval once more",
}
#: What a network for generation does besides, told by the name of what is seen of it.
STEPS = {"step": "position by position"}
#: So many positions come one by one, all others together.
SINGLE = 8


class Unusable(Exception):
    """A module that cannot be observed; ``phase`` says where, the text why."""

    def __init__(self, phase: str, why: str) -> None:
        super().__init__(why)
        self.phase = phase


@dataclass
class Observation:
    """What was seen.

    Attributes:
        tensors: by pass and name, such as ``training/gradient/head.weight``; what the
            module starts with is at ``start/…``.
        facts: short texts, by pass and name: what is not as it should be.
        seconds: how long it took.
    """

    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def observe(
    make: Callable[[], object],
    start: Sequence[torch.Tensor],
    state: Callable[[torch.nn.Module], dict[str, torch.Tensor]],
) -> Observation:
    """Makes a module and runs it.

    Args:
        make: its constructor.
        start: the examples, for each input.
        state: what is loaded into the new module, in float64.

    Raises:
        Unusable: if it is no module, cannot be run, or takes no such state.
    """
    import torch

    seen, began = Observation(), time.monotonic()
    with _phase("its constructor"):
        torch.manual_seed(SEED)
        network = make()
    if not isinstance(network, torch.nn.Module):
        raise Unusable("its constructor", f"it makes {_kind(network)}, no nn.Module")
    with _phase("its state_dict"):
        for name, value in network.state_dict().items():
            seen.tensors[f"start/{name}"] = _kept(value)
        for name, parameter in network.named_parameters():
            kind = "learned" if parameter.requires_grad else "not learned"
            seen.facts[f"start/{name}"] = kind
        network.double()
        wanted = state(network)
    with _phase("load_state_dict"):
        network.load_state_dict(wanted)
    for name, phase in PASSES.items():
        with _phase(phase):
            if name != "after":
                network.load_state_dict(wanted)
            _pass(network, start, seen, name, training=name == "training")
    for name, phase in STEPS.items():
        with _phase(phase):
            _steps(network, start, seen, name)
    seen.seconds = time.monotonic() - began
    return seen


def _pass(
    network: torch.nn.Module,
    start: Sequence[torch.Tensor],
    seen: Observation,
    name: str,
    *,
    training: bool,
) -> None:
    import torch

    network.train(training)
    network.zero_grad(set_to_none=True)
    leaves = leaves_of(start)
    given = {key: leaf * 1 for key, leaf in leaves.items()}
    before = {key: value.detach().clone() for key, value in network.named_parameters()}
    torch.manual_seed(SEED)
    output = network(*given.values())
    if not isinstance(output, torch.Tensor):
        raise Unusable(PASSES[name], f"it returns {_kind(output)}, no tensor")
    if output.dtype is not torch.float64:
        raise Unusable(PASSES[name], f"it returns {output.dtype} for torch.float64")
    seen.tensors[f"{name}/output"] = _kept(output)
    for key, leaf in leaves.items():
        if not torch.equal(given[key].detach(), leaf.detach()):
            seen.facts[f"{name}/{key}"] = "changed in place"
    if output.requires_grad:
        weighted(output).backward()  # type: ignore[no-untyped-call]
    for key, leaf in leaves.items():
        if leaf.grad is not None:
            seen.tensors[f"{name}/gradient/{key}"] = _kept(leaf.grad)
    for key, parameter in network.named_parameters():
        if parameter.grad is not None:
            seen.tensors[f"{name}/gradient/{key}"] = _kept(parameter.grad)
        if not torch.equal(parameter.detach(), before[key]):
            seen.facts[f"{name}/{key}"] = "changed by the pass"
    for key, buffer in network.named_buffers():
        seen.tensors[f"{name}/buffer/{key}"] = _kept(buffer)


def _steps(
    network: torch.nn.Module,
    start: Sequence[torch.Tensor],
    seen: Observation,
    name: str,
) -> None:
    """What a network that has a ``step`` and a ``Past`` makes of positions in two cuts.

    The two take turns: what is kept has to be in the ``Past``, and nowhere else.
    """
    import torch

    made_for = getattr(sys.modules.get(type(network).__module__), "Past", None)
    if made_for is None or not hasattr(network, "step") or len(start) != 1:
        return
    going: Any = network.eval()
    (x,) = start
    count = x.shape[1]
    single, half = min(SINGLE, count), max(1, count // 2)
    ends = {"one by one": [*range(1, single + 1), count], "in halves": [half, count]}
    cuts = {
        cut: [x[:, a:b] for a, b in pairwise([0, *places]) if a < b]
        for cut, places in ends.items()
    }
    pasts = {cut: made_for() for cut in cuts}
    made: dict[str, list[torch.Tensor]] = {cut: [] for cut in cuts}
    with torch.no_grad():
        for turn in range(single + 1):
            for cut, pieces in cuts.items():
                made[cut] += [
                    going.step(p, pasts[cut]) for p in pieces[turn : turn + 1]
                ]
    for cut, outputs in made.items():
        seen.tensors[f"{name}/{cut}"] = _kept(torch.cat(outputs, 1))


def _kept(value: torch.Tensor) -> torch.Tensor:
    return value.detach().clone().contiguous()


def _kind(value: object) -> str:
    return f"a {type(value).__name__}"


@contextmanager
def _phase(name: str) -> Iterator[None]:
    try:
        yield
    except Unusable:
        raise
    except BaseException as error:  # SystemExit and KeyboardInterrupt, too.
        raise Unusable(name, raised(error)) from None
