"""Draws every example into docs/gallery: ``make gallery``.

The pinned renderer makes the same files on every machine, so that a test can tell
whether they are up to date.
"""

from __future__ import annotations

import sys
from pathlib import Path

from recform.algebra.said import boundary_texts, equation_texts
from recform.compiler import Compiled, compile_source, read
from recform.diagnostics import CompileError
from recform.recurrence.regimes import own_blocks
from recform.render import Format, Request, View, write
from recform.render import diagram as draw
from recform.render.model import Diagram
from recform.render.placing import renderer
from recform.render.views.step import not_for

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "gallery"
EXAMPLES = ROOT / "examples"

HEAD = """# Gallery

Every file under [examples/](../../examples), drawn by `make gallery`. What the forms
and colours mean is said in [diagrams.md](../diagrams.md).
"""


def files() -> dict[str, tuple[Path, tuple[Compiled, ...]]]:
    """All networks of each example, by the name of its pictures."""
    found: dict[str, tuple[Path, tuple[Compiled, ...]]] = {}
    for path in sorted(EXAMPLES.rglob("*.rf")):
        source, folder = read(path)
        name = f"{path.parent.name}-{path.stem}"
        found[name] = (path, compile_source(source, {}, folder))
    return found


def networks() -> dict[str, tuple[Path, Compiled]]:
    """All networks of all examples, by the name of their pictures."""
    return {
        name if len(several) == 1 else f"{name}-{compiled.name}": (path, compiled)
        for name, (path, several) in files().items()
        for compiled in several
    }


def formulas() -> dict[str, tuple[Path, list[tuple[str, Compiled]]]]:
    """Networks of one file and of the same equations, by the name of the first."""
    found: dict[str, tuple[Path, list[tuple[str, Compiled]]]] = {}
    leaders: dict[tuple[Path, str], str] = {}
    for name, (path, compiled) in networks().items():
        leader = leaders.setdefault((path, equations(compiled)), name)
        found.setdefault(leader, (path, []))[1].append((name, compiled))
    return found


def _but(compiled: Compiled) -> str:
    """The blocks that pictures of the general equations are not for, as a sentence."""
    other = not_for(compiled.formula)
    return f" {other}." if other else ""


def equations(compiled: Compiled) -> str:
    """The formula, a line an equation; with those of single blocks if there are such."""
    formula = compiled.formula
    own = boundary_texts(formula) if own_blocks(formula) else ()
    return "\n".join([*equation_texts(formula), *own])


def picture(compiled: Compiled, view: View) -> tuple[Diagram, bytes]:
    """A view of a network, and what it looks like."""
    request = Request(view=view, renderer=renderer.PINNED)
    diagram = draw(compiled.graph, request)
    return diagram, write(diagram, request, Format.svg)


def page(leader: str, path: Path, several: list[tuple[str, Compiled]]) -> str:
    """The part of the gallery on one formula."""
    source = path.relative_to(ROOT).as_posix()
    first = several[0][1]
    rows = "\n".join(
        f"| [{compiled.name}]({name}-network.svg) "
        f"| {compiled.graph.totals.parameters:,} |"
        for name, compiled in several
    )
    return f"""
## {first.name}

From [{source}](../../{source}).

```
{equations(first)}
```

![One block of {first.name}]({leader}-step.svg)

{_routes(leader, first)}
| the whole network | parameters |
|---|---|
{rows}
"""


def _routes(leader: str, compiled: Compiled) -> str:
    """The routes through a network, or why there are none."""
    try:
        diagram, _ = picture(compiled, View.paths)
    except CompileError as error:
        return f"No routes are drawn: {error.diagnostics[0].message}.\n"
    counts = ", ".join(f"{b.count:,} of length {b.length}" for b in diagram.bars)
    routes = f"Routes over four blocks: {counts or 'none'}.{_but(compiled)}"
    said = routes if diagram.heading else "Which blocks the first four read."
    return f"""{said}

![Routes through {compiled.name}]({leader}-paths.svg)
"""


def pictures() -> dict[str, tuple[Compiled, View]]:
    """What is drawn, by the name of the file."""
    made: dict[str, tuple[Compiled, View]] = {}
    for leader, (_, several) in formulas().items():
        first = several[0][1]
        made[f"{leader}-step.svg"] = (first, View.step)
        if not _routes(leader, first).startswith("No"):
            made[f"{leader}-paths.svg"] = (first, View.paths)
        for name, compiled in several:
            made[f"{name}-network.svg"] = (compiled, View.network)
    return made


def main() -> None:
    """Writes the pictures and the page."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.svg"):
        old.unlink()
    for name, (compiled, view) in pictures().items():
        (FOLDER / name).write_bytes(picture(compiled, view)[1])
    parts = [page(leader, *rest) for leader, rest in formulas().items()]
    (FOLDER / "README.md").write_text("".join([HEAD, *parts]), encoding="utf-8")
    sys.stdout.write(f"{len(parts)} formulas in {FOLDER.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
