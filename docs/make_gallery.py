"""Draws every example into docs/gallery: ``make gallery``.

The pinned renderer makes the same files on every machine, so that a test can tell
whether they are up to date.
"""

from __future__ import annotations

import sys
from pathlib import Path

from recform.compiler import Compiled, compile_source, read
from recform.render import Format, Request, View, renderer, write
from recform.render import diagram as draw
from recform.render.model import Diagram

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "gallery"
EXAMPLES = ROOT / "examples"
VIEWS = (View.step, View.paths, View.network)

HEAD = """# Gallery

Every file under [examples/](../../examples), drawn by `make gallery`. What the forms
and colours mean is said in [diagrams.md](../diagrams.md).
"""


def networks() -> dict[str, tuple[Path, Compiled]]:
    """All networks of all examples, by the name of their pictures."""
    found: dict[str, tuple[Path, Compiled]] = {}
    for path in sorted(EXAMPLES.rglob("*.rf")):
        source, folder = read(path)
        several = compile_source(source, {}, folder)
        for compiled in several:
            name = f"{path.parent.name}-{path.stem}"
            if len(several) > 1:
                name += f"-{compiled.name}"
            found[name] = (path, compiled)
    return found


def picture(compiled: Compiled, view: View) -> tuple[Diagram, bytes]:
    """A view of a network, and what it looks like."""
    request = Request(view=view, renderer=renderer.PINNED)
    diagram = draw(compiled.graph, request)
    return diagram, write(diagram, request, Format.svg)


def page(name: str, path: Path, compiled: Compiled, paths: Diagram) -> str:
    """The part of the gallery on one network."""
    source = path.relative_to(ROOT).as_posix()
    formulas = "\n".join(equation.text for equation in compiled.formula.equations)
    counts = ", ".join(f"{bar.count:,} of length {bar.length}" for bar in paths.bars)
    parameters = compiled.graph.totals.parameters
    return f"""
## {compiled.name}

From [{source}](../../{source}); {parameters:,} parameters.

```
{formulas}
```

![One block of {compiled.name}]({name}-step.svg)

Routes over four blocks: {counts}.

![Routes through {compiled.name}]({name}-paths.svg)

[The whole network]({name}-network.svg)
"""


def main() -> None:
    """Writes the pictures and the page."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.svg"):
        old.unlink()
    parts = [HEAD]
    for name, (path, compiled) in networks().items():
        made = {view: picture(compiled, view) for view in VIEWS}
        for view, (_, data) in made.items():
            (FOLDER / f"{name}-{view.value}.svg").write_bytes(data)
        parts.append(page(name, path, compiled, made[View.paths][0]))
    (FOLDER / "README.md").write_text("".join(parts), encoding="utf-8")
    sys.stdout.write(f"{len(parts) - 1} networks in {FOLDER.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
