"""Generated files: Python that needs torch and nothing else.

The plans of a file's networks become its text (:mod:`module`), which is read back before
anybody gets it (:mod:`checked`); :mod:`support` finds the classes that operators bring,
:mod:`classifier` gives networks timm's interface, and :mod:`owners` emits a network under
names that say what each parameter is for.
"""

from recform.emit.module import emit

__all__ = ["emit"]
