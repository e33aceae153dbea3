"""Classes that operators bring into a generated file, where torch has none.

They are ordinary modules here, checked like all code; a generated file that needs one
holds a copy. So a class uses nothing but ``torch``, ``nn``, ``F``, ``Tensor`` and
``math``, and stands alone behind the imports of its file.
"""

from __future__ import annotations

from importlib.resources import files


def template(name: str) -> str:
    """The source of the class in ``NAME.py``, without what stands above it."""
    text = files(__name__).joinpath(f"{name}.py").read_text(encoding="utf-8")
    return text[text.index("class ") :].rstrip() + "\n"
