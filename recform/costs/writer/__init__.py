"""Writes a tape: operators, one after the other, as code runs them.

What is noted of operations that are written stands in `marks.py`, how tensors lie in
memory in `lying.py`; an operation is put down in `operations.py`, and rows of them, and
what they are made of, in `writer.py`. A :class:`Writer` is all of it.
"""

from recform.costs.writer.writer import Works, Writer

__all__ = ["Works", "Writer"]
