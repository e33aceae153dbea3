"""Blocks that are run backwards, as they stand in generated files."""

# mypy: disable-error-code="no-any-return, no-untyped-call"

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from typing import Any
from warnings import warn
from weakref import ref

import torch
from torch import Tensor, nn

from recform.blocks.support.batches import Batches


class Reversible:
    """A pass of a block that keeps nothing; the last of a row keeps what it hands on.

    The backward pass runs the block backwards by its method `inverse`, from what it has
    handed on to what it had got, and forwards once more for what autograd needs. What its
    operators make serves for both. Statistics stay as they are, and what was drawn is
    drawn again. Compiled by torch, without gradients, and where a term is adapted, it is
    a plain pass.

    Args:
        block: what runs.
        names: its operators, each of which runs once.
        method: its forward pass.
        given: what that gets; what is handed on takes the place of the last of it.
    """

    #: The pass that ran last: what it has handed on is what the next one gets.
    latest: "ref[Reversible] | None" = None
    #: What is said, behind the type, of numbers of few bits.
    SHORT = (
        " is the type of what blocks hand on that are run backwards: what they get back is "
        "off by its rounding errors, and gradients with it. Under autocast the type is that "
        "of what the stem makes, or an adapter; in float32, or with another form of memory, "
        "gradients are those of the plain network."
    )
    #: What is said of a row that does not lead back to what went in.
    OFF = (
        "blocks that were run backwards got back something else than they had got: rounding "
        "errors have grown, and gradients are off with it. Blocks that normalise, fewer of "
        "them in a row, numbers of more bits, or another form of memory mend it."
    )
    #: What normalisations have besides weights, and change when they run.
    STATISTICS = ("running_mean", "running_var", "num_batches_tracked")

    def __init__(
        self,
        block: nn.Module,
        names: tuple[str, ...],
        method: Callable[..., Any],
        given: tuple[Any, ...],
    ) -> None:
        self.block, self.method = block, method
        shared = [item for item in given if isinstance(item, nn.Module)]
        self.operators = [*(getattr(block, name) for name in names), *shared]
        every = [block, *shared]
        for module in every:
            every += [m for m in module._modules.values() if m is not None]
        # With the weights that they have now: `functional_call` lends them others.
        self.modes = [(m, m.training, {**m._parameters}) for m in every]
        weights = [*self.learned(), *(t for m in every for t in m._buffers.values())]
        self.weights = {self.memory(t) for t in weights if t is not None}
        self.versions = [t._version for t in self.learned()]
        kinds = {"cpu", given[-1].device.type}
        self.device = given[-1].device
        self.casts = [
            (kind, torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind))
            for kind in sorted(kinds)
            if torch.amp.is_autocast_available(kind)
        ]
        #: What operators hold and may change as they run, statistics left out: in the end
        #: what was changed, as it was before.
        self.held = [
            (m._buffers, name, t, t._version, t.detach().clone())
            for m in every
            if not m.__dict__.get("track_running_stats")
            for name, t in m._buffers.items()
            if t is not None
        ]
        self.drawn: dict[int, list[Tensor]] = {}
        self.count = 0
        self.called: list[tuple[int, range]] = []
        self.values: dict[int, Tensor] = {}
        self.outputs: tuple[Tensor, ...] | None = None
        self.made: list[ref[Tensor]] = []
        self.after: Reversible | None = None
        self.before: ref[Reversible] | None = None
        #: A few numbers of what the first block of a row gets.
        self.began: list[Tensor | list[float]] = []

    @staticmethod
    def forward(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """A forward pass as one that keeps nothing, of a block with these operators."""

        def around(method: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(method)
            def run(block: nn.Module, *given: Any) -> Any:
                if (
                    not torch.is_grad_enabled()
                    or torch.compiler.is_compiling()
                    or torch._C._get_tracing_state() is not None
                    or not isinstance(given[-1], Tensor)  # As torch.fx follows it.
                    or torch._C._are_functorch_transforms_active()
                    or not all(t.requires_grad for t in given if isinstance(t, Tensor))
                    or not all(
                        name in names or isinstance(module, nn.Identity)
                        for name, module in block.named_children()
                    )
                ):
                    return method(block, *given)
                return Reversible(block, names, method, given).run(given)

            return run

        return around

    def run(self, given: tuple[Any, ...]) -> Any:
        """The pass."""
        hooks = torch.autograd.graph.saved_tensors_hooks(self.pack, self.unpack)
        with hooks, self.calling(self.first):
            made = self.method(self.block, *given)
        self.held = [
            (buffers, name, t, version, before)
            for buffers, name, t, version, before in self.held
            if buffers[name] is not t or t._version != version
        ]
        outputs = made if isinstance(made, tuple) else (made,)
        self.given = given[: -len(outputs)]
        before = Reversible.latest and Reversible.latest()
        state = given[-len(outputs) :]
        self.types = [t.dtype for t in state]
        if before and [id(t()) for t in before.made] == [*map(id, state)]:
            before.outputs, before.after, self.before = None, self, ref(before)
        short = [t.dtype for t in outputs if t.is_floating_point() and t.itemsize < 4]
        if short:
            warn(f"{short[0]}{self.SHORT}", stacklevel=2)
        elif self.before is None and self.device.type != "meta":
            # Those of a CPU are at hand; for others the pass would have to wait.
            few = [self.few(t) for t in state]
            self.began = [t.tolist() if t.device.type == "cpu" else t for t in few]
        self.outputs = tuple(t.detach() for t in outputs)
        self.made = [ref(t) for t in outputs]
        Reversible.latest = ref(self)
        return made

    def learned(self) -> list[Tensor]:
        """The parameters of the block, and of what it was handed."""
        learned = (t for _, _, had in self.modes for t in had.values())
        return [t for t in learned if t is not None]

    @contextmanager
    def calling(self, call: Callable[..., Any]) -> Iterator[None]:
        """Calls operators by way of something."""
        with ExitStack() as stack:
            for number, operator in enumerate(self.operators):
                operator.__dict__["forward"] = partial(call, number, operator.forward)
                stack.callback(operator.__dict__.pop, "forward")
            yield

    def first(self, number: int, operator: Callable[..., Any], *args: Any) -> Any:
        """Calls an operator, and keeps from where it draws, if it does."""
        before, start = self.random(), self.count
        made = operator(*args)
        self.called.append((number, range(start, self.count)))
        if not all(map(torch.equal, before, self.random())):
            self.drawn[number] = before
        return made

    def random(self) -> list[Tensor]:
        """From where torch draws, on a CPU and on the device of the pass."""
        states = [torch.get_rng_state()]
        if self.device.type not in ("cpu", "meta"):
            draws = getattr(torch, self.device.type)
            states.append(draws.get_rng_state(self.device))
        return states

    @staticmethod
    def few(tensor: Tensor) -> Tensor:
        """At most four numbers of a tensor along each axis, in a row."""
        places = tuple(slice(None, None, -(-n // 4) or 1) for n in tensor.shape)
        return tensor.detach()[places].clone().flatten()

    def leads_back(self, inputs: tuple[Tensor, ...]) -> bool:
        """Whether the first block of a row got back what it had got, as far as it knows.

        A tensor that is off by a thousandth leads to gradients that are off by more: behind
        a ReLU, or divided by a small deviation. Autocast rounds more than that.
        """
        before = [x if isinstance(x, list) else x.tolist() for x in self.began]
        largest = [max(map(abs, numbers), default=0.0) for numbers in before]
        share = 100 if any(enabled for _, _, enabled in self.casts) else 1000
        return not 0 < max(largest, default=0.0) < float("inf") or all(
            abs(x - y) <= (most or max(largest)) / share
            for numbers, most, t in zip(before, largest, inputs, strict=False)
            for x, y in zip(numbers, self.few(t).tolist(), strict=True)
        )

    # -- what autograd keeps

    @staticmethod
    def memory(tensor: Tensor) -> int:
        """Where the memory starts that a tensor lies in."""
        return tensor.data_ptr() - int(tensor.storage_offset()) * tensor.element_size()

    def pack(self, tensor: Tensor) -> tuple[Any, int]:
        """What autograd keeps in place of a tensor."""
        if self.memory(tensor) in self.weights:
            return tensor.detach(), tensor._version
        self.count += 1
        return self, self.count - 1

    @staticmethod
    def unpack(packed: tuple[Any, int]) -> Tensor:
        """The tensor that autograd asks for."""
        kept, number = packed
        if isinstance(kept, Reversible):
            return kept.value(number)
        if kept._version != number:
            raise RuntimeError("a weight was changed in place before the backward pass")
        return kept

    def value(self, number: int) -> Tensor:
        """A tensor of the pass, for the only one that asks for it."""
        if number not in self.values:
            row = [self]
            while row[-1].outputs is None:
                assert row[-1].after is not None
                row.append(row[-1].after)
            while row:
                row.pop().back()
        return self.values.pop(number)

    # -- the backward pass

    def back(self) -> None:
        """Runs the block backwards, and hands on what it had got to the one before it.

        Raises:
            RuntimeError: if a weight was changed since, or the block runs otherwise.

        Warns:
            UserWarning: if that is not what the first block of a row had got.
        """
        if self.versions != [t._version for t in self.learned()]:
            raise RuntimeError("a weight was changed in place before the backward pass")
        assert self.outputs is not None
        found: list[Tensor] = []
        ready: dict[int, Tensor] = {}
        kept: dict[int, list[Tensor]] = {}
        # Autograd needs nothing of sums: often what is inside of operators is all.
        inside = sum(len(places) for _, places in self.called) == self.count

        def again(number: int, operator: Callable[..., Any], *args: Any) -> Any:
            if number in ready:
                found.extend(kept[number])
                return ready.pop(number).detach().requires_grad_()
            start = len(found)
            with self.drawing(number):
                made = operator(*args)
            if inverting and isinstance(made, Tensor):
                kept[number] = found[start:]
                if not inside:
                    ready[number] = made
            return made

        def pack(tensor: Tensor) -> None:
            if self.memory(tensor) not in self.weights:
                found.append(tensor.detach())

        hooks = torch.autograd.graph.saved_tensors_hooks(pack, self.unpack)
        with torch.enable_grad(), self.like_before(found), hooks, self.calling(again):
            inverting = True
            outputs = [t.detach().requires_grad_() for t in self.outputs]
            inputs = self.block.inverse(*self.given, *outputs)  # type: ignore[operator]
            inputs = inputs if isinstance(inputs, tuple) else (inputs,)
            # Under autocast a sum with what is learned may have more digits than its terms.
            inputs = tuple(
                t.detach().to(kind).requires_grad_()
                for t, kind in zip(inputs, self.types, strict=True)
            )
            inverting = False
            found.clear()
            if inside and sorted(kept) == sorted(number for number, _ in self.called):
                for number, _ in self.called:
                    found += kept[number]
            else:
                self.method(self.block, *self.given, *inputs)
        if len(found) != self.count:
            raise RuntimeError("a block does something else when it runs again")
        self.values = dict(enumerate(found))
        if self.after is not None:
            self.outputs = None
        before = self.before and self.before()
        if before:
            before.outputs = tuple(t.detach() for t in inputs)
        if self.began and not self.leads_back(inputs):
            warn(self.OFF, stacklevel=2)

    @contextmanager
    def like_before(self, found: list[Tensor]) -> Iterator[None]:
        """Casts, trains or evaluates as the pass did; what modules hold stays as it is.

        What autograd would keep of batches that are normalised comes to what was found.
        """
        with ExitStack() as stack:
            for module, training, weights in self.modes:
                if module.training != training:
                    stack.callback(setattr, module, "training", module.training)
                    module.training = training
                now = module._parameters
                if any(now.get(name) is not had for name, had in weights.items()):
                    stack.callback(now.update, {**now})
                    now.update(weights)
            for kind, dtype, enabled in self.casts:
                if enabled or torch.is_autocast_enabled(kind):
                    stack.enter_context(torch.autocast(kind, dtype, enabled))
            for module, training, _ in self.modes:
                held = module.__dict__  # Torch need not look at what is no module.
                if training and held.get("track_running_stats"):
                    # With no statistics at all torch would keep others for its backward
                    # pass. How many batches there were is one number, and not needed.
                    others = {
                        name: torch.empty_like(t) if t is not None and t.dim() else None
                        for name, t in module._buffers.items()
                        if name in self.STATISTICS
                    }
                    stack.enter_context(self.instead(module._buffers, others))
                    normal = type(module).forward is nn.BatchNorm2d.forward
                    if normal and self.device.type == "cpu" and "forward" not in held:
                        held["forward"] = partial(Batches.again, module, found)
                        stack.callback(held.pop, "forward")
            for buffers, name, _, _, before in self.held:
                stack.enter_context(self.instead(buffers, {name: before.clone()}))
            yield

    @contextmanager
    def instead(
        self, buffers: dict[str, Tensor | None], others: dict[str, Tensor | None]
    ) -> Iterator[None]:
        """Has a module change other tensors than those that it holds."""
        had = {name: buffers[name] for name in others}
        places = {self.memory(t) for t in others.values() if t is not None}
        buffers.update(others)
        self.weights |= places
        try:
            yield
        finally:
            buffers.update(had)
            self.weights -= places

    @contextmanager
    def drawing(self, number: int) -> Iterator[None]:
        """Draws for an operator what it drew before."""
        if number not in self.drawn:
            yield
            return
        states = self.drawn[number]
        devices = [self.device] if len(states) > 1 else []
        with torch.random.fork_rng(devices, device_type=self.device.type):
            torch.set_rng_state(states[0])
            for device in devices:
                draws = getattr(torch, device.type)
                draws.set_rng_state(states[1], device)
            yield
