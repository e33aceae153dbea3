"""What is said of one code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One code.

    Attributes:
        title: in a few words.
        cause: what happened, in the user's words, and how to mend it.
        wrong: a file that earns the code; empty for mistakes outside of a file's text.
        mended: the same file as it could be.
        command: for those, what a user may have typed.
    """

    title: str
    cause: str
    wrong: str = ""
    mended: str = ""
    command: str = ""


#: A formula that is right.
ONE = "X_i = X_<i-1> + W_i*X_<i-1>"
