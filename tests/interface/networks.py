"""The networks that timm's tests are run over: ten files, and small images."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import recform

ROOT = Path(__file__).resolve().parents[2]

#: What timm calls them: the file, the network if it has several, the size of images.
NETWORKS = {
    "rf_resnet18": ("paper/resnet18.rf", None, 16),
    "rf_resnet18s": ("paper/resnet18_s.rf", None, 16),
    "rf_resnet50s": ("paper/resnet50_s.rf", None, 16),
    "rf_seresnet50": ("zoo/seresnet50.rf", None, 32),
    "rf_resnetrs50": ("zoo/resnet_rs.rf", None, 32),
    "rf_revnet110": ("zoo/revnet.rf", None, 16),
    "rf_lmresnet20": ("zoo/lm_resnet.rf", "LMResNet20", 16),
    "rf_densenetbc100": ("zoo/densenet_bc.rf", None, 16),
    "rf_stochasticdepth110": ("zoo/stochastic_depth.rf", None, 16),
    "rf_momentumresnet101": ("zoo/momentum_resnet.rf", None, 32),
}


def path(name: str) -> Path:
    """The file of a network."""
    return ROOT / "examples" / NETWORKS[name][0]


@cache
def source(name: str) -> str:
    """What is generated for a network, once in a process of the tests."""
    return recform.compile(path(name), NETWORKS[name][1], timm=True).source
