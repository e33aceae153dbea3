"""Where timm's names are not those of a formula file: which key of ours is which of timm's.

Most files of the zoo have timm's names by their ``names`` and labels. These have not:

* **Res2Net**: timm keeps the convolutions of the parts in one list and their
  normalisations in another; for a formula they are one operator ``K_k``.
* **Inception-ResNet**: timm has a container for each kind of block, with the modules that
  halve the grid beside them, and names the last block, which has no activation. In the
  formula all are blocks of three stages, and what a block adds is its operator A or B.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

_V = TypeVar("_V")


def _res2net(key: str) -> str:
    key = re.sub(r"\.convs\.(\d)\.", r".scales.K.\1.conv.", key)
    return re.sub(r"\.bns\.(\d)\.", r".scales.K.\1.bn.", key)


def _inception_resnet(key: str) -> str:
    fixed = {"mixed_6a": "repeat2.0", "mixed_7a": "repeat3.0", "block8": "repeat3.10.B"}
    first, _, rest = key.partition(".")
    if first in fixed:
        return f"{fixed[first]}.{rest}"
    found = re.fullmatch(r"repeat(?:_(\d))?\.(\d+)\.(.*)", key)
    if found is None:
        return key
    stage, block, rest = int(found[1] or 0), int(found[2]), found[3]
    if stage == 0:
        return f"repeat1.{block}.A.{rest}"
    return f"repeat{stage + 1}.{block + 1}.B.{rest}"


#: By the name of the file.
OURS: Mapping[str, Callable[[str], str]] = {
    "res2net50_26w_4s": _res2net,
    "res2next50": _res2net,
    "inception_resnet_v2": _inception_resnet,
}


def renamed(name: str, weights: Mapping[str, _V]) -> dict[str, _V]:
    """timm's state_dict under the names of our file."""
    rule = OURS.get(name, str)
    return {rule(key): value for key, value in weights.items()}
