"""The ways in which timm takes features out of a network, for networks of formulas.

This module imports timm: only `recform.timm.registry` imports it, when it needs it.
"""

from __future__ import annotations

from typing import Any

from timm.models import FeatureDictNet, FeatureListNet
from timm.models._features import FeatureGetterNet
from torch import Tensor, nn


class FeatureGetterDict(FeatureGetterNet):
    """Levels by their numbers as they were asked for, as timm's FeatureDictNet has them.

    Args:
        model: with timm's interface.
        out_indices: which levels: the last so many, or their numbers.
    """

    def __init__(self, model: nn.Module, out_indices: Any = 4, **options: Any) -> None:
        if isinstance(out_indices, int):
            out_indices = range(-out_indices, 0)
        asked = tuple(out_indices)
        super().__init__(model, asked, **options)
        taken: Any = self.out_indices
        names = dict(zip(taken, asked, strict=True))
        # Levels come in the order of the network.
        self._names = [str(names[level]) for level in sorted(names)]

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        take: Any = super().forward
        return dict(zip(self._names, take(x), strict=True))


def extractor(wanted: Any) -> Any:
    """What takes the features, for a value of timm's argument ``feature_cls``.

    timm's own ``dict`` and ``list`` run the children of a network one after the other,
    which is another network where a state of several tensors, or a function, lies between
    them. Here they ask the network itself, as ``getter`` does.
    """
    kind = wanted.lower() if isinstance(wanted, str) else wanted
    if kind in ("dict", FeatureDictNet):
        return FeatureGetterDict
    if kind in ("list", FeatureListNet):
        return FeatureGetterNet
    return wanted
