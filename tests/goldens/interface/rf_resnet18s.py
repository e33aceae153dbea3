"""ResNet18s, from resnet18_s.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  resnet18_s.rf
sha256:  c1cc7b2f40b05bfa1da8aeb47d98a0eb07c7e6c7e6a6647b84c42141a3659b19
recform: 0.1.0
command: recform compile resnet18_s.rf -o resnet18_s.py --timm
sealed:  e9376dec541cfd9d
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

__all__ = ["ResNet18s"]


class ImageClassifier(nn.Module):
    """What timm's models have; a network says how its levels of features are made.

    Attributes:
        num_classes: how many scores; with 0, what would be classified is returned.
        in_chans: channels of the images.
        global_pool: "avg", "max", or "" for none, which leaves nothing to classify;
            "head" where the formula's own is the only one.
        drop_rate: of the dropout in front of the classifier, in training.
        num_features: channels of what `forward_features` returns.
        head_hidden_size: features that the classifier gets.
        feature_info: the levels; of each its channels, how many times coarser than the
            image it is, and the module that returns it.
    """

    num_features: int
    head_hidden_size: int
    feature_info: list[dict[str, Any]]
    _classifier_name: str
    _finish_names: tuple[str, ...] = ()
    _undecayed: tuple[str, ...] = ()
    _order: tuple[str, ...] = ()
    _pools: tuple[str, ...] = ("avg", "max", "")

    def __init__(
        self, num_classes: int, in_chans: int, global_pool: str, drop_rate: float
    ) -> None:
        super().__init__()
        self._choose(num_classes, global_pool)
        self.in_chans = in_chans
        self.drop_rate = drop_rate
        self.grad_checkpointing = False

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))

    def forward_features(self, x: Tensor) -> Tensor:
        """The features that are pooled."""
        for level in self._levels(x):
            x = level
        return self._finish(x)

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Scores, or what the classifier gets, from what `forward_features` returns."""
        x = self._pre_logits(x)
        if not pre_logits:
            x = self.get_classifier()(x)
        return x

    def forward_intermediates(
        self,
        x: Tensor,
        indices: int | Sequence[int] | None = None,
        norm: bool = False,
        stop_early: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> list[Tensor] | tuple[Tensor, list[Tensor]]:
        """The levels of features, behind what `forward_features` returns.

        Args:
            x: images.
            indices: which levels: the last so many, those named, or all.
            norm: whether the last one is taken behind what the head does in front of
                its pooling.
            stop_early: whether to return the last level that is wanted in place of the
                features, and compute no more.
            output_fmt: "NCHW"; there is no other.
            intermediates_only: whether to return the levels alone.

        Raises:
            ValueError: if there is no such level or format.
        """
        if output_fmt != "NCHW":
            raise ValueError(f"features are NCHW, not {output_fmt}")
        wanted = self._wanted(indices)
        last = len(self.feature_info) - 1
        stop = max(wanted) if stop_early or intermediates_only else last
        taken = []
        for number, level in enumerate(self._levels(x)):
            x = level
            if number == last and (norm or not intermediates_only):
                x = self._finish(level)
            if number in wanted:
                taken.append(x if norm else level)
            if number == stop:
                break
        return taken if intermediates_only else (x, taken)

    def prune_intermediate_layers(
        self,
        indices: int | Sequence[int] = 1,
        prune_norm: bool = False,
        prune_head: bool = True,
    ) -> list[int]:
        """Takes out what is not needed for some levels; returns their numbers."""
        wanted = self._wanted(indices)
        kept = self.feature_info[max(wanted)]["module"]
        end = self.feature_info[-1]["module"]
        names = self._order or tuple(name for name, _ in self.named_modules())
        pruned: list[str] = []
        for name in names[names.index(kept) + 1 : names.index(end) + 1]:
            inside = [kept, *pruned][-1]
            if not name.startswith(f"{inside}.") and not end.startswith(f"{name}."):
                pruned.append(name)
        for name in [*pruned, *(self._finish_names if prune_norm else ())]:
            self._replace(name, nn.Identity())
        if prune_head:
            self.reset_classifier(0)
        return wanted

    def get_classifier(self) -> nn.Module:
        """The last layer."""
        return self.get_submodule(self._classifier_name)

    def reset_classifier(
        self, num_classes: int, global_pool: str | None = None
    ) -> None:
        """Puts a new last layer in place of the old one, or none for 0 classes.

        Raises:
            ValueError: if there is no such pooling, or nothing to classify.
        """
        self._choose(
            num_classes, self.global_pool if global_pool is None else global_pool
        )
        weight = next(self.parameters())
        new = self._classifier(num_classes).to(weight.device, weight.dtype)
        self._replace(self._classifier_name, new.train(self.training))

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """In training, blocks keep what they get, and are run again for gradients."""
        self.grad_checkpointing = enable

    def no_weight_decay(self) -> set[str]:
        """Learned scalars, which are no weights."""
        return {
            f"{path}.{name}".lstrip(".")
            for path, module in self.named_modules()
            for name, _ in module.named_parameters(recurse=False)
            for kind in type(module).__mro__
            if f"{kind.__name__}.{name}" in self._undecayed
        }

    def _levels(self, x: Tensor) -> Iterator[Tensor]:
        """The features at each level, one after the other."""
        raise NotImplementedError

    def _finish(self, x: Tensor) -> Tensor:
        """What the head does in front of its pooling."""
        return x

    def _pool(self, x: Tensor) -> Tensor:
        if self.global_pool == "avg":
            return x.mean((2, 3))
        if self.global_pool == "max":
            return x.amax((2, 3))
        return x

    def _pre_logits(self, x: Tensor) -> Tensor:
        """What the head does from its pooling to the classifier."""
        return F.dropout(self._pool(x), self.drop_rate, self.training)

    def _classifier(self, num_classes: int) -> nn.Module:
        if num_classes == 0:
            return nn.Identity()
        return nn.Linear(self.head_hidden_size, num_classes)

    def _checkpointed(self, stage: Iterable[nn.Module]) -> Iterator[Callable[..., Any]]:
        """The blocks of a stage, or blocks that keep nothing but what they get."""
        for block in stage:
            if self.grad_checkpointing:
                yield partial(self._run_twice, block)
            else:
                yield block

    def _run_twice(self, block: nn.Module, *state: Any) -> Any:
        """A block that keeps what it gets; its batch norms count each batch once."""
        if torch.compiler.is_compiling():  # compiled, statistics are counted once
            return checkpoint(block, *state, use_reentrant=False)
        return checkpoint(
            block,
            *state,
            use_reentrant=False,
            context_fn=lambda: (nullcontext(), self._uncounted(block)),
        )

    @contextmanager
    def _uncounted(self, block: nn.Module) -> Iterator[None]:
        """Within this, statistics of batch norms stay as they are."""
        kind = nn.modules.batchnorm._NormBase
        norms = [norm for norm in block.modules() if isinstance(norm, kind)]
        before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
        for norm in norms:
            norm.momentum, norm.num_batches_tracked = 0.0, None
        try:
            yield
        finally:
            for norm, (momentum, count) in zip(norms, before, strict=True):
                norm.momentum, norm.num_batches_tracked = momentum, count

    def _wanted(self, indices: int | Sequence[int] | None) -> list[int]:
        count = len(self.feature_info)
        if indices is None:
            indices = count
        if isinstance(indices, int):
            indices = range(-indices, 0)
        wanted = [number + count if number < 0 else number for number in indices]
        if not wanted or not all(0 <= number < count for number in wanted):
            raise ValueError(f"no such levels; there are {count}")
        return wanted

    def _choose(self, num_classes: int, global_pool: str) -> None:
        if global_pool not in self._pools:
            raise ValueError(
                f"global_pool is one of {self._pools}, not {global_pool!r}"
            )
        if num_classes > 0 and not global_pool:
            raise ValueError("without pooling there is nothing to classify")
        self.num_classes = num_classes
        self.global_pool = global_pool

    def _replace(self, name: str, module: nn.Module) -> None:
        parent, _, attribute = name.rpartition(".")
        setattr(self.get_submodule(parent), attribute, module)


class WBlock(nn.Module):
    """W = conv(3, c, stride=s) > bn > relu > conv(3, c) > bn"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            in_channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:13
        return self.bn2(self.conv2(x))  # rf:13


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """conv(1, c, stride=s) > bn, for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
        nn.BatchNorm2d(channels),
    )


class Step(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>

    Takes x_prev = X_<i-1>, wx_prev = W_<i-1>*X_<i-2>.
    Hands on X_i, W_i*X_<i-1>.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = WBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)
        self.shortcut_wx = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor, wx_prev: Tensor) -> tuple[Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:15
        x = F.relu(self.shortcut(x_prev) + wx) - self.shortcut_wx(wx_prev)  # rf:15
        return x, wx


class Stem(nn.Module):
    """stem conv(3, 64) > bn > relu"""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 64, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(64)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))  # rf:9


class ResNet18s(ImageClassifier):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>
    W_0*X_<-1> = X_0

    Takes N x 3 x 32 x 32, returns N x num_classes.
    """

    num_features = 512
    head_hidden_size = 512
    _classifier_name = "head.fc"

    def __init__(
        self,
        num_classes: int = 10,
        in_chans: int = 3,
        global_pool: str = "avg",
        drop_rate: float = 0.0,
    ) -> None:
        super().__init__(num_classes, in_chans, global_pool, drop_rate)
        self.feature_info = [
            {"num_chs": 64, "reduction": 1, "module": "stem"},
            {"num_chs": 64, "reduction": 1, "module": "level1"},
            {"num_chs": 128, "reduction": 2, "module": "level2"},
            {"num_chs": 256, "reduction": 4, "module": "level3"},
            {"num_chs": 512, "reduction": 8, "module": "level4"},
        ]
        self.stem = Stem(in_chans)
        self.stage1 = nn.ModuleList([Step(64, 64) for _ in range(2)])
        self.level1 = nn.Identity()
        self.stage2 = nn.ModuleList([Step(64, 128, stride=2), Step(128, 128)])
        self.level2 = nn.Identity()
        self.stage3 = nn.ModuleList([Step(128, 256, stride=2), Step(256, 256)])
        self.level3 = nn.Identity()
        self.stage4 = nn.ModuleList([Step(256, 512, stride=2), Step(512, 512)])
        self.level4 = nn.Identity()
        self.head = nn.ModuleDict({"fc": self._classifier(num_classes)})

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def _levels(self, x: Tensor) -> Iterator[Tensor]:
        x = self.stem(x)
        yield x
        wx = x
        stages = (
            (self.stage1, self.level1),
            (self.stage2, self.level2),
            (self.stage3, self.level3),
        )
        for stage, level in stages:
            for block in self._checkpointed(stage):
                x, wx = block(x, wx)
            yield level(x)
        for block in self._checkpointed(self.stage4):
            x, wx = block(x, wx)
        yield self.level4(x)

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Patterns that sort parameters by depth: stem, stages, blocks."""
        if coarse:
            blocks: Any = r"^stage(\d+)"
        else:
            blocks = r"^stage(\d+)\.(\d+)"
        return {"stem": r"^stem\b", "blocks": blocks}
