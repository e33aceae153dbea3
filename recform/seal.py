"""Seals: how it is known of a file that recform wrote it, and that nobody changed it since.

A line of the file has a digest of all the others: the last one, where a text has no head in
which it stands.
"""

from __future__ import annotations

import re
from hashlib import sha256

#: The line of a text that is not sealed yet, behind what makes it a comment.
OPEN = f"sealed:  {'0' * 16}"
_SEAL = re.compile(r"sealed:  [0-9a-f]{16}\b")

#: How a line is a comment, by the ending of a file that people may go on with by hand.
_COMMENTS = {
    ".py": "# {}",
    ".rf": "# {}",
    ".md": "<!-- {} -->",
    ".html": "<!-- {} -->",
    ".tex": "% {}",
    ".tikz": "% {}",
    ".dot": "// {}",
    ".mermaid": "%% {}",
}
#: Of these spaces and newlines don't count: they are formatted.
_FORMATTED = ".rf"


def sealed(text: str, kind: str = ".py") -> str:
    """A text with a seal, in its open line or behind it; pictures and data have none.

    Args:
        text: the whole of a file.
        kind: the ending that names of such files have.
    """
    if kind not in _COMMENTS or is_sealed(text, kind):
        return text
    if OPEN not in text:
        text += f"{_COMMENTS[kind].format(OPEN)}\n"
    before, _, after = text.rpartition(OPEN)
    return f"{before}{_closed(text, kind)}{after}"


def is_sealed(text: str, kind: str = ".py") -> bool:
    """Whether a text is as it was sealed; of what has no seal nothing is known."""
    return kind not in _COMMENTS or any(
        _closed(f"{text[: seal.start()]}{OPEN}{text[seal.end() :]}", kind) == seal[0]
        for seal in _SEAL.finditer(text)
    )


def _closed(text: str, kind: str) -> str:
    counted = "".join(text.split()) if kind == _FORMATTED else text
    return OPEN[:-16] + sha256(counted.encode()).hexdigest()[:16]
