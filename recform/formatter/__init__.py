"""One way to write a file down: text in, text out.

What comes in is the text of a formula file, what goes out the same file in canonical form:
the same tokens, the same comments, the author's order and breaks of lines. `formatted` is
all that others call.
"""

from recform.formatter.file import formatted

__all__ = ["formatted"]
