"""Python source from the network: a module that needs torch and nothing else.

A network with shapes becomes a plan (:mod:`plan`), and a plan becomes text
(:mod:`printer`). In between: :mod:`naming` gives out identifiers, :mod:`pipelines` writes
operators, :mod:`formula` equations, :mod:`steps` the blocks, :mod:`rows` containers,
:mod:`network` the whole, and :mod:`classifier` one with timm's interface.
"""

from recform.emit.module import emit

__all__ = ["emit"]
