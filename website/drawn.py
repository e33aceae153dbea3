"""What recform says and draws of an example, kept by the hash of what it depends on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, partial
from hashlib import sha256
from pathlib import Path

from typer.testing import CliRunner

from recform.algebra.written.said import boundary_texts, equation_texts
from recform.cli.app import app
from recform.compiled import Compiled
from recform.compiler import compile_source, read
from recform.diagnostics import CompileError
from recform.recurrence.regimes import own_blocks
from recform.render import Format, Request, View, diagram, write
from recform.render.placing import renderer
from website.examples import ROOT, Example

#: How wide the tables of `recform summary` are printed.
COLUMNS = "96"
#: Why nothing is drawn that has nothing to do with the formula.
_OF_THE_MACHINE = ("RF662", "RF663")


@dataclass(frozen=True)
class Network:
    """A network of a file.

    Attributes:
        name: of its class.
        equations: a line each.
        input: what kind of tensor comes in, such as ``image``.
        order: how many blocks the equations reach back.
        parameters: how many it has.
        multiply_adds: for one example.
        pictures: SVG by the name of the view. The network has none if another one of the
            file, in front of it, has the same equations.
        refused: why there is no picture, by the name of the view.
    """

    name: str
    equations: str
    input: str
    order: int
    parameters: int
    multiply_adds: int
    pictures: dict[str, str]
    refused: dict[str, str]


@dataclass(frozen=True)
class Drawn:
    """What the page of an example shows.

    Attributes:
        networks: of the file, in its order.
        source: the generated module.
        summary: what `recform summary` prints.
        paths: what `recform derive` prints.
    """

    networks: tuple[Network, ...]
    source: str
    summary: str
    paths: str


def draw(example: Example) -> Drawn:
    """Compiles a file, asks recform about it, and draws its networks."""
    source, folder = read(example.path)
    networks: list[Network] = []
    for compiled in compile_source(source, {}, folder):
        known = {network.equations for network in networks}
        networks.append(_network(compiled, known))
    return Drawn(
        tuple(networks),
        _printed("compile", example),
        _printed("summary", example),
        _printed("derive", example),
    )


def draw_all(wanted: Iterable[Example], kept: Path, jobs: int) -> list[Drawn]:
    """The same for several files, some at a time; what is known already is read.

    Args:
        wanted: the files.
        kept: the folder of what is known.
        jobs: how many processes; 1 for this one.
    """
    kept.mkdir(parents=True, exist_ok=True)
    if jobs == 1:
        return [_kept(kept, example) for example in wanted]
    with ProcessPoolExecutor(jobs) as pool:
        return list(pool.map(partial(_kept, kept), wanted, chunksize=2))


def picture(compiled: Compiled, view: View) -> str:
    """A view of a network as SVG, the same on every machine.

    Raises:
        CompileError: if it cannot be drawn.
    """
    request = Request(view=view, renderer=renderer.PINNED)
    return write(diagram(compiled.graph, request), request, Format.svg).decode()


def _network(compiled: Compiled, known: set[str]) -> Network:
    formula = compiled.formula
    own = boundary_texts(formula) if own_blocks(formula) else ()
    equations = "\n".join([*equation_texts(formula), *own])
    pictures, refused = {}, {}
    for view in View if equations not in known else ():
        try:
            pictures[view.value] = picture(compiled, view)
        except CompileError as error:
            if error.diagnostics[0].code in _OF_THE_MACHINE:
                raise
            refused[view.value] = error.diagnostics[0].message
    totals = compiled.graph.totals
    return Network(
        compiled.name,
        equations,
        formula.input.layout.value,
        compiled.recurrence.order,
        totals.parameters,
        totals.multiply_adds,
        pictures,
        refused,
    )


def _printed(command: str, example: Example) -> str:
    """What a command prints on a terminal, diagnostics too."""
    place = os.getcwd()
    os.chdir(ROOT)
    try:
        result = CliRunner().invoke(
            app, [command, example.name], env={"COLUMNS": COLUMNS}
        )
    finally:
        os.chdir(place)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return "\n".join(line.rstrip() for line in result.output.rstrip().splitlines())


def _kept(folder: Path, example: Example) -> Drawn:
    file = folder / f"{_key(example)}.json"
    if file.exists():
        told = json.loads(file.read_text(encoding="utf-8"))
        networks = tuple(Network(**network) for network in told.pop("networks"))
        return Drawn(networks, **told)
    drawn = draw(example)
    half = file.with_suffix(f".{os.getpid()}")
    half.write_text(json.dumps(asdict(drawn)), encoding="utf-8")
    half.replace(file)
    return drawn


def _key(example: Example) -> str:
    texts = [example.text.encode(), *(path.read_bytes() for path in example.uses)]
    return sha256(b"\0".join([_compiler(), example.name.encode(), *texts])).hexdigest()


@cache
def _compiler() -> bytes:
    """The hash of all that draws: the compiler, its grammar, and this file."""
    folders = (ROOT / "recform", ROOT / "grammars")
    files = [path for folder in folders for path in sorted(folder.rglob("*"))]
    found = sha256()
    for path in [*files, Path(__file__)]:
        if path.is_file() and path.suffix != ".pyc":
            found.update(path.read_bytes())
    return found.digest()
