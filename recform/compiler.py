"""The pipeline: text becomes a PyTorch module in six stages, each of frozen data.

========== ============================= ====================================
stage      from                          to
========== ============================= ====================================
syntax     the text of a file            :class:`recform.syntax.nodes.File`
lowering   statements                    :class:`recform.algebra.formula.Formula`
recurrence equations                     :class:`recform.recurrence.Recurrence`
graph      steps                         :class:`recform.graph.NetworkGraph`
proof      the network with shapes       :class:`recform.proof.Proof`
emit       the network with shapes       Python source
========== ============================= ====================================
"""

from __future__ import annotations

import warnings
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

from recform import graph, proof, recurrence
from recform.algebra.formula import with_plugins
from recform.blocks import library
from recform.blocks.plugins import Plugin, Plugins, load
from recform.diagnostics import (
    CompileError,
    Diagnostic,
    Diagnostics,
    Severity,
    render_text,
)
from recform.files import decode, read_source
from recform.lowering.blame import blamed
from recform.lowering.sections import no_network
from recform.modules import load_source, need_torch
from recform.source import Source
from recform.syntax.parse import parse
from recform.syntax.uses import Folder

if TYPE_CHECKING:
    import torch

    from recform.algebra.formula import Formula
    from recform.analysis.model import Analysis
    from recform.graph import NetworkGraph
    from recform.proof import Proof
    from recform.recurrence import Recurrence
    from recform.report.difference import Difference
    from recform.report.summary import Summary
    from recform.verify.checks import Check


@dataclass(frozen=True)
class Compiled:
    """A compiled network.

    Attributes:
        graph: the network with shapes.
        settings: the parameters that were set, as text, for the header.
        warnings: what compiles but is probably not meant.
        proof: that the blocks, as they are written, compute the equations.
        plugins: the operators that are not recform's own.
        used: the other files that the formula uses.
        timm: whether the generated class has the interface of timm's models.
    """

    graph: NetworkGraph
    settings: tuple[tuple[str, str], ...]
    warnings: tuple[Diagnostic, ...]
    proof: Proof
    plugins: Plugins = field(default_factory=Plugins)
    used: tuple[Source, ...] = ()
    timm: bool = False

    @property
    def recurrence(self) -> Recurrence:
        """The steps and the state."""
        return self.graph.recurrence

    @property
    def formula(self) -> Formula:
        """The formula with all names resolved."""
        return self.recurrence.formula

    @property
    def name(self) -> str:
        """The name of the network's class."""
        return self.formula.name

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files that it was made from, plugins too."""
        read = (self.formula.source, *self.used)
        return (*(source.name for source in read), *self.plugins.named)

    @cached_property
    def source(self) -> str:
        """The generated module."""
        return emit_source([self])

    def picture(self, form: str = "svg", **options: Any) -> bytes:
        """A diagram of the network.

        Args:
            form: ``svg``, ``png``, ``pdf``, ``dot``, ``tikz``, ``tex``, ``mermaid`` or
                ``json``.
            options: of :class:`recform.render.Request`, such as ``view="network"``.

        Raises:
            CompileError: if it cannot be drawn.
            ValueError: if there is no such format or view.
        """
        from recform.render import Format, render, request

        return render(self.graph, request(**options), Format(form))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """What a notebook shows: the block as a picture."""
        equations = "; ".join(item.text for item in self.formula.equations)
        said = f"{self.name}: {equations}"
        try:
            picture = self.picture()
        except CompileError as error:
            return {"text/plain": f"{said}\n{error}"}
        # Notebooks show an SVG as an image, whose own title and text nobody can read.
        data = b64encode(picture).decode()
        image = f'<img alt={quoteattr(said)} src="data:image/svg+xml;base64,{data}">'
        return {
            "text/plain": said,
            "text/html": image,
            "image/svg+xml": picture.decode(),
        }

    def summary(self) -> Summary:
        """Order, state, stages and costs, as ``recform summary`` shows them."""
        from recform.report import summarise

        return summarise(self.graph, str(self.proof))

    def analyze(self, **asked: Any) -> Analysis:
        """Paths, Jacobian, stability and inverse, as ``recform analyze`` shows them.

        Args:
            asked: of :class:`recform.analysis.model.Asked`, such as ``depth=30``.

        Raises:
            CompileError: if the formula has no such analysis, or no such block.
        """
        from recform.analysis.model import Asked, analyse

        report = Diagnostics()
        found = analyse(self.formula, report, Asked(**asked))
        for remark in report:
            warnings.warn(render_text([remark]), stacklevel=2)
        return found

    def verify(self) -> tuple[Check, ...]:
        """The analysis and the generated module held against each other (runs torch).

        Returns:
            Claims, each of which holds, does not, or (None) could not be tried.

        Raises:
            CompileError: if a twin of the network that is needed does not compile.
        """
        from recform.verify.whole import checks

        return checks(self)

    def diff(self, other: Compiled) -> Difference:
        """What another network changes of this one: paths, state and costs."""
        from recform.report.difference import difference

        return difference(self, other)

    def module(self, **arguments: Any) -> torch.nn.Module:
        """The network, made from the generated source.

        Args:
            arguments: of its constructor, such as ``classes=100``.

        Raises:
            CompileError: without torch (RF906).
        """
        need_torch("a network that runs")
        module: torch.nn.Module = getattr(
            load_source(self.source, self.name), self.name
        )(**arguments)
        return module


def compile_source(
    source: Source,
    settings: Mapping[str, Any] | None = None,
    folder: Folder = None,
    plugins: Iterable[Plugin] = (),
    network: str | None = None,
) -> tuple[Compiled, ...]:
    """All networks of a source, or one of them.

    Args:
        source: the text.
        settings: parameters that replace those of the file.
        folder: where ``use`` looks.
        plugins: files or modules with operators of the user's own.
        network: the only one that is compiled; what is wrong in the equations of others
            does not matter.

    Raises:
        CompileError: with all that is wrong.
    """
    report = Diagnostics()
    loaded = load(plugins, report)
    report.check()
    with library.using(loaded.operators):
        return _compile(source, settings or {}, folder, loaded, report, network)


def _compile(
    source: Source,
    settings: Mapping[str, Any],
    folder: Folder,
    plugins: Plugins,
    report: Diagnostics,
    network: str | None,
) -> tuple[Compiled, ...]:
    from recform.lowering.lower import lower
    from recform.lowering.statistics import warn_of_shared_statistics
    from recform.lowering.unused import warn_unused

    file = parse(source, report, folder)
    report.check()
    shown = tuple((name, str(value)) for name, value in sorted(settings.items()))
    try:
        with _answered(source, report):
            proved = [
                _proved(formula, report)
                for formula in lower(file, source, settings, report, network)
            ]
    except CompileError as error:
        error.diagnostics = blamed(error.diagnostics, file, settings)
        raise
    # Where there are mistakes, these would be noise.
    formulas = [found.recurrence.formula for found, _ in proved]
    warn_unused(file, source, formulas, report, network)
    for formula in formulas:
        warn_of_shared_statistics(formula, report)
    warnings = tuple(item for item in report if item.severity is Severity.WARNING)
    return tuple(
        Compiled(found, shown, warnings, proof, plugins, file.used)
        for found, proof in proved
    )


@contextmanager
def _answered(source: Source, report: Diagnostics) -> Iterator[None]:
    """Around stages: what they cannot go on from is told, and is no traceback.

    Raises:
        CompileError: RF103, for each stage follows the author's brackets and names, and some
            nest beyond reason; RF901, if what a stage takes for granted does not hold.
    """
    try:
        yield
    except RecursionError:
        report.error("RF103", "the formula is nested too deep", file=source.name)
        report.check()
    except AssertionError as error:
        said = str(error) or "a stage failed"
        report.error("RF901", said, file=source.name, hint=proof.FAULT)
        report.check()


@with_plugins
def _proved(formula: Formula, report: Diagnostics) -> tuple[NetworkGraph, Proof]:
    """The stages behind the formula, but for the code."""
    network = graph.build(recurrence.build(formula, report), report)
    return network, proof.prove(network, report)


def compile_formula(
    formula: Formula, report: Diagnostics, settings: tuple[tuple[str, str], ...] = ()
) -> Compiled:
    """One network from its formula: the stages behind the formula.

    Raises:
        CompileError: if no block can compute what it says, or shapes do not meet; RF901 if
            the blocks would compute something else, which is a fault of the compiler.
    """
    network, found = _proved(formula, report)
    return Compiled(network, settings, (), found, Plugins(operators=formula.plugins))


def choose(compiled: tuple[Compiled, ...], network: str | None) -> Compiled:
    """The network of this name; the only one of a file needs no name.

    Raises:
        CompileError: if the file has none of this name, or several and none was named.
    """
    names = [item.name for item in compiled]
    if network is None and len(compiled) == 1:
        return compiled[0]
    if network in names:
        return compiled[names.index(network)]
    no_network(network, names, compiled[0].formula.source, Diagnostics())


def with_timm(compiled: Iterable[Compiled]) -> tuple[Compiled, ...]:
    """The same networks, whose classes get the interface of timm's models.

    Raises:
        CompileError: if one is no image classifier.
    """
    from recform.emit.classifier.plan import check

    networks = tuple(compiled)
    report = Diagnostics()
    for item in networks:
        check(item.graph, report)
    report.check()
    return tuple(replace(item, timm=True) for item in networks)


def emit_source(compiled: list[Compiled]) -> str:
    """The generated module of one or several networks of a file.

    Raises:
        CompileError: if what was written is not the network (RF901), or if it would nest
            beyond reason (RF103).
    """
    from recform.emit import emit

    first = compiled[0]
    known = library.using(first.plugins.operators)
    with known, _answered(first.formula.source, Diagnostics()):
        graphs = [item.graph for item in compiled]
        return emit(graphs, first.settings, first.plugins.named, first.timm)


def read(path: str | Path) -> tuple[Source, Path]:
    """The source of a file, and the folder in which ``use`` looks.

    Raises:
        CompileError: if it cannot be read.
    """
    report = Diagnostics()
    path = Path(path)
    source = read_source(path, report)
    report.check()
    assert source is not None
    return source, path.parent


def from_text(text: str, name: str = "<formula>") -> Source:
    """A source from text, within the limits of a file.

    Raises:
        CompileError: if it is too large.
    """
    report = Diagnostics()
    source = decode(name, text.encode("utf-8", "surrogatepass"), report)
    report.check()
    assert source is not None
    return source


def is_path(formula: str | Path) -> bool:
    """A path is a Path, or one line that ends in ``.rf`` and is no equation."""
    if isinstance(formula, Path):
        return True
    return formula.endswith(".rf") and "\n" not in formula and "=" not in formula


__all__ = [
    "CompileError",
    "Compiled",
    "compile_formula",
    "compile_source",
    "emit_source",
    "from_text",
    "is_path",
    "load_source",
    "read",
    "with_timm",
]
