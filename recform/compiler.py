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

The last one runs when the source of a :class:`recform.compiled.Compiled` is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from recform import graph, proof, recurrence
from recform.compiled import Compiled, answered, emit_source
from recform.diagnostics import CompileError, Diagnostics
from recform.files import decode, read_source
from recform.memory import Memory, Plan
from recform.modules import load_source
from recform.operators import plugins as user
from recform.outline.blame import blaming
from recform.outline.sections import no_network
from recform.settings import Settings
from recform.source import Source
from recform.syntax.mistakes import MENDED
from recform.syntax.parse import parse
from recform.syntax.uses import Folder
from recform.target import PLAIN, Target

if TYPE_CHECKING:
    from recform.algebra.formula import Formula
    from recform.graph import NetworkGraph
    from recform.operators.plugins import Plugin
    from recform.proof import Proof


def compile_source(
    source: Source,
    settings: Settings | None = None,
    folder: Folder = None,
    plugins: Iterable[Plugin] = (),
    network: str | None = None,
    target: Target = PLAIN,
) -> tuple[Compiled, ...]:
    """All networks of a source, or one of them.

    Args:
        source: the text.
        settings: parameters that replace those of the file.
        folder: where ``use`` looks.
        plugins: files or modules with operators of the user's own.
        network: the only one that is compiled; what is wrong in the equations of others
            does not matter.
        target: which form the networks are to have.

    Raises:
        CompileError: with all that is wrong; also if a network that is to have timm's
            interface is no image classifier (RF521), one that is to go on by positions
            cannot (RF227); for two forms that do not go together (RF541, RF542);
            for what is no budget (RF537), or one that is too small (RF540).
    """
    from recform.lowering.checks.behind import warn_of_what_is_behind
    from recform.lowering.checks.statistics import warn_of_shared_statistics
    from recform.lowering.lower import lower
    from recform.outline.frame import with_sizes
    from recform.outline.unused import warn_unused

    report = Diagnostics()
    target.check()
    settings = with_sizes(settings or {}, report)
    library = user.load(plugins, report)
    report.check()
    file = parse(source, report, folder, library)
    report.check(besides=MENDED)
    with blaming(file, settings), answered(source, report):
        formulas = lower(file, source, settings, report, network)
        networks = [_network(formula, report) for formula in formulas]
    # Where there are mistakes, these would be noise.
    warn_unused(file, source, formulas, report, network)
    warn_of_shared_statistics(formulas, report)
    warn_of_what_is_behind(formulas, report)
    if target.generation:
        from recform.graph.positions import kept

        for made, _ in networks:
            kept(made, report)
    if target.timm:
        _check_classifiers(made for made, _ in networks)
    shown = tuple((name, str(value)) for name, value in sorted(settings.items()))
    compiled = tuple(
        Compiled(
            made,
            found,
            shown,
            report.warnings,
            file.used,
            replace(target, inference=False),
            budget=_planned(made, target, report),
            named=network is not None,
        )
        for made, found in networks
    )
    return tuple(map(for_inference, compiled)) if target.inference else compiled


def _planned(made: NetworkGraph, target: Target, report: Diagnostics) -> Plan | None:
    """What each part keeps, so that a budget is met (RF537, RF540 if none is)."""
    budget = target.budget
    if budget is None:
        return None
    from recform.classes.steps.reversible import ways_back
    from recform.costs.planning import within
    from recform.emit.classifier.plan import behind_level

    if target.timm:  # Who goes through levels of features has the one before, too.
        setting = replace(budget.setting, behind=behind_level(made))
        budget = replace(budget, setting=setting)
    return within(made, budget, report, ways_back(made, budget.setting.dtype))


def compile_formula(formula: Formula, report: Diagnostics) -> Compiled:
    """One network from its formula, in its plain form: the stages behind the formula.

    Raises:
        CompileError: if no block can compute what it says, or shapes do not meet; RF901 if
            the blocks would compute something else, which is a fault of the compiler.
    """
    return Compiled(*_network(formula, report), target=Target(memory=Memory.plain))


def for_inference(compiled: Compiled) -> Compiled:
    """The same network for inference.

    Raises:
        CompileError: RF542, if it has another form; RF901, if the network would be
            another one.
    """
    from recform.inference import fold, in_equations
    from recform.proof.folded import prove_folded
    from recform.proof.overwriting import overwrites

    report = Diagnostics()
    target = replace(compiled.target, inference=True, memory=Memory.plain, budget=None)
    target.check()
    with answered(compiled.formula.source, report):
        folded = fold(compiled.graph)
        for made in in_equations(folded):
            graph, found = _network(made, report)
            if not overwrites(graph):
                break
        prove_folded(compiled.graph, graph, report)
    return replace(
        compiled,
        graph=graph,
        proof=found,
        target=target,
        training=compiled,
        budget=None,
    )


def _network(formula: Formula, report: Diagnostics) -> tuple[NetworkGraph, Proof]:
    """The stages behind the formula, but for the code."""
    steps = recurrence.build(formula, report)
    network = graph.build(steps, report)
    return network, proof.prove(network, report)


def _check_classifiers(networks: Iterable[NetworkGraph]) -> None:
    """Raises a CompileError if a network can't have timm's interface (RF521)."""
    from recform.emit.classifier.plan import check

    report = Diagnostics()
    for network in networks:
        check(network, report)
    report.check()


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


def source_of(formula: str | Path) -> tuple[Source, Path | None]:
    """The source of a path or of a text, and the folder in which ``use`` looks.

    Raises:
        CompileError: if it cannot be read.
    """
    return read(formula) if is_path(formula) else (from_text(str(formula)), None)


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
    "source_of",
]
