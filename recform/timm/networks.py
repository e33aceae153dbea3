"""Where timm finds the networks that were registered: a function for each.

timm reads the names below from the module in which a model's function stands.
"""

from typing import Any

__all__: list[str] = []
default_cfgs: dict[str, Any] = {}
