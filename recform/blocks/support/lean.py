"""A forward pass that keeps little for its backward pass, as it stands in generated files."""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import math
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from recform.blocks.support.again import Again


class Lean(TorchDispatchMode):
    """A forward pass that keeps little for its backward pass.

    Autograd keeps what each operation needs to go back. Here it gets a note instead, of
    how that is made again of what is kept anyway, wherever this takes no convolution,
    product of matrices or attention; in a checkpoint these run again too, but nothing is
    drawn again. Values, gradients and statistics are those of a plain pass, which it is
    where torch compiles it, and without gradients.

    Args:
        network: whose pass it is.
        forms: of what stands before the blocks, of each block, and of what stands behind:
            plain, lean or checkpoint.
    """

    #: What more steps lead to is kept, in a lean part and in a checkpoint: a backward pass
    #: makes no more than a part of a deep network at once.
    DEEPEST, DEEPER = 16, 128
    #: Operations of torch that are cheap to run again.
    CHEAP = frozenset(
        (
            *("relu", "hardtanh", "leaky_relu", "elu", "gelu", "silu", "mish"),
            *("softplus", "sigmoid", "tanh", "hardswish", "hardsigmoid", "clamp"),
            *("exp", "log", "erf", "sin", "cos", "neg", "abs", "sqrt", "rsqrt"),
            *("reciprocal", "pow", "add", "sub", "rsub", "mul", "div", "addcmul"),
            *("maximum", "minimum", "clamp_min", "where", "masked_fill"),
            *("cat", "stack", "constant_pad_nd", "clone", "_to_copy"),
            *("native_layer_norm", "native_group_norm", "_fused_rms_norm"),
        )
    )
    #: Operations whose gradients look for where the input equals what was found: one that
    #: is made again, off by a rounding, equals it nowhere.
    EXACT = frozenset(("amax", "amin", "max", "min", "median", "nanmedian"))

    @staticmethod
    def forward(method: Callable[..., Any]) -> Callable[..., Any]:
        """A forward pass as one that keeps little."""
        return Lean.planned(("lean", 1))(method)

    @staticmethod
    def planned(
        *rows: tuple[str, int],
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """A forward pass whose parts keep what is said: forms, and how many have each."""
        forms = [form for form, count in rows for _ in range(count)]
        return lambda method: Lean.around(method, lambda network: forms)

    @staticmethod
    def told(method: Callable[..., Any]) -> Callable[..., Any]:
        """A forward pass whose parts keep what its network says."""
        return Lean.around(method, lambda network: network._forms())

    @staticmethod
    def around(
        method: Callable[..., Any], forms: Callable[[Any], Sequence[str]]
    ) -> Callable[..., Any]:
        """A forward pass of a network; within another one of it there is nothing to do."""

        @wraps(method)
        def lean(network: Any, *args: Any, **kwargs: Any) -> Any:
            if (
                not torch.is_grad_enabled()
                or torch.compiler.is_compiling()
                or torch._C._get_tracing_state() is not None
                or torch._C._are_functorch_transforms_active()
                or any(mode.network is network for mode in Lean.running())
            ):
                return method(network, *args, **kwargs)
            mode = Lean(network, forms(network))
            pack, unpack = mode.pack, Lean.unpack
            hooks = torch.autograd.graph.saved_tensors_hooks(pack, unpack)
            try:
                with hooks, mode:
                    return method(network, *args, **kwargs)
            finally:
                mode.forget()

        return lean

    @staticmethod
    def running() -> list["Lean"]:
        """The passes that are run just now, the innermost last."""
        modes = torch.utils._python_dispatch._get_current_dispatch_mode_stack()
        return [mode for mode in modes if isinstance(mode, Lean)]

    @staticmethod
    def block(method: Callable[..., Any]) -> Callable[..., Any]:
        """A pass of a block: with it another form begins, if one is planned."""

        @wraps(method)
        def run(*args: Any, **kwargs: Any) -> Any:
            if torch.compiler.is_compiling():
                return method(*args, **kwargs)
            running = Lean.running()[-1:]
            for mode in running:
                mode.go_on()
            made = method(*args, **kwargs)
            for mode in running:
                if mode.place == len(mode.forms) - 2:
                    mode.go_on()
            return made

        return run

    def __init__(self, network: Any, forms: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self.notes: list[Again] = []
        #: Of each operation its name, whether what it makes lies in what it gets, and the
        #: cheap one that writes over that: asking torch takes longer than many a one does.
        self.known: dict[Any, tuple[str, bool, Any]] = {}
        self.forms, self.form = forms, forms[0]
        self.place = self.part = 0

    def go_on(self) -> None:
        """Goes on to the next block, or to what stands behind the last one."""
        before = self.form
        self.place = min(self.place + 1, len(self.forms) - 1)
        self.form = self.forms[self.place]
        self.part += self.form != before or self.form == "checkpoint"

    def forget(self) -> None:
        """Has tensors forget their notes, which only autograd needs from now on."""
        for again in self.notes:
            if (tensor := again.tensor()) is not None:
                tensor.__dict__.pop("again", None)
        self.notes.clear()
        self.network = None  # Autograd has this pass until it has gone back.

    def pack(self, tensor: Tensor) -> tuple[Any, Any]:
        """What autograd keeps in place of a tensor."""
        whole = tensor if tensor._base is None else tensor._base
        if tensor.is_leaf and "again" not in whole.__dict__:
            return tensor, tensor._version  # A weight, or what comes in.
        again, place = self.noted(tensor)
        if self.form == "plain" and again.kept is None:
            again.keep()
        again.want(self.DEEPER if self.form == "checkpoint" else self.DEEPEST)
        return again, place

    @staticmethod
    def unpack(packed: tuple[Any, Any]) -> Tensor:
        """The tensor that autograd asks for."""
        again, place = packed
        if isinstance(again, Tensor):
            if again._version != place:
                raise Again.changed(again)
            return again.detach()
        kind = again.device
        if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
            with torch.autocast(kind, enabled=False):
                return Lean.unpack(packed)
        with torch.no_grad():
            value = again.take().detach()
            return value if place is None else value.as_strided(*place)

    def note(self, tensor: Tensor, *how: Any) -> Again:
        """Notes how a tensor is had again."""
        again = tensor.__dict__["again"] = Again(tensor, *how)
        again.part = self.part
        self.notes.append(again)
        return again

    def noted(self, tensor: Tensor) -> tuple[Again, Any]:
        """How a tensor is had again, and its place in that if it is a view."""
        whole = tensor if tensor._base is None else tensor._base
        again = whole.__dict__.get("again")
        if again is None or tensor.is_complex():
            again = Again(tensor)
            again.keep()
            again.outside = True  # Somebody else has it.
            return again, None
        other = again.part != self.part and again.kept is None
        if other or again.version != whole._version:  # It was changed in place.
            again = self.note(whole)
        if whole is tensor:
            return again, None
        return again, (tensor.shape, tensor.stride(), tensor.storage_offset())

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Runs an operation, and notes how what it makes is made again."""
        out = func(*args, **(kwargs or {}))
        if func not in self.known:
            lies = any(result.alias_info for result in func._schema.returns)
            name = func._schema.name.removeprefix("aten::")
            over = (
                getattr(torch.ops.aten, f"{name}_", None)
                if name in self.CHEAP
                else None
            )
            self.known[func] = name, lies, getattr(over, func._overloadname, None)
        name, lies, _ = self.known[func]
        if types or lies:
            if not types and name in ("bernoulli_", "div_") and self.form != "plain":
                self.drop(name, args)
            return out
        made = out if isinstance(out, tuple | list) else (out,)
        made = [t for t in made if type(t) is Tensor and t.layout == torch.strided]
        if not made:
            return out
        first, *others = made
        for tensor in others:
            self.note(tensor)
        if self.form == "plain":
            self.note(first)
            return out
        if name in self.EXACT or (
            name == "linalg_vector_norm" and abs(args[1]) == math.inf
        ):
            self.noted(args[0])[0].keep()
        if name.endswith("_batch_norm"):
            x, weight, bias, mean, variance, training, _, eps = args
            stats = others[:2] if training else (mean.clone(), (variance + eps).rsqrt())
            self.call(first, self.normed, (x, *stats, weight, bias, eps))
        elif name in ("max_pool2d_with_indices", "adaptive_max_pool2d"):
            self.narrow(others[0], args[0].shape[-2] * args[0].shape[-1])
            self.call(first, self.picked, (args[0], others[0]))
        elif name == "native_dropout":
            scale = 1 / (1 - args[1]) if args[1] < 1 else 0
            self.call(
                first, lambda x, mask: (x * mask).mul_(scale), (args[0], others[0])
            )
        elif name == "_unsafe_view":  # Nobody else had what it is a view of, then.
            self.call(first, Tensor.view, args)
            self.noted(first)[0].deep = self.noted(args[0])[0].deep  # It is no step.
        elif name in self.CHEAP or self.repeats(func, args, kwargs or {}):
            self.call(first, func, args, kwargs or {})
        else:
            self.note(first)
        return out

    def repeats(self, func: Any, args: Any, kwargs: Any) -> bool:
        """Whether any other operation runs again, and makes the same."""
        schema = func._schema
        if self.form != "checkpoint" or schema.is_mutable or "empty" in schema.name:
            return False
        rest = [*args[1:], *kwargs.values()]
        held = [item for part in rest if isinstance(part, list) for item in part]
        names = [argument.name for argument in schema.arguments]
        if "dropout_p" in names:
            given = dict(zip(names, args, strict=False))
            draws = {**given, **kwargs}.get("dropout_p", 0.0) > 0
        else:
            draws = torch.Tag.nondeterministic_seeded in func.tags
        return not draws and not any(isinstance(item, Tensor) for item in held)

    def call(
        self, out: Tensor, func: Any, args: Sequence[Any], kwargs: Any = None
    ) -> None:
        """Notes that a call makes a tensor, over another that nobody has if it can."""
        many = bool(args) and isinstance(args[0], tuple | list)
        many = many and any(isinstance(item, Tensor) for item in args[0])
        of = [t for t in (args[0] if many else args) if isinstance(t, Tensor)]
        count, named = len(of), dict(kwargs or {})
        of += [t for t in named.values() if isinstance(t, Tensor)]  # as a mask
        inputs = [*map(self.noted, of)]
        if of and all(item.outside for item, _ in inputs):
            self.note(out)
            return
        # A tensor in here would live as long as the note.
        rest = args[1:] if many else [... if isinstance(t, Tensor) else t for t in args]
        named = {n: ... if isinstance(t, Tensor) else t for n, t in named.items()}
        over, turns = None, False
        if func in self.known:
            name, _, over = self.known[func]
            over = over if isinstance(args[0], Tensor) else None  # Not in 2**x.
            turns = name in ("add", "mul") and not named and len(of) == 2
        like = out.shape, out.dtype

        def make(had: list[Tensor], own: list[bool]) -> Tensor:
            if turns and own == [False, True]:
                had, own = had[::-1], own[::-1]
            fits = own[:1] == [True] and (had[0].shape, had[0].dtype) == like
            values = iter(had[count:] if many else had)
            filled = [next(values) if t is ... else t for t in rest]
            filled = [had[:count], *filled] if many else filled
            given = {n: next(values) if t is ... else t for n, t in named.items()}
            result = (over if over and fits else func)(*filled, **given)
            return result if isinstance(result, Tensor) else result[0]

        self.note(out, make, inputs)

    @staticmethod
    def normed(
        x: Tensor,
        mean: Tensor,
        scale: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        eps: float,
    ) -> Tensor:
        """A batch, normalised by statistics that are known."""
        variance = scale**-2 - eps
        return torch.native_batch_norm(
            x, weight, bias, mean, variance, False, 0.0, eps
        )[0]

    @staticmethod
    def picked(x: Tensor, places: Tensor) -> Tensor:
        """What stands in these places of images."""
        return x.flatten(-2).gather(-1, places.flatten(-2)).view(places.shape)

    def narrow(self, places: Tensor, count: int) -> None:
        """Notes that numbers below a count are kept as small ones."""
        kind = torch.int16 if count < 2**15 else torch.int32
        small = (lambda t: t.to(kind), lambda kept: kept.long())
        self.note(places, None, (), small)

    def drop(self, name: str, args: Any) -> None:
        """Notes that a mask, of zeros and one other number, is kept as yes and no."""
        mask = args[0]
        again = mask.__dict__.get("again")
        by = 1.0
        if name == "div_":
            if not (again and again.small and again.version == mask._version):
                return
            by = args[1]
        kind = mask.dtype
        small = (lambda t: t != 0, lambda kept: kept.to(kind).div_(by))
        again = self.note(mask, None, (), small)
        again.version += 1  # Torch counts the change when we are done.
