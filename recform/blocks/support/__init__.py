"""Classes and functions that operators bring into a generated file, where torch has none.

They are ordinary code here, checked like all of it; a generated file that needs one
holds a copy. So it uses nothing but ``torch``, ``nn``, ``F``, ``Tensor`` and ``math``,
and stands alone behind the imports of its file.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files


def template(name: str) -> str:
    """The source of what ``NAME.py`` defines here, without what stands above it."""
    text = files(__name__).joinpath(f"{name}.py").read_text(encoding="utf-8")
    _, *defined = re.split(r"(?m)^(?=class |def )", text)
    return "".join(defined).rstrip() + "\n"


@lru_cache(maxsize=1)
def names() -> frozenset[str]:
    """What a generated file may get from here, by name without capitals."""
    own = files(__name__)
    every = [*own.iterdir(), *own.joinpath("kept").iterdir()]
    return frozenset(
        file.name.removesuffix(".py").replace("_", "")
        for file in every
        if file.name.endswith(".py")
    )
