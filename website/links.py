"""Links of a built site that lead nowhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class _Page(HTMLParser):
    """What a page links to, and what can be linked to in it."""

    targets: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is None:
                continue
            if name in ("id", "name"):
                self.ids.add(value)
            elif name in ("href", "src"):
                self.targets.append(value)


@cache
def _read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def broken(site: Path) -> list[str]:
    """Links between the pages of a site that lead to no file, or to no place in it.

    Args:
        site: the folder with the pages.

    Returns:
        A line each: the page and the link.
    """
    found = []
    for path in sorted(site.rglob("*.html")):
        for target in _read(path).targets:
            if not _leads(path, target):
                found.append(f"{path.relative_to(site)}: {target}")
    return found


def _leads(path: Path, target: str) -> bool:
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return True
    where = path.parent / unquote(parts.path) if parts.path else path
    if where.is_dir():
        where /= "index.html"
    if not where.exists():
        return False
    if not parts.fragment or where.suffix != ".html" or "=" in parts.fragment:
        return True
    return unquote(parts.fragment) in _read(where.resolve()).ids
