"""The modules of ``torch.nn``, on sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from recform.meta import functional as F
from recform.meta.namespaces import Namespace
from recform.meta.sizes import Misshapen, each
from recform.meta.tensor import Tensor


class Module:
    """``nn.Module``: what is called is its forward pass."""

    training = True

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __call__(self, *given: Any, **named: Any) -> Any:
        return self.forward(*given, **named)  # type: ignore[attr-defined]

    def register_buffer(self, name: str, value: Any, persistent: bool = True) -> None:
        """Keeps a tensor that is not learned."""
        setattr(self, name, value)

    register_parameter = add_module = register_buffer

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules that it has itself, with their names."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value

    def children(self) -> Iterator[Module]:
        """The modules that it has itself."""
        return (child for _, child in self.named_children())

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = ""
    ) -> Iterator[tuple[str, Module]]:
        """Itself, and all modules inside, each once, with their paths."""
        memo = set() if memo is None else memo
        if self not in memo:
            memo.add(self)
            yield prefix, self
            for name, child in self.named_children():
                path = f"{prefix}.{name}" if prefix else name
                yield from child.named_modules(memo, path)

    def modules(self) -> Iterator[Module]:
        """Itself, and all modules inside."""
        return (module for _, module in self.named_modules())

    def get_submodule(self, path: str) -> Module:
        """The module at a path."""
        found = self
        for name in path.split(".") if path else ():
            found = dict(found.named_children())[name]
        return found

    def get_parameter(self, path: str) -> Parameter:
        """What is learned at a path."""
        above, _, name = path.rpartition(".")
        found: Parameter = getattr(self.get_submodule(above), name)
        return found

    def named_parameters(self, **_: Any) -> Iterator[tuple[str, Parameter]]:
        """What it learns, with the paths."""
        for path, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, Parameter):
                    yield f"{path}.{name}" if path else name, value

    def parameters(self) -> Iterator[Parameter]:
        """What it learns."""
        return (value for _, value in self.named_parameters())

    def apply(self, function: Callable[[Module], Any]) -> Module:
        """Does something with each module."""
        for module in self.modules():
            function(module)
        return self

    def to(self, *_: Any, **__: Any) -> Module:
        """The same, elsewhere."""
        return self

    def train(self, mode: bool = True) -> Module:
        """In training or not."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Not in training."""
        return self.train(False)


class Parameter(Tensor):
    """``nn.Parameter``."""

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        super().__init__(*(() if data is None else data.shape))


class Identity(Module):
    """Hands on what it gets."""

    def forward(self, x: Any) -> Any:
        return x


class Sequential(Module):
    """Modules one after the other."""

    def __init__(self, *parts: Any) -> None:
        items = (
            parts[0].items()
            if len(parts) == 1 and isinstance(parts[0], dict)
            else enumerate(parts)
        )
        for name, part in items:
            setattr(self, str(name), part)

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __len__(self) -> int:
        return len(list(self.children()))

    def __getitem__(self, index: Any) -> Any:
        found = list(self.children())[index]
        return Sequential(*found) if isinstance(index, slice) else found

    def forward(self, x: Any) -> Any:
        for part in self.children():
            x = part(x)
        return x


class ModuleList(Sequential):
    """A row of modules."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__(*modules)

    def append(self, module: Module) -> ModuleList:
        """One more at the end."""
        setattr(self, str(len(self)), module)
        return self

    def __getitem__(self, index: Any) -> Any:
        found = list(self.children())[index]
        return ModuleList(found) if isinstance(index, slice) else found


class ModuleDict(Module):
    """Modules by names, which may be those of its methods."""

    def __init__(self, modules: Any = ()) -> None:
        self._held = dict(modules)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        return iter(self._held.items())

    def __getitem__(self, name: str) -> Module:
        found: Module = self._held[name]
        return found

    def items(self) -> Iterable[tuple[str, Module]]:
        """Names and modules."""
        return self._held.items()

    def values(self) -> Iterable[Module]:
        """The modules."""
        return self._held.values()

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._held.keys()


def _bias(size: int, bias: bool) -> Parameter | None:
    return Parameter(Tensor(size)) if bias else None


def _require_groups(groups: int, *channels: int) -> None:
    for count in channels:
        if count % groups:
            raise Misshapen(f"{count} channels are no {groups} groups")


class Linear(Module):
    """A product with a matrix."""

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, **_: Any
    ) -> None:
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(Tensor(out_features, in_features))
        self.bias = _bias(out_features, bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class Bilinear(Module):
    """Products of all features of two tensors, weighed."""

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        **_: Any,
    ) -> None:
        self.weight = Parameter(Tensor(out_features, in1_features, in2_features))
        self.bias = _bias(out_features, bias)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return F.bilinear(x, y, self.weight, self.bias)


class Embedding(Module):
    """A row of a table for each number."""

    def __init__(self, num_embeddings: int, embedding_dim: int, **_: Any) -> None:
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.weight = Parameter(Tensor(num_embeddings, embedding_dim))

    def forward(self, x: Tensor) -> Tensor:
        return F.embedding(x, self.weight)


class _Conv(Module):
    axes = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        **_: Any,
    ) -> None:
        _require_groups(groups, in_channels, out_channels)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = each(kernel_size, self.axes)
        self.stride, self.dilation = each(stride, self.axes), each(dilation, self.axes)
        self.padding = padding if isinstance(padding, str) else each(padding, self.axes)
        self.groups = groups
        self.weight = Parameter(
            Tensor(out_channels, in_channels // groups, *self.kernel_size)
        )
        self.bias = _bias(out_channels, bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.convolution(self.axes)(
            x,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
        )


class _ConvTranspose(Module):
    axes = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        **_: Any,
    ) -> None:
        _require_groups(groups, in_channels, out_channels)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.how = (stride, padding, output_padding, groups, dilation)
        kernel = each(kernel_size, self.axes)
        self.weight = Parameter(Tensor(in_channels, out_channels // groups, *kernel))
        self.bias = _bias(out_channels, bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.transposed(self.axes)(x, self.weight, self.bias, *self.how)


class _BatchNorm(Module):
    axes: tuple[int, ...] = (4,)

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        **_: Any,
    ) -> None:
        self.num_features, self.eps = num_features, eps
        self.weight = Parameter(Tensor(num_features)) if affine else None
        self.bias = Parameter(Tensor(num_features)) if affine else None
        self.running_mean = self.running_var = Tensor(num_features)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim not in self.axes:
            raise Misshapen(f"{x} has no {self.axes[-1]} axes")
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias
        )


class GroupNorm(Module):
    """Groups of channels, each normalised."""

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        **_: Any,
    ) -> None:
        _require_groups(num_groups, num_channels)
        self.num_groups = num_groups
        self.weight = Parameter(Tensor(num_channels)) if affine else None
        self.bias = Parameter(Tensor(num_channels)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        return F.group_norm(x, self.num_groups, self.weight, self.bias)


class _LastAxes(Module):
    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        **_: Any,
    ) -> None:
        self.normalized_shape, self.eps = each(normalized_shape, 1), eps
        sizes = Tensor(*self.normalized_shape)
        self.weight = Parameter(sizes) if elementwise_affine else None
        has = elementwise_affine and bias and isinstance(self, LayerNorm)
        self.bias = Parameter(sizes) if has else None

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias)


class LayerNorm(_LastAxes):
    """The last axes, normalised."""


class RMSNorm(_LastAxes):
    """The last axes, divided by their root mean square."""


class PReLU(Module):
    """A slope for each channel, or one for all."""

    def __init__(self, num_parameters: int = 1, init: float = 0.25, **_: Any) -> None:
        self.num_parameters = num_parameters
        self.weight = Parameter(Tensor(num_parameters))

    def forward(self, x: Tensor) -> Tensor:
        return F.prelu(x, self.weight)


class Flatten(Module):
    """Some axes as one."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.ends = start_dim, end_dim

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(*self.ends)


class Unflatten(Module):
    """One axis as some."""

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        self.how = dim, unflattened_size

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(*self.how)


class Upsample(Module):
    """A finer grid."""

    def __init__(self, size: Any = None, scale_factor: Any = None, **_: Any) -> None:
        self.how = size, scale_factor

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, *self.how)


def _alike(name: str) -> type[Module]:
    """A module that changes numbers, and no size; all of its arguments are numbers."""

    def forward(self: Module, x: Tensor) -> Tensor:
        return Tensor(*x.shape)

    return type(name, (Module,), {"forward": forward})


def _with_arguments(name: str, function: Callable[..., Tensor]) -> type[Module]:
    """A module that hands its arguments to a function."""

    def __init__(self: Any, *given: Any, **named: Any) -> None:
        self.given, self.named = given, named

    def forward(self: Any, x: Tensor) -> Tensor:
        return function(x, *self.given, **self.named)

    return type(name, (Module,), {"__init__": __init__, "forward": forward})


_ALIKE = (
    *("ReLU", "ReLU6", "GELU", "SiLU", "ELU", "SELU", "CELU", "Mish", "Softplus"),
    *("LeakyReLU", "Hardtanh", "Hardswish", "Hardsigmoid", "Tanh", "Sigmoid"),
    *("LogSigmoid", "Softsign", "Tanhshrink", "Hardshrink", "Softshrink", "RReLU"),
    *("Threshold", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout"),
    *("FeatureAlphaDropout",),
)


class _First:
    """``nn.init``: what is filled keeps its sizes."""

    def __getattr__(self, name: str) -> Any:
        return lambda tensor, *_, **__: tensor


def _each_count() -> Iterator[tuple[str, type[Module]]]:
    for n in (1, 2, 3):
        sizes = {"axes": n}
        yield f"Conv{n}d", type(f"Conv{n}d", (_Conv,), sizes)
        yield f"ConvTranspose{n}d", type(f"ConvTranspose{n}d", (_ConvTranspose,), sizes)
        axes = {"axes": (2, 3) if n == 1 else (n + 2,)}
        yield f"BatchNorm{n}d", type(f"BatchNorm{n}d", (_BatchNorm,), axes)
        for kind, made in (
            ("MaxPool", F.pooling(n, dilates=True)),
            ("AvgPool", F.pooling(n, dilates=False)),
            ("AdaptiveAvgPool", F.adaptive(n)),
            ("AdaptiveMaxPool", F.adaptive(n, largest=True)),
        ):
            yield f"{kind}{n}d", _with_arguments(f"{kind}{n}d", made)


nn = Namespace(
    **{name: _alike(name) for name in _ALIKE},
    **dict(_each_count()),
    **{
        kind.__name__: kind
        for kind in (
            *(Module, Parameter, Identity, Sequential, ModuleList, ModuleDict, Linear),
            *(Embedding, GroupNorm, LayerNorm, RMSNorm, PReLU, Flatten, Unflatten),
            *(Bilinear, Upsample),
        )
    },
    Softmax=_with_arguments("Softmax", F.softmax),
    PixelShuffle=_with_arguments("PixelShuffle", F.pixel_shuffle),
    PixelUnshuffle=_with_arguments("PixelUnshuffle", F.pixel_unshuffle),
    ChannelShuffle=_with_arguments("ChannelShuffle", F.channel_shuffle),
    init=_First(),
    functional=F.functional,
)
