"""The plan as it was printed: the Python of the steps is read back and compared.

Each step's `forward` is read as forms, from its arguments to what it returns, and so is the
step of the plan with its adapters; and the blocks that the network's constructor makes are
counted, with their arguments, and compared with the blocks of the plan.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy

from recform.algebra.expr import (
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
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.graph.model import Site
from recform.proof.forms import (
    NUMBERS,
    Module,
    Pieces,
    Reader,
    Unreadable,
    add,
    atom,
    called,
    drawn,
    frozen,
    multiply,
    part,
    same,
)
from recform.recurrence.model import ModuleSlot, Slot, Step

#: Stands for the argument in the code of an operator or a function.
ARGUMENT = "argument_"


class Misprint(Exception):
    """The code does not say what the plan says.

    Attributes:
        message: what differs.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True)
class Place:
    """Blocks that are made with the same arguments, up to a steady growth.

    Attributes:
        first: the number of the first of them.
        count: how many.
        length: of the network, or of their stage.
        arguments: of the constructor, by name, for the first of them.
        counted: the arguments that grow by one from block to block.
    """

    first: int
    count: int
    length: int
    arguments: Mapping[str, Any]
    counted: frozenset[str] = frozenset()


@dataclass(frozen=True)
class PrintedStep:
    """A step of the plan, and how the printer calls what is in it.

    Attributes:
        name: of the class, or of the function that makes the modules of a block.
        step: the plan.
        handed: what the network hands to every block, in order.
        scalars: the learned scalars of the formula.
        modules: the expression of each operator and learned scalar of the block.
        inlined: for operators whose parts are the block's own, the calls in order.
        adapters: the attribute in front of each term that has one.
        functions: the code of each function, with ``{x}`` for its argument.
        is_class: whether there is a class with a forward pass.
        places: the blocks that take it.
    """

    name: str
    step: Step
    handed: tuple[str, ...]
    scalars: frozenset[str]
    modules: Mapping[str, str]
    inlined: Mapping[str, tuple[str, ...]]
    adapters: Mapping[Site, str]
    functions: Mapping[str, str]
    is_class: bool
    places: tuple[Place, ...] = field(repr=False)


def check_printed(
    tree: ast.Module, network: str, steps: Sequence[PrintedStep], made: Sequence[int]
) -> None:
    """Compares the source of a network with its plan.

    Args:
        tree: the source, parsed.
        network: the name of the network's class.
        steps: all that differ.
        made: for each place of blocks, in the order of the network, its step.

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
    _check_blocks(classes, network, steps, made)


# ------------------------------------------------------------------------ the steps


def _check_step(item: PrintedStep, node: ast.ClassDef) -> None:
    methods = {m.name: m for m in node.body if isinstance(m, ast.FunctionDef)}
    constructor = methods.get("__init__")
    names = [] if constructor is None else _parameters(constructor)
    depends = constructor is not None and bool(_numbers(constructor))
    places = item.places if depends else item.places[:1]
    for place in places:
        # The number of a block grows; what is right for two of them is for all.
        for block in dict.fromkeys((place.first, place.first + place.count - 1)):
            numbers = _arguments(place, block, names)
            attributes: dict[str, Any] = {}
            if constructor is not None:
                attributes = _attributes(constructor, numbers)
            written = _written(item, methods["forward"], attributes)
            planned = _Planned(item, block, place.length).outputs()
            if len(written) != len(planned):
                raise Misprint(f"{item.name} hands on {len(written)} values")
            for slot, code, plan in zip(
                item.step.outputs, written, planned, strict=True
            ):
                if not same(code, plan):
                    raise Misprint(
                        f"{item.name} hands on {slot} as {_shown(code)}, "
                        f"and it is {_shown(plan)}"
                    )


def _parameters(function: ast.FunctionDef) -> list[str]:
    return [argument.arg for argument in function.args.args if argument.arg != "self"]


def _numbers(constructor: ast.FunctionDef) -> list[ast.Assign]:
    """The statements that keep a number, rather than a module or a parameter."""
    return [
        node
        for node in constructor.body
        if isinstance(node, ast.Assign) and not any(map(_is_made, ast.walk(node.value)))
    ]


def _is_made(node: ast.AST) -> bool:
    """Whether this makes a module or a tensor."""
    if isinstance(node, ast.Name):
        return node.id in ("nn", "torch")
    call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return call and node.func.id not in NUMBERS  # type: ignore[attr-defined]


def _arguments(place: Place, block: int, names: list[str]) -> dict[str, Any]:
    """The numbers that a block's constructor gets."""
    moved = block - place.first
    return {
        name: value + moved if name in place.counted else value
        for name, value in place.arguments.items()
        if name in names
    }


def _attributes(
    constructor: ast.FunctionDef, numbers: Mapping[str, Any]
) -> dict[str, Any]:
    """The attributes that are numbers; whatever else there is has a name alone."""
    values = {
        name: float(value)
        for name, value in numbers.items()
        if isinstance(value, int | float)
    }
    reader = Reader(dict(values), {})
    result: dict[str, Any] = {}
    for node in _numbers(constructor):
        (target,) = node.targets
        if isinstance(target, ast.Attribute):
            value = reader.value(node.value)
            if isinstance(value, float | int):
                result[target.attr] = value
    for statement in constructor.body:
        # A learned scalar has a value that is drawn by its name.
        if "nn.Parameter(" in ast.unparse(statement):
            target = getattr(statement, "targets", [None])[0]
            if isinstance(target, ast.Attribute):
                result[target.attr] = drawn(f"self.{target.attr}")
    return result


def _written(
    item: PrintedStep, forward: ast.FunctionDef, attributes: dict[str, Any]
) -> list[Any]:
    """What the code returns, as forms."""
    slots: list[Any] = [_handed(item, name) for name in item.handed]
    slots += [_held(item, number, slot) for number, slot in enumerate(item.step.inputs)]
    parameters = _parameters(forward)
    if len(parameters) != len(slots):
        raise Misprint(f"{item.name} takes {len(parameters)} arguments")
    reader = Reader(dict(zip(parameters, slots, strict=True)), attributes)
    for statement in forward.body:
        match statement:
            case ast.Expr():
                continue
            case ast.Assign(targets=[target]):
                _assign(reader, target, reader.value(statement.value))
            case ast.Return(value=ast.Tuple() as made):
                return [_module(reader.value(node)) for node in made.elts]
            case ast.Return(value=ast.expr() as made):
                return [_module(reader.value(made))]
            case _:
                raise Unreadable(ast.unparse(statement))
    raise Misprint(f"{item.name} returns nothing")


def _module(value: Any) -> Any:
    return value.name if isinstance(value, Module) else value


def _assign(reader: Reader, target: ast.AST, value: Any) -> None:
    if isinstance(target, ast.Name):
        reader.names[target.id] = value
        return
    if isinstance(target, ast.Tuple):
        for number, name in enumerate(target.elts):
            if isinstance(value, Pieces):
                piece = atom("part", value.number, number, value.whole)
            else:
                piece = value[number]
            _assign(reader, name, piece)
        return
    raise Unreadable(ast.unparse(target))


def _handed(item: PrintedStep, name: str) -> Any:
    """What the network hands to a block: a module, or a learned scalar's number."""
    place = f"shared {name}"
    return drawn(place) if name in item.scalars else Module(place)


def _held(item: PrintedStep, number: int, slot: Slot) -> Any:
    """What a slot holds, by its place."""
    if not isinstance(slot, ModuleSlot):
        return atom("slot", number)
    place = f"slot {number}"
    return drawn(place) if slot.name in item.scalars else Module(place)


class _Planned:
    """A step of the plan as forms, for one block."""

    def __init__(self, item: PrintedStep, block: int, length: int) -> None:
        self._item, self._step = item, item.step
        self._block, self._length = block, length
        self._known: dict[Any, Any] = {}
        self._modules: dict[ModuleSlot, str] = {}
        for number, slot in enumerate(item.step.inputs):
            if isinstance(slot, ModuleSlot):
                self._modules[slot] = f"slot {number}"
            else:
                self._known.setdefault(slot, atom("slot", number))
        self._coefficients: dict[Any, Any] = {}

    def outputs(self) -> list[Any]:
        return [
            self._module(slot) if isinstance(slot, ModuleSlot) else self._form(slot)
            for slot in self._step.outputs
        ]

    def _module(self, slot: ModuleSlot) -> Any:
        """A module by its name in the code; a learned scalar is a number."""
        place = self._place_of(slot.name, slot.index)
        return drawn(place) if slot.name in self._item.scalars else place

    def _place_of(self, name: str, index: Any) -> str:
        """What the code calls an operator or a learned scalar."""
        if index is sympy.nan:
            return f"shared {name}"
        slot = ModuleSlot(name, int(index))
        return self._modules.get(slot) or self._item.modules[name]

    def _form(self, tensor: Tensor) -> Any:
        if tensor not in self._known:
            self._known[tensor] = self._made(tensor)
        return self._known[tensor]

    def _made(self, tensor: Tensor) -> Any:
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
                result: Any = 1.0
                for factor in parts:
                    result = multiply(result, self._term(tensor, factor))
                return result
            case Combine():
                return self._combined(tensor, tensor.kind, parts)
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

    def _sum(self, parent: Tensor, parts: Sequence[Tensor]) -> Any:
        result: Any = 0.0
        for item in parts:
            result = add(result, self._term(parent, item))
        return result

    def _combined(self, parent: Tensor, kind: str, parts: Sequence[Tensor]) -> Any:
        if kind == "sum":
            return self._sum(parent, parts)
        if kind == "mean":
            return multiply(1 / len(parts), self._sum(parent, parts))
        forms = [self._term(parent, item) for item in parts]
        result = forms[0]
        for form in forms[1:]:
            result = atom("call", f"torch.{kind}imum", frozen(result), frozen(form))
        return result

    def _term(self, parent: Tensor, term: Tensor) -> Any:
        """A term, behind its adapter if it has one."""
        value, scales = term, []
        while isinstance(value, Scaled):
            scales.append(value)
            value = value.tensor
        attribute = self._item.adapters.get(Site(value, parent))
        if attribute is None:
            return self._form(term)
        form = called(f"self.{attribute}", self._form(value))
        for scale in scales:
            form = multiply(self._number(scale), form)
        return form

    def _applied(self, tensor: Apply) -> Any:
        argument = self._form(tensor.argument)
        own = tensor.index is not sympy.nan and int(tensor.index) == self._step.at
        if own and tensor.operator in self._item.inlined:
            for call in self._item.inlined[tensor.operator]:
                code = call.replace("{x}", ARGUMENT)
                argument = Reader({}, {}).text(code, **{ARGUMENT: argument})
            return argument
        return called(self._place_of(tensor.operator, tensor.index), argument)

    def _number(self, tensor: Scaled | Filled) -> float:
        key = (tensor.coefficient, tensor.at)
        if key not in self._coefficients:
            values: dict[Any, Any] = {
                item: sympy.Float(drawn(self._place_of(item.name, item.index)))
                for item in tensor.coefficient.atoms(Learned)
            }
            values[L] = sympy.Integer(self._length)
            if tensor.at is not sympy.nan:
                values[I] = tensor.at + self._block - self._step.at
            self._coefficients[key] = float(tensor.coefficient.xreplace(values))
        return self._coefficients[key]  # type: ignore[no-any-return]


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        text = " + ".join(f"{factor:.4g}*{key}" for key, factor in value.items())
        return text if len(text) < 400 else f"{text[:400]}..."
    return str(value)


# ----------------------------------------------------------------------- the blocks


def _check_blocks(
    classes: Mapping[str, ast.AST],
    network: str,
    steps: Sequence[PrintedStep],
    made: Sequence[int],
) -> None:
    """Compares the calls that make blocks with the blocks of the plan."""
    names = {item.name for item in steps}
    if any(item.name not in classes for item in steps):
        return  # blocks that are modules of a definition have no class of their own
    owner = classes[network]
    calls = list(_calls(owner, names, {}))
    inside = [
        node
        for name, node in classes.items()
        if isinstance(node, ast.ClassDef) and name not in (*names, network)
    ]
    if any(True for node in inside for _ in _calls(node, names, {})):
        return  # blocks in containers of their own, in another order than the network's
    wanted: list[tuple[str, dict[str, Any]]] = []
    done = [0] * len(steps)
    for number in made:
        item = steps[number]
        place = item.places[done[number]]
        done[number] += 1
        for block in range(place.first, place.first + place.count):
            wanted.append((item.name, _arguments(place, block, list(place.arguments))))
    if [name for name, _ in calls] != [name for name, _ in wanted]:
        raise Misprint(
            f"{network} makes the blocks {_row(calls)}, and they are {_row(wanted)}"
        )
    signatures = {name: _signature(classes[name]) for name in sorted(names)}
    for position, ((name, call), (_, numbers)) in enumerate(
        zip(calls, wanted, strict=True), 1
    ):
        given = _bound(signatures[name], call)
        for argument, number in numbers.items():
            if argument in given and given[argument] != number:
                raise Misprint(
                    f"block {position} gets {argument} = {given[argument]}, "
                    f"and it is {number}"
                )


def _row(blocks: Sequence[tuple[str, Any]]) -> str:
    names = [name for name, _ in blocks]
    return ", ".join(names) if len(names) < 12 else f"{', '.join(names[:12])}, ..."


def _calls(
    node: ast.AST, names: set[str], numbers: dict[str, float]
) -> Iterator[tuple[str, Any]]:
    """Calls of some names in the order of evaluation; loops as often as they run."""
    if isinstance(node, ast.ListComp | ast.GeneratorExp):
        yield from _looped(node, list(node.generators), names, numbers)
        return
    if isinstance(node, ast.Call) and (name := _name(node.func)) in names:
        reader = Reader(dict(numbers), {})
        positional = [_number(reader, item) for item in node.args]
        named = {k.arg: _number(reader, k.value) for k in node.keywords}
        yield name, (positional, named)
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, names, numbers)


def _looped(
    node: Any,
    loops: list[ast.comprehension],
    names: set[str],
    numbers: dict[str, float],
) -> Iterator[tuple[str, Any]]:
    if not loops:
        yield from _calls(node.elt, names, numbers)
        return
    loop, rest = loops[0], loops[1:]
    match loop.iter:
        case ast.Call(
            func=ast.Name(id="range"), args=[ast.Constant(value=int() as count)]
        ):
            target = loop.target.id if isinstance(loop.target, ast.Name) else "_"
            for k in range(count):
                yield from _looped(node, rest, names, {**numbers, target: float(k)})
        case _:
            yield from _calls(loop.iter, names, numbers)
            yield from _looped(node, rest, names, numbers)


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _number(reader: Reader, node: ast.AST) -> Any:
    value = reader.value(node)
    return value if isinstance(value, float | int) else None


def _signature(node: ast.AST) -> tuple[list[str], dict[str, Any]]:
    """The parameters of a class or function, and their default values."""
    function: ast.AST | None = node
    if isinstance(node, ast.ClassDef):
        function = next(
            (
                item
                for item in node.body
                if isinstance(item, ast.FunctionDef) and item.name == "__init__"
            ),
            None,
        )
    if not isinstance(function, ast.FunctionDef):
        return [], {}
    names = _parameters(function)
    values = [_number(Reader({}, {}), item) for item in function.args.defaults]
    return names, dict(zip(names[len(names) - len(values) :], values, strict=True))


def _bound(signature: tuple[list[str], dict[str, Any]], call: Any) -> dict[str, Any]:
    """The numbers that a call gives to the parameters."""
    names, defaults = signature
    positional, named = call
    given = {**defaults, **dict(zip(names, positional, strict=False)), **named}
    return {name: value for name, value in given.items() if value is not None}
