"""What the formula says that a pipeline, a definition and a step compute.

The numbers are those of the graph; what an operator of the library is as code is what its
rule says for them.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import sympy

from recform.algebra.definitions.body import Body, given
from recform.algebra.definitions.cell import Cell, before
from recform.algebra.definitions.inside import Inside
from recform.algebra.expr import (
    Apply,
    Filled,
    I,
    L,
    Scaled,
    Tensor,
    subtensors,
)
from recform.algebra.pipeline import Pipeline, Step
from recform.algebra.symbols import BLOCK, INCOMING
from recform.algebra.tracing import arguments_of
from recform.blocks import Arguments, Shape
from recform.blocks.operator import Emitted, Misfit
from recform.blocks.symbolic import Symbolic
from recform.diagnostics.refuted import Refuted
from recform.execution.anatomy import Anatomy, Build, Unknown, Walked
from recform.execution.file import File
from recform.execution.forms import BROKEN, Unreadable, add
from recform.execution.library import Start, defaults_of
from recform.execution.parts import PAST, Leaf, Value
from recform.execution.reader import Reader
from recform.readback.coefficients import Coefficients, Numbers
from recform.readback.follower import MODULE, Follower, parsed, run
from recform.readback.inside import Within
from recform.readback.positions import ROWS, looking_back

#: Code as text, in which equal code is equal.
dumped = lru_cache(maxsize=4096)(ast.dump)


class Line(Walked):
    """A pipeline somewhere: what it runs, one after the other.

    Args:
        file: what is made is of.
        pipeline: the operators.
        inputs: the shapes that come in.
        numbers: what its symbols are.

    Attributes:
        inputs: these shapes.
        is_compared: whether it was held against one that is made for other layouts.
    """

    def __init__(
        self,
        file: File,
        pipeline: Pipeline,
        inputs: tuple[Shape, ...],
        numbers: Numbers,
    ) -> None:
        self._links: list[Link | Definition] = []
        self.inputs = inputs
        self.is_compared = False
        self._made_of = pipeline, numbers
        self._said = file.said
        if inputs:
            numbers = {**numbers, INCOMING: inputs[0].features}
        file.said.is_numbered |= BLOCK in pipeline.symbols
        for step in pipeline.steps:
            arguments = arguments_of(step, numbers)
            kind = (
                Recurrence
                if isinstance(step.operator, Cell)
                else Definition
                if isinstance(step.operator, Body)
                else Link
            )
            self._links.append(kind(file, step, inputs, arguments, numbers))
            inputs = (step.operator.shape_of(inputs, arguments),)

    @property
    def takes(self) -> int:
        """How many tensors come in."""
        return len(self.inputs)

    @property
    def code(self) -> list[object]:
        """All that is written of it, in a form in which equal code is equal."""
        return [link.code for link in self._links]

    @property
    def is_numbered(self) -> bool:
        """Whether the number of a block may be in it."""
        pipeline, _ = self._made_of
        return BLOCK in pipeline.symbols or any(
            link.is_numbered for link in self._links if isinstance(link, Definition)
        )

    def walked(self, walk: Anatomy) -> Build:
        return tuple(link.walked(walk) for link in self._links)

    def check_layouts(self, given: Sequence[Shape]) -> None:
        """Looks whether it would be another one, were it made for these layouts.

        Raises:
            Refuted: if it would.
        """
        if [x.layout for x in given] == [x.layout for x in self.inputs]:
            return
        self.is_compared = True
        pipeline, numbers = self._made_of
        other = Line(File(self._said, {}, {}), pipeline, tuple(given), numbers)
        if other.code != self.code:
            wanted, gets = (" and ".join(map(str, xs)) for xs in (self.inputs, given))
            raise Refuted(f"{pipeline.text} is made for {wanted}, and gets {gets}")

    def on(self, world: Any, arguments: Sequence[Value]) -> Value:
        for link in self._links:
            arguments = [link.on(world, arguments)]
        (value,) = arguments
        return value


class Link(Walked):
    """An operator of the library."""

    def __init__(
        self,
        file: File,
        step: Step,
        inputs: tuple[Shape, ...],
        arguments: Arguments,
        numbers: Numbers,
    ) -> None:
        operator, said = step.operator, file.said
        self._name, self._inputs = operator.name, operator.inputs
        self._foreign, self._span = operator.foreign, step.span
        said.defaults |= map(defaults_of, operator.support)
        # A module that is made as another one was is not read again.
        key = (operator, inputs, tuple(arguments.items()))
        known = said.links.get(key)
        if known is None or not isinstance(known[1], Leaf | None):
            emitted = self._emitted(step, inputs, arguments)
            call = looking_back(said, operator, inputs, arguments, emitted.call)
            known = self._read(file, replace(emitted, call=call))
            said.links[key] = known
        elif known[1] is not None:
            known = known[0], file.leaf(known[1].made.make)
        self._call: ast.expr = known[0]
        self._module: Value = known[1]
        self._is_tabled = operator.tabled
        if step.shares and self._module is not None:
            file.shares.setdefault(step.shares, []).append(self._module.made)

    @staticmethod
    def _emitted(
        step: Step, inputs: tuple[Shape, ...], arguments: Arguments
    ) -> Emitted:
        """The code of the operator for numbers, as that of a plugin may be for symbols only.

        Raises:
            Misfit: if its rule fails.
        """
        try:
            return step.operator.written(inputs, arguments)
        except Misfit as misfit:
            misfit.operator, misfit.place = step.operator.name, step.span
            raise

    def _read(self, file: File, emitted: Emitted) -> tuple[ast.expr, Value]:
        """The code of the operator, and its module, which is made."""
        code, module = parsed(emitted.call, self._inputs), None
        reader = Reader(file, {})
        if emitted.module:
            made = parsed(emitted.module)
            if isinstance(made, ast.Call):
                file.said.makers.add(ast.unparse(made.func))
            module = reader.value(made)
        elif emitted.layer:
            reader.value(parsed(emitted.layer))
            file.said.layers[file.made.pop().make] = code
        return code, module

    @property
    def code(self) -> object:
        """Its call, and what its module is made with."""
        module = self._module
        made = module.made.make if isinstance(module, Leaf) else module
        return dumped(self._call), made

    def walked(self, walk: Anatomy) -> Build:
        build, self._module = walk.of(self._module)
        return (self._name, dumped(self._call), build)

    def on(self, world: Any, arguments: Sequence[Value]) -> Value:
        named = (f"input_{name}" for name in self._inputs)
        names = {**dict(zip(named, arguments, strict=True)), MODULE: self._module}
        if world.said.going:
            names[PAST.name] = past = world.said.past
            if self._is_tabled:
                names[MODULE] = run(world, ROWS, x=self._module, p=past)
        try:
            return Reader(world, names).value(self._call)
        except (Unreadable, *BROKEN) as why:
            text = f"nobody can follow the code of {self._name}: {why}"
            if not self._foreign:
                raise Refuted(text) from None
            told = f": {why}" if isinstance(why, Unreadable) else ""
            misfit = Misfit(
                "RF514",
                f"writes code that the proof cannot follow{told}",
                "calls of torch and of tensors, sums and products can be followed",
            )
            misfit.operator, misfit.place = self._name, self._span
            raise misfit from None


class Definition(Walked):
    """A definition by equations, with its operators and learned scalars."""

    def __init__(
        self,
        file: File,
        step: Step,
        inputs: tuple[Shape, ...],
        arguments: Arguments,
        numbers: Numbers,
    ) -> None:
        body = step.operator
        assert isinstance(body, Body)
        self._body = body
        values = {**numbers, **body.values(arguments)}
        inside = body.known(inputs, arguments)
        self._shape = inside.shape
        self._lines: dict[tuple[str, Symbolic], Line] = {}
        for item in body.calls():
            key = (item.operator, item.index)
            if key not in self._lines:
                self._lines[key] = self._line(file, item, values)
        self._check(
            inside, lambda call: self._line(File(file.said, {}, {}), call, values)
        )
        names = {name: f"scalar {k}" for k, name in enumerate(body.scalars)}
        self._sizes: list[tuple[int, int]] = []
        for name, scalar in body.scalars.items():
            shape, size = inside.scaled_by(name), int(inside.scalar_size(name))
            behind = len(shape.per_feature) - 1 if shape is not None else 0
            self._sizes.append((size, behind))
            begun = scalar.numbers(size, values.get(BLOCK), values.get(L))
            start = Start.of(begun, behind)
            file.said.is_numbered |= scalar.has(I)
            file.learned[names[name], start] += 1
        self._numbers = Coefficients(
            file.said,
            values,
            lambda scalar: file.said.draws.of(names[scalar.name]),
            lambda _: step.span,
        )

    def _line(self, file: File, call: Apply, values: Numbers) -> Line:
        """An operator, made for what a call gives it."""
        shapes = tuple(map(self._shape, call.arguments))
        return Line(file, self._body.operators[call.operator], shapes, values)

    def _check(self, inside: Inside, line: Callable[[Apply], Line]) -> None:
        """Looks whether shapes meet, and all is made for what it gets."""

        def made(call: Apply) -> Line:
            return self._lines[call.operator, call.index]

        within = Within(self._body, inside, made, line)
        for tensor in self._body.tensors:
            within.check(tensor)
        within.check_numbers()

    @property
    def code(self) -> object:
        """Its class, and what is made in that."""
        return self._body, [line.code for line in self._lines.values()], self._sizes

    @property
    def is_numbered(self) -> bool:
        """Whether the number of a block may be in it."""
        coefficients = (tensor.coefficient for tensor in self._scaled())
        return (
            any(line.is_numbered for line in self._lines.values())
            or any(scalar.has(I) for scalar in self._body.scalars.values())
            or any(item.has(I, BLOCK) for item in coefficients)
        )

    def _scaled(self) -> Iterator[Scaled | Filled]:
        """All that has a coefficient."""
        for whole in self._body.tensors:
            for tensor in subtensors(whole):
                if isinstance(tensor, Scaled | Filled):
                    yield tensor

    def walked(self, walk: Anatomy) -> Build:
        builds: list[Build] = [id(self._body), *self._sizes]
        builds += [(key, line.walked(walk)) for key, line in self._lines.items()]
        numbers = self._numbers
        for tensor in self._scaled():
            key = (tensor.coefficient, tensor.at)
            build, numbers.known[key] = walk.of(numbers.of(tensor))
            builds.append((key, build))
        numbers.closed = True
        return tuple(builds)

    def on(self, world: Any, arguments: Sequence[Value]) -> Value:
        known = dict(zip(self._body.leaves, arguments, strict=True))
        follower = self._follower(world, known)
        return follower.all(self._body.tensors, [self._body.output])[0]

    def _follower(self, world: Any, known: dict[Tensor, Value]) -> Follower:
        return Follower(
            world,
            self._body.parts,
            known,
            lambda tensor: self._lines[tensor.operator, tensor.index],
            self._numbers,
            self._shape,
        )


class Recurrence(Definition):
    """A recurrence over positions, followed through the first of them."""

    is_numbered = True

    def walked(self, walk: Anatomy) -> Build:
        raise Unknown

    def on(self, world: Any, arguments: Sequence[Value]) -> Value:
        cell = self._body
        assert isinstance(cell, Cell)
        incoming = list(map(given, cell.incoming))
        linear, past = cell.affine, world.said.past
        if linear is not None and linear.rest is not None:
            known = dict(zip(incoming, arguments, strict=True))
            wanted = (linear.factor, linear.rest)
            factor, rest = map(self._follower(world, known).form, wanted)
            for start in map(self._numbers.of, cell.starts.values()):
                code = "started_on({s}, {f}, {x}, {p})"
                if not world.said.going:
                    code = "started({s}, {f}, {x})"
                rest = run(world, code, s=start, f=factor, x=rest, p=past)
            if world.said.going:
                return run(world, "scan_on({f}, {x}, {p})", f=factor, x=rest, p=past)
            ones = linear.factor == Filled(sympy.S.One)
            code = "torch.cumsum({x}, dim=1)" if ones else "scan({f}, {x})"
            return run(world, code, f=factor, x=rest)
        widths = (int(self._shape(leaf).features) for leaf in incoming)
        return self._looped(world, cell, [*map(world.positions, arguments, widths)])

    def _looped(
        self, world: File, cell: Cell, inputs: Sequence[Sequence[Value]]
    ) -> Value:
        """One position after the other; before the first one there are zeros."""
        first = {before(k, 1): self._numbers.of(v) for k, v in cell.starts.items()}
        kept: Sequence[Value] = [
            add(world.zeros(self._shape(state).features), first.get(state, 0.0))
            for state in cell.recurrent
        ]
        if world.said.past is not None:
            kept = world.last(kept)
        past = dict(zip(cell.recurrent, kept, strict=True))
        made = []
        for now in zip(*inputs, strict=True):
            given_ = zip(map(given, cell.incoming), now, strict=True)
            follower = self._follower(world, {**past, **dict(given_)})
            values = {name: follower.form(before(name, 0)) for name in cell.unknowns}
            past = {
                state: values[state.name]
                if state.index == -1
                else past[before(state.name, -int(state.index) - 1)]
                for state in cell.recurrent
            }
            results = [values[name] for name in cell.results]
            beside = "torch.cat({x}, dim=-1)"
            alone = len(results) == 1
            made.append(results[0] if alone else run(world, beside, x=tuple(results)))
        if world.said.past is not None:
            world.keep(list(past.values()))
        return run(world, "torch.stack({x}, dim=1)", x=made)
