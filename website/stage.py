"""All pages in one folder, as Sphinx reads them: those of docs/ and those of examples."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from recform.render import View
from website.drawn import Drawn
from website.examples import ROOT, Example
from website.pages import PLAYGROUND, example_page, gallery, names, picture_file

HERE = Path(__file__).parent
#: Pages that stand outside docs/, by their place in the site.
OUTSIDE = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
_LINK = re.compile(r"(\]\()([^)\s#:]+)((?:#[^)\s]*)?\))")
#: A file that is named, but not linked to.
_NAMED = re.compile(r"(?<!\[)`(examples/\w+/\w+\.rf)`")
_FENCE = re.compile(r"(^ *```.*?^ *```$)", re.DOTALL | re.MULTILINE)


def stage(
    folder: Path, several: list[tuple[Example, Drawn | None]], playground: bool
) -> None:
    """Writes what has changed, and takes away what is not of the site any more.

    Args:
        folder: where Sphinx will read.
        several: the examples.
        playground: whether the site has one.
    """
    made: dict[str, bytes] = {}
    for path in sorted((ROOT / "docs").rglob("*")):
        if path.is_file():
            name = path.relative_to(ROOT / "docs").as_posix()
            made[name] = path.read_bytes()
            if path.suffix == ".md":
                made[name] = _moved(path, name, made).encode()
    for outside, name in OUTSIDE.items():
        made[name] = _moved(ROOT / outside, name, made).encode()
    for path in sorted((HERE / "static").iterdir()):
        made[f"_static/{path.name}"] = path.read_bytes()
    made["conf.py"] = (HERE / "conf.py").read_bytes()
    parts = {
        "<!-- gallery -->": gallery(several),
        "<!-- names -->": names(several),
        "<!-- playground -->\n": f"{PLAYGROUND}\n" if playground else "",
    }
    for path in sorted((HERE / "pages").iterdir()):
        text = path.read_text(encoding="utf-8")
        for mark, part in parts.items():
            text = text.replace(mark, part)
        made[path.name] = text.encode()
    for example, drawn in several:
        made[f"{example.page}.md"] = example_page(example, drawn, playground).encode()
        for network in drawn.networks if drawn else ():
            for view, svg in network.pictures.items():
                file = picture_file(example, network.name, View(view))
                made[f"_static/{file}"] = svg.encode()
    _write(folder, made)


def _moved(path: Path, name: str, made: dict[str, bytes]) -> str:
    """A page with its links as they are in the site; adds the files that it links to."""

    def place(match: re.Match[str]) -> str:
        target = posixpath.normpath((path.parent / match[2]).resolve().as_posix())
        found = _place(Path(target), made)
        there = posixpath.relpath(found, posixpath.dirname(name) or ".")
        return f"{match[1]}{there}{match[3]}"

    def named(match: re.Match[str]) -> str:
        if not (ROOT / match[1]).exists():
            return match[0]
        page = match[1].removesuffix(".rf")
        return f"[{match[0]}]({page}.md)"

    parts = _FENCE.split(path.read_text(encoding="utf-8"))
    parts[::2] = [_NAMED.sub(named, _LINK.sub(place, part)) for part in parts[::2]]
    return "".join(parts)


def _place(target: Path, made: dict[str, bytes]) -> str:
    """Where the site has a file of the repository."""
    name = target.relative_to(ROOT).as_posix()
    if name in OUTSIDE:
        return OUTSIDE[name]
    if name == "README.md":
        return "index.md"
    if name.startswith("docs/"):
        return name.removeprefix("docs/")
    if target.is_dir():
        return "gallery.md"
    if target.suffix == ".rf":
        return f"{name.removesuffix('.rf')}.md"
    made[name] = target.read_bytes()
    return name


def _write(folder: Path, made: dict[str, bytes]) -> None:
    for old in sorted(folder.rglob("*")):
        if old.is_file() and old.relative_to(folder).as_posix() not in made:
            old.unlink()
    for name, content in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
