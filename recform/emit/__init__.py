"""Python source from the network: a module that needs torch and nothing else.

:mod:`names` gives out identifiers, :mod:`pipelines` writes operators, :mod:`expressions`
writes formulas, :mod:`step` and :mod:`network` write the classes, :mod:`module` the file.
"""

from recform.emit.module import emit

__all__ = ["emit"]
