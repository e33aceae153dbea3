"""The plan as it was printed: the Python of the steps is read back and compared.

Each step's `forward` is read as forms, from its arguments to what it returns, and so is the
step of the plan with its adapters; and the blocks that the network's constructor makes are
counted, with their arguments, and compared with the blocks of the plan.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping, Sequence

import sympy

from recform.algebra.expr import (
    Across,
    Apply,
    Combine,
    Concat,
    Elementwise,
    Filled,
    History,
    I,
    Input,
    L,
    Learned,
    Listed,
    Members,
    Over,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
    is_list,
)
from recform.blocks.shape import Size
from recform.blocks.symbolic import Symbolic
from recform.graph.model import Site
from recform.proof.blocks import check_blocks
from recform.proof.forms import (
    Atom,
    Module,
    Pieces,
    Reader,
    Term,
    Unreadable,
    Value,
    add,
    atom,
    called,
    drawn,
    frozen,
    listed,
    multiply,
    part,
    same,
    stacked,
)
from recform.proof.plan import Misprint, PrintedStep, arguments_of, parameters_of
from recform.recurrence.model import ModuleSlot, Slot

#: Stands for an argument in the code of an operator or a function.
ARGUMENT = "argument_"


def check_printed(
    tree: ast.Module,
    network: str,
    steps: Sequence[PrintedStep],
    made: Sequence[tuple[int, Sequence[str]]],
) -> None:
    """Compares the source of a network with its plan.

    Args:
        tree: the source, parsed.
        network: the name of the network's class.
        steps: all that differ.
        made: for each place of blocks, in the order of the network, its step, and for
            each block the container that holds it.

    Raises:
        Misprint: if they differ.
    """
    classes = {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
    }
    for item in steps:
        node = classes.get(item.name)
        if item.is_class:
            if not isinstance(node, ast.ClassDef):
                raise Misprint(f"there is no class {item.name}")
            try:
                _check_step(item, node)
            except Unreadable as unreadable:
                raise Misprint(f"{item.name}: {unreadable}") from None
    check_blocks(classes, network, steps, made)


# ------------------------------------------------------------------------ the steps


def _check_step(item: PrintedStep, node: ast.ClassDef) -> None:
    methods = {m.name: m for m in node.body if isinstance(m, ast.FunctionDef)}
    constructor = methods.get("__init__")
    names = [] if constructor is None else parameters_of(constructor)
    places = item.places if item.numbers else item.places[:1]
    for place in places:
        # The number of a block grows; what is right for two of them is for all.
        for block in dict.fromkeys((place.first, place.first + place.count - 1)):
            numbers = arguments_of(place, block, names)
            attributes: dict[str, Value] = {}
            if constructor is not None:
                attributes = _attributes(item, constructor, numbers)
            written, calls = _written(item, methods["forward"], attributes)
            plan = Planned(item, block, place.length, attributes)
            planned = plan.outputs()
            if more := calls - plan.calls():
                raise Misprint(f"{item.name} runs {next(iter(more))[1]} once too often")
            if len(written) != len(planned):
                raise Misprint(f"{item.name} hands on {len(written)} values")
            for slot, code, wanted in zip(
                item.step.outputs, written, planned, strict=True
            ):
                if not same(code, wanted):
                    raise Misprint(
                        f"{item.name} hands on {slot} as {_shown(code)}, "
                        f"and it is {_shown(wanted)}"
                    )


def _attributes(
    item: PrintedStep, constructor: ast.FunctionDef, numbers: Mapping[str, Size]
) -> dict[str, Value]:
    """The attributes that are numbers; whatever else there is has a name alone."""
    made = {
        target.attr: node.value
        for node in constructor.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute)
    }
    values = {name: n for name, n in numbers.items() if isinstance(n, int | float)}
    reader = Reader({name: float(n) for name, n in values.items()}, {})
    # A learned scalar has a value that is drawn by its name.
    result: dict[str, Value] = {name: drawn(f"self.{name}") for name in item.learned}
    for name in item.numbers:
        value = reader.value(made[name]) if name in made else None
        if not isinstance(value, int | float):
            raise Misprint(f"{item.name} has no number {name}")
        result[name] = value
    return result


def _written(
    item: PrintedStep, forward: ast.FunctionDef, attributes: dict[str, Value]
) -> tuple[list[Value], Counter[Atom]]:
    """What the code returns, as forms; and the calls of modules in it."""
    slots: list[Value] = [_handed(item, name) for name in item.handed]
    slots += [_held(item, number, item.step.inputs[number]) for number in item.takes]
    parameters = parameters_of(forward)
    if len(parameters) != len(slots):
        raise Misprint(f"{item.name} takes {len(parameters)} arguments")
    reader = Reader(dict(zip(parameters, slots, strict=True)), attributes)
    for statement in forward.body:
        match statement:
            case ast.Expr():
                continue
            case ast.Assign(targets=[target]):
                assign(reader, target, reader.value(statement.value))
            case ast.Return(value=ast.expr() as made):
                nodes = made.elts if isinstance(made, ast.Tuple) else [made]
                results = [_module(reader.value(node)) for node in nodes]
                return results, Counter(reader.calls)
            case _:
                raise Unreadable(ast.unparse(statement))
    raise Misprint(f"{item.name} returns nothing")


def _module(value: Value) -> Value:
    return value.name if isinstance(value, Module) else value


def assign(reader: Reader, target: ast.AST, value: Value) -> None:
    """Gives a variable a value, or several the parts of one."""
    if isinstance(target, ast.Name):
        reader.names[target.id] = value
        return
    if isinstance(target, ast.Tuple):
        for number, name in enumerate(target.elts):
            if isinstance(value, Pieces):
                piece: Value = atom("part", value.number, number, value.whole)
            elif isinstance(value, tuple):
                piece = value[number]
            else:
                raise Unreadable(ast.unparse(target))
            assign(reader, name, piece)
        return
    raise Unreadable(ast.unparse(target))


def _handed(item: PrintedStep, name: str) -> Value:
    """What the network hands to a block: a module, or a learned scalar's number."""
    place = f"shared {name}"
    return drawn(place) if name in item.scalars else Module(place)


def _held(item: PrintedStep, number: int, slot: Slot) -> Value:
    """What a slot holds, by its place."""
    if not isinstance(slot, ModuleSlot):
        return atom("slot", number)
    place = f"slot {number}"
    return drawn(place) if slot.name in item.scalars else Module(place)


class Planned:
    """A step of the plan as forms, for one block."""

    def __init__(
        self,
        item: PrintedStep,
        block: int,
        length: int,
        attributes: Mapping[str, Value],
    ) -> None:
        self._item, self._step = item, item.step
        self._attributes = attributes
        self._block, self._length = block, length
        self._known: dict[Tensor, Value] = {}
        self._modules: dict[ModuleSlot, str] = {}
        for number, slot in enumerate(item.step.inputs):
            if isinstance(slot, ModuleSlot):
                self._modules[slot] = f"slot {number}"
            else:
                self._known[slot] = atom("slot", number)  # of two alike, the last
        self._coefficients: dict[tuple[Symbolic, Symbolic], float] = {}

    def calls(self) -> Counter[Atom]:
        """The calls of modules: each operator on each argument, each adapter once."""
        reader = Reader({}, self._attributes)
        for tensor in self._step.body:
            if isinstance(tensor, Apply):
                self._run(tensor, reader)
        adapted = dict.fromkeys(
            (attribute, site.value) for site, attribute in self._item.adapters.items()
        )
        for attribute, value in adapted:
            reader.calls += called(f"self.{attribute}", self._form(value))
        return Counter(reader.calls)

    def outputs(self) -> list[Value]:
        return [
            self._module(slot) if isinstance(slot, ModuleSlot) else self._form(slot)
            for slot in self._step.outputs
        ]

    def _module(self, slot: ModuleSlot) -> Value:
        """A module by its name in the code; a learned scalar is a number."""
        place = self._place_of(slot.name, slot.index)
        return drawn(place) if slot.name in self._item.scalars else place

    def _place_of(self, name: str, index: Symbolic) -> str:
        """What the code calls an operator or a learned scalar."""
        if index is sympy.nan:
            return f"shared {name}"
        slot = ModuleSlot(name, int(index))
        return self._modules.get(slot) or self._item.modules[name]

    def _form(self, tensor: Tensor) -> Value:
        if tensor not in self._known:
            self._known[tensor] = self._made(tensor)
        return self._known[tensor]

    def _made(self, tensor: Tensor) -> Value:
        parts = self._step.parts(tensor)
        match tensor:
            case State():
                return self._term(tensor, parts[0])
            case Apply():
                return self._applied(tensor)
            case Scaled():
                return multiply(self._number(tensor), self._form(tensor.tensor))
            case Filled():
                return self._number(tensor)
            case TensorSum():
                return self._sum(tensor, parts)
            case Pointwise():
                result: Term = 1.0
                for factor in parts:
                    result = multiply(result, self._term(tensor, factor))
                return result
            case Combine():
                return self._combined(tensor, tensor.kind, parts)
            case History() | Listed() if is_list(tensor):
                members = [self._form(part) for part in parts]
                if is_list(parts[-1]):
                    return members[0]
                return listed(members, is_list(parts[0]))
            case Members():
                return stacked(self._form(tensor.listed))
            case Over():
                return atom("over", tensor.kind, frozen(self._form(tensor.tensor)))
            case Across():
                return atom("across", tensor.kind, frozen(self._form(tensor.tensor)))
            case History() if tensor.kind != "concat":
                return self._combined(tensor, tensor.kind, parts)
            case Concat() | History():
                forms = tuple(map(self._form, parts))
                return atom("cat", *map(frozen, forms))
            case Elementwise():
                code = self._item.functions[tensor.name].replace("{x}", ARGUMENT)
                argument = self._form(tensor.argument)
                return Reader({}, {}).text(code, **{ARGUMENT: argument})
            case Part():
                return part(self._form(tensor.tensor), tensor.parts, tensor.which)
            case Input():
                raise Misprint(f"{self._item.name} reads the input")
        raise TypeError(type(tensor).__name__)

    def _sum(self, parent: Tensor, parts: Sequence[Tensor]) -> Value:
        result: Term = 0.0
        for item in parts:
            result = add(result, self._term(parent, item))
        return result

    def _combined(self, parent: Tensor, kind: str, parts: Sequence[Tensor]) -> Value:
        if kind == "sum":
            return self._sum(parent, parts)
        if kind == "mean":
            return multiply(1 / len(parts), self._sum(parent, parts))
        forms = [self._term(parent, item) for item in parts]
        result = forms[0]
        for form in forms[1:]:
            result = atom("call", f"torch.{kind}imum", frozen(result), frozen(form))
        return result

    def _term(self, parent: Tensor, term: Tensor) -> Value:
        """A term, behind its adapter if it has one."""
        value, scales, bare = term, [], self._step.bare(term)
        while value != bare and isinstance(value, Scaled):
            scales.append(value)
            value = value.tensor
        attribute = self._item.adapters.get(Site(value, parent))
        if attribute is None:
            return self._form(term)
        form: Term = called(f"self.{attribute}", self._form(value))
        for scale in scales:
            form = multiply(self._number(scale), form)
        return form

    def _applied(self, tensor: Apply) -> Value:
        return self._run(tensor, Reader({}, self._attributes))

    def _run(self, tensor: Apply, reader: Reader) -> Value:
        """What an operator makes; the reader notes the modules that it calls."""
        arguments = [self._term(tensor, inner) for inner in tensor.arguments]
        own = tensor.index is sympy.nan or int(tensor.index) == self._step.at
        if own and tensor.operator in self._item.inlined:
            inlined = self._item.inlined[tensor.operator]
            inputs = inlined.inputs
            for code in inlined.calls:
                for name in inputs:
                    code = code.replace(f"{{{name}}}", f"{ARGUMENT}{name}")
                names = [f"{ARGUMENT}{name}" for name in inputs]
                given = dict(zip(names, arguments, strict=True))
                inputs, arguments = ("x",), [reader.text(code, **given)]
            return arguments[0]
        made = called(self._place_of(tensor.operator, tensor.index), *arguments)
        reader.calls += made
        return made

    def _number(self, tensor: Scaled | Filled) -> float:
        key = (tensor.coefficient, tensor.at)
        if key not in self._coefficients:
            values: dict[Symbolic, Symbolic] = {
                item: sympy.Float(drawn(self._place_of(item.name, item.index)))
                for item in tensor.coefficient.atoms(Learned)
            }
            values[L] = sympy.Integer(self._length)
            if tensor.at is not sympy.nan:
                values[I] = tensor.at + self._block - self._step.at
            self._coefficients[key] = float(tensor.coefficient.xreplace(values))
        return self._coefficients[key]


def _shown(value: Value) -> str:
    if isinstance(value, dict):
        text = " + ".join(f"{factor:.4g}*{key}" for key, factor in value.items())
        return text if len(text) < 400 else f"{text[:400]}..."
    return str(value)
