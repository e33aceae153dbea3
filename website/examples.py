"""The files under examples/, and what their first lines say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: The folders of examples, in the order of the site, and what they hold.
FOLDERS = {
    "paper": "The paper: Liao et al.",
    "zoo": "Networks of other papers",
    "modern": "Schemes of 2015 to 2026",
    "language": "Construct by construct",
}
_LONGEST_TITLE = 64


@dataclass(frozen=True)
class Example:
    """A formula file.

    Attributes:
        path: where it is.
        text: what it holds.
    """

    path: Path
    text: str

    @property
    def folder(self) -> str:
        """The folder under examples/."""
        return self.path.parent.name

    @property
    def name(self) -> str:
        """The file from the top of the repository, with slashes."""
        return f"examples/{self.folder}/{self.path.name}"

    @property
    def page(self) -> str:
        """The page of the site, without an ending."""
        return f"examples/{self.folder}/{self.path.stem}"

    @cached_property
    def header(self) -> str:
        """The comment in front of the first statement, as one paragraph."""
        lines = []
        for line in self.text.splitlines():
            if not line.startswith("#"):
                break
            lines.append(line.lstrip("#").strip())
        return " ".join(lines)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The networks that the file names."""
        return tuple(re.findall(r"^network[ \t]+(\w+)", self.text, re.MULTILINE))

    @cached_property
    def title(self) -> str:
        """What the header calls it, in its first words; or the names of its networks."""
        said = re.split(r":|\.(?= |$)| \(", self.header)[0]
        cited = re.search(r"\d{4}|et al", said)
        if said and not cited and len(said) <= _LONGEST_TITLE:
            return said
        return ", ".join(self.classes[:3]) or _capital(self.path.stem)

    @cached_property
    def year(self) -> int | None:
        """The year of the paper that is named first."""
        found = re.search(r"\b(?:19|20)\d\d\b", self.header)
        return int(found[0]) if found else None

    @property
    def alone(self) -> bool:
        """Whether it reads no other file."""
        return not self.uses

    @cached_property
    def uses(self) -> tuple[Path, ...]:
        """The files that its ``use`` statements name."""
        named = re.findall(r'^use\s+"([^"]+)"', self.text, re.MULTILINE)
        return tuple(self.path.parent / name for name in named)


def _capital(stem: str) -> str:
    """The name that a network has by default."""
    return "".join(part.capitalize() for part in stem.split("_"))


def examples() -> tuple[Example, ...]:
    """All files, in the order of the site."""
    return tuple(
        Example(path, path.read_text(encoding="utf-8"))
        for folder in FOLDERS
        for path in sorted((ROOT / "examples" / folder).glob("*.rf"))
    )
