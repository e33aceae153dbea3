"""A compiled network, and what can be asked of it."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from inspect import signature
from typing import TYPE_CHECKING, Any

from recform.arguments import BadArgument, Takes, public, shown
from recform.blocks import Misfit
from recform.diagnostics import Diagnostic, Diagnostics, render_text
from recform.diagnostics.refuted import FAULT
from recform.memory import Memory, Plan, checkpoints, memory_of
from recform.modules import load_source, need_torch
from recform.source import Source
from recform.target import PLAIN, Target

if TYPE_CHECKING:
    import torch

    from recform.algebra.formula import Formula
    from recform.analysis.model import Analysis
    from recform.costs.needs import Needs
    from recform.graph import NetworkGraph
    from recform.proof import Proof
    from recform.recurrence import Recurrence
    from recform.report.difference import Difference
    from recform.report.summary import Summary
    from recform.verify.checks import Check


def _is_compiled(value: object) -> bool:
    return isinstance(value, Compiled)


@dataclass(frozen=True)
class Compiled:
    """A compiled network.

    Attributes:
        graph: the network with shapes.
        proof: that the blocks, as they are written, compute the equations.
        settings: the parameters that were set, as text, for the header.
        warnings: what compiles but is probably not meant.
        used: the other files that the formula uses.
        target: which form it has.
        training: of a network for inference, the same as it is trained.
        budget: what each part keeps, so that a budget is met.
        named: whether it was asked for by its name.
    """

    graph: NetworkGraph
    proof: Proof
    settings: tuple[tuple[str, str], ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    used: tuple[Source, ...] = ()
    target: Target = PLAIN
    training: Compiled | None = None
    budget: Plan | None = None
    named: bool = False

    @property
    def keeps(self) -> Memory:
        """What is kept for the backward pass."""
        return self.target.keeps(self.formula)

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
        return (*(source.name for source in read), *self.formula.library.plugins)

    @property
    def plan(self) -> Plan | None:
        """What each part keeps, where that is not the same for all; None if it is."""
        if self.keeps is not Memory.checkpoint:
            return self.budget
        stages = self.graph.stages
        return checkpoints(sum(s.count for stage in stages for s in stage.segments))

    @cached_property
    def source(self) -> str:
        """The generated module."""
        return emit_source([self])

    @public("picture")
    def picture(self, form: str = "svg", **options: Any) -> bytes:
        """A diagram of the network.

        Args:
            form: ``svg``, ``png``, ``pdf``, ``dot``, ``tikz``, ``tex``, ``mermaid`` or
                ``json``.
            options: of :class:`recform.render.Request`, such as ``view="network"``.

        Raises:
            CompileError: if it cannot be drawn, if there is no such format, or for an
                argument that it does not take (RF116).
        """
        from recform.render import form_of, render, request

        return render(self.graph, request(**options), form_of(form))

    def __repr__(self) -> str:
        parameters = self.graph.totals.parameters
        return f"<recform {self.name}: {parameters:,} parameters>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """What a notebook shows: picture, state and source in tabs."""
        from recform.notebook.page import bundle

        return bundle(self)

    def _repr_html_(self) -> str:
        """The same, for what knows HTML alone."""
        return self._repr_mimebundle_()["text/html"]

    def summary(self) -> Summary:
        """Order, state, stages and costs, as ``recform summary`` shows them."""
        from recform.report import summarise

        return summarise(self.graph, str(self.proof))

    @public("memory")
    def memory(
        self,
        plan: str | None = None,
        *,
        budget: str | None = None,
        batch: int = 1,
        dtype: str = "fp32",
        optimizer: str = "sgd",
        for_device: str | None = None,
    ) -> Needs:
        """Memory, work and time, as ``recform summary --memory`` shows them.

        Args:
            plan: ``"plain"``, ``"lean"``, ``"checkpoint"`` or ``"reversible"``; what the
                network was compiled for, if None.
            budget: the most that it may need instead, such as ``"6GiB"`` or ``"50%"``.
            batch: how many examples at once.
            dtype: the type of all numbers: ``"fp32"``, ``"bf16"`` or ``"fp16"``.
            optimizer: ``"sgd"``, which has a momentum, or ``"adam"``.
            for_device: whose memory it is, and on which training within a budget is to be
                fastest: ``"h100"``, ``"a100"``, ``"rtx4090"`` or ``"laptop"``. If left out,
                what is kept is what a CPU keeps, and the times of a budget are an H100's.

        Raises:
            CompileError: if there is no such plan (RF530), or for what is no budget (RF537)
                or a budget that is too small (RF540), or if blocks cannot be run backwards
                (RF531, RF532), or a setting is none of these (RF116).
        """
        from recform.analysis.invariants.backwards import rows_back
        from recform.costs.devices import device_of
        from recform.costs.needs import needs, setting_of
        from recform.costs.planning import DEVICE, Budget, uniform, within
        from recform.emit.classifier.plan import behind_level

        kept: Plan | None = self.budget
        asked = setting_of(batch, dtype, optimizer, for_device)
        if self.target.timm:
            asked = replace(asked, behind=behind_level(self.graph))
        device = device_of(DEVICE.short if for_device is None else for_device)
        if budget is not None:
            from recform.classes.steps.reversible import ways_back

            wanted, back = (
                Budget(budget, asked, device),
                ways_back(self.graph, asked.dtype),
            )
            short = asked.shortened(self.graph)
            kept = within(self.graph, wanted, Diagnostics(), back, short)
            return needs(self.graph, asked, kept, short)
        if plan is not None or kept is None:
            memory = self.keeps if plan is None else memory_of(plan)
            if memory is Memory.reversible:
                kept = rows_back(self.graph, Diagnostics())
            else:
                kept = uniform(self.graph, memory)
        return needs(self.graph, asked, kept)

    @public("analyze")
    def analyze(
        self,
        *,
        depth: int | None = None,
        origin: int = 0,
        gain: float = 0.5,
        activations: bool = False,
        delete: Collection[int] = (),
        swap: tuple[int, int] | None = None,
        gate: float | None = None,
    ) -> Analysis:
        """Paths, Jacobian, stability and inverse, as ``recform analyze`` shows them.

        Args:
            depth: another number of blocks than the file's.
            origin: paths start at this block (0: at the input).
            gain: what each block is assumed to multiply a signal by.
            activations: whether derivatives of elementwise functions stay in the Jacobian.
            delete: blocks to take out.
            swap: two blocks that change places.
            gate: the number that stands for every gate; what each has with its operators
                at zero, if None.

        Raises:
            CompileError: if the formula has no such analysis, or no such block, or for an
                argument that it does not take (RF116).
        """
        from recform.analysis.model import Asked, analyse

        report = Diagnostics()
        blocks, both = tuple(delete), None if swap is None else (swap[0], swap[1])
        asked = Asked(depth, origin, gain, activations, blocks, both, gate)
        found = analyse(self.formula, report, asked)
        for remark in report:
            warnings.warn(render_text([remark]), stacklevel=3)
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

    @public("diff", other=Takes("no compiled network", _is_compiled, "compile(...)"))
    def diff(self, other: Compiled) -> Difference:
        """What another network changes of this one: paths, state and costs."""
        from recform.report.difference import difference

        return difference(self, other)

    @public("module")
    def module(self, **arguments: Any) -> torch.nn.Module:
        """The network, made from the generated source.

        Args:
            arguments: of its constructor, such as ``classes=100``.

        Raises:
            CompileError: without torch (RF906), or for an argument that the constructor
                does not take (RF116).
        """
        need_torch("a network that runs")
        made = getattr(load_source(self.source, self.name), self.name)
        _MADE[made] = self
        try:
            module: torch.nn.Module = made(**arguments)
        except (
            TypeError,
            ValueError,
            ArithmeticError,
            AssertionError,
            RuntimeError,
        ) as no:
            if not arguments:
                raise
            given = ", ".join(f"{name}={shown(v)}" for name, v in arguments.items())
            takes = ", ".join(signature(made).parameters)
            hint = f"its constructor takes {takes or 'nothing'}"
            raise BadArgument("", f"{given}: {no}", hint) from None
        return module


#: What the classes of networks were made from that this process has made itself.
_MADE: dict[type, Compiled] = {}


def made_from(module: torch.nn.Module) -> Compiled | None:
    """The network that a module was made from; None if nobody knows."""
    return _MADE.get(type(module))


def emit_source(compiled: list[Compiled]) -> str:
    """The generated module of one or several networks of a file.

    Raises:
        CompileError: if what was written is not the network (RF901), if it would nest
            beyond reason (RF103), or if one would keep more than another (RF123).
    """
    from recform.emit import emit

    first = compiled[0]
    _check_alike(compiled)
    with answered(first.formula.source, Diagnostics()):
        return emit(
            [item.graph for item in compiled],
            first.settings,
            first.target,
            [item.plan for item in compiled if item.plan is not None],
            named=first.named,
        )


def _check_alike(compiled: list[Compiled]) -> None:
    """Raises a CompileError for networks that keep more than others (RF123)."""
    first, report = compiled[0], Diagnostics()
    for item in compiled[1:]:
        if item.keeps is not first.keeps:
            report.error(
                "RF123",
                f"{first.name} has `memory {first.keeps}`, and {item.name} has "
                f"`memory {item.keeps}`: one file of code has one form",
                file=first.formula.source.name,
                hint="`memory` above the first network is of all of them, and so is "
                "--memory; --network NAME writes one network",
            )
            break
    report.check()


@contextmanager
def answered(source: Source, report: Diagnostics) -> Iterator[None]:
    """Around stages: what they cannot go on from is told, and is no traceback.

    Raises:
        CompileError: RF103, for each stage follows the author's brackets and names, and some
            nest beyond reason; RF514, if a plugin's rule fails where nobody else asks it;
            RF901, if what a stage takes for granted does not hold.
    """
    try:
        yield
    except RecursionError:
        report.error("RF103", "the formula is nested too deep", file=source.name)
        report.check()
    except Misfit as misfit:
        told, place = f"{misfit.operator} {misfit.message}", misfit.place
        report.error(misfit.code, told, place, file=source.name, hint=misfit.hint)
        report.check()
    except AssertionError as error:
        said = str(error) or "a stage failed"
        report.error("RF901", said, file=source.name, hint=FAULT)
        report.check()
