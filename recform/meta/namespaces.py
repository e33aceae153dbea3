"""What has names as torch does, of which not all are known."""

from __future__ import annotations

from contextlib import ContextDecorator
from types import SimpleNamespace
from typing import Any

from recform.meta.tensor import ALIKE, ALONG, TOGETHER, Tensor, Unread

#: Functions of one tensor that change numbers, and no size, besides methods of that name.
POINTWISE = frozenset(
    (
        *("relu", "relu6", "gelu", "silu", "elu", "selu", "celu", "mish", "softplus"),
        *("leaky_relu", "hardtanh", "hardswish", "hardsigmoid", "logsigmoid", "tanh"),
        *("sigmoid", "softsign", "tanhshrink", "hardshrink", "softshrink", "rrelu"),
        *("threshold", "dropout", "dropout1d", "dropout2d", "dropout3d", "normalize"),
        *("alpha_dropout", "feature_alpha_dropout", "zeros_like", "ones_like"),
        *("empty_like", "full_like", "rand_like", "randn_like", "nan_to_num"),
    )
)


def _alike(x: Tensor, *_: Any, **__: Any) -> Tensor:
    return Tensor(*_tensor(x).shape)


def _tensor(x: Any) -> Tensor:
    if not isinstance(x, Tensor):
        raise Unread("a function of no tensor")
    return x


class Mode(ContextDecorator):
    """``torch.no_grad`` and its kind: around a function, or some lines."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __enter__(self) -> Mode:
        return self

    def __exit__(self, *_: object) -> None: ...


class Namespace(SimpleNamespace):
    """What torch has, where it is known; anything else may stand there, and not be used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Unknown(name)


class Unknown:
    """Something of torch of which nothing is known here."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Unknown(f"{self._name}.{name}")

    def __mro_entries__(self, bases: object) -> tuple[type, ...]:
        return ()

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise Unread(self._name)


class Methods(Namespace):
    """``torch``: methods of tensors are functions as well."""

    def __getattr__(self, name: str) -> Any:
        if name in POINTWISE or name in ALIKE:
            return _alike
        if hasattr(Tensor, name) or name in TOGETHER | ALONG:
            return lambda x, *rest, **named: getattr(_tensor(x), name)(*rest, **named)
        return super().__getattr__(name)


class Functional(Namespace):
    """``torch.nn.functional``."""

    def __getattr__(self, name: str) -> Any:
        return _alike if name in POINTWISE else super().__getattr__(name)
