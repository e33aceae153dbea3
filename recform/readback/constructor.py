"""The arguments of a network's constructor: what they are called, and other values of them.

A number that stands in the code where an argument is meant is right for the file's value of
that argument alone. So a network is read a second time, with other arguments on both sides.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sympy import prime, sympify

from recform.algebra.definitions.body import counts_of
from recform.algebra.formula import Formula, Param
from recform.algebra.pipeline import Pipeline, Step
from recform.algebra.symbols import INCOMING as CIN
from recform.algebra.symbols import SCALE, STRIDE, WIDTH, parameter
from recform.algebra.tracing import arguments_of, output_of, shapes_along
from recform.blocks import Arguments, Layout, Misfit, Operator, Shape
from recform.blocks.arguments import unsaid
from recform.blocks.identifiers import TIMM_BASE
from recform.blocks.symbolic import Symbolic
from recform.diagnostics.refuted import Refuted
from recform.graph.model import NetworkGraph, Piece
from recform.operators.window import pair
from recform.readback.plan import Printed

#: Values of arguments, by their names.
Given = Mapping[str, Any]
#: Compares a network with some arguments, or its head alone; False if they are not legal.
Reading = Callable[[Given, bool], bool]
#: What the features of a network's input are called, and the keywords of timm's.
INCOMING = ("in_channels", "in_features")
KEYWORDS = ("num_classes", "in_chans", "global_pool", "drop_rate")
CLASSES, CHANNELS, POOL, RATE = KEYWORDS
#: Poolings, and the other one of the two that timm's interface offers.
POOLS = ("avgpool", "maxpool", "globalpool")
_OTHER_POOL = {"avg": "max", "max": "avg"}


def is_timms(printed: Printed) -> bool:
    """Whether a network has timm's interface."""
    return TIMM_BASE in printed.definitions


def check_defaults(graph: NetworkGraph, printed: Printed) -> Given:
    """Holds the arguments of a network's constructor against the formula.

    Args:
        graph: the network with shapes.
        printed: its source.

    Returns:
        Their defaults. One that is missing is none: its value is a number of the code.

    Raises:
        Refuted: if there is another one, in another order or with another default.
    """
    found = _defaults(printed.definitions[printed.name])
    wanted = {name: v for name, v in _wanted(graph, printed).items() if name in found}
    if list(found) != list(wanted):
        said = ", ".join(found)
        raise Refuted(f"the constructor of {printed.name} takes {said}")
    for name, value in wanted.items():
        if value is not None and repr(found[name]) != repr(value):
            raise Refuted(
                f"{name} of {printed.name} is {found[name]!r} where it is not given, "
                f"and it is {value!r}"
            )
    return found


def _defaults(kind: ast.AST) -> Given:
    """The arguments of a class's own constructor, each with its default."""
    for node in ast.iter_child_nodes(kind):
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            names = [item.arg for item in node.args.args[1:]]
            try:
                values = map(ast.literal_eval, node.args.defaults)
                return dict(zip(names, values, strict=True))
            except ValueError:
                raise Refuted("a network's constructor has a default for all") from None
    return {}


def _wanted(graph: NetworkGraph, printed: Printed) -> dict[str, object]:
    """All arguments that a constructor may have, with what they are by the formula."""
    formula = graph.recurrence.formula
    counts = counts_of(formula.pipelines)
    own = {
        p.name: _number(p) if parameter(p.name) in counts else float(p.value)
        for p in formula.params
        if p.free
    }
    channels = int(formula.input.features)
    if not is_timms(printed):
        is_image = formula.input.layout is Layout.IMAGE
        return {INCOMING[0] if is_image else INCOMING[1]: channels, **own}
    dropout, numbers = _dropout(graph.head.pipeline), numbers_at(graph.head, formula)
    rate = arguments_of(dropout, numbers)["rate"] if dropout else 0
    timms: dict[str, object] = {
        CLASSES: int(graph.output.features),
        CHANNELS: channels,
        POOL: None,  # what it makes tells which one it is
        RATE: float(rate),
    }
    if pooling(graph.head, formula) is None:
        del timms[POOL]
    # One of the file's may be called as timm calls what it is.
    return timms | {name: value for name, value in own.items() if name not in timms}


def _dropout(head: Pipeline) -> Step | None:
    """The dropout in front of a classifier, whose rate is an argument."""
    step = head.steps[-2] if len(head.steps) > 1 else None
    return step if step is not None and step.operator.name == "dropout" else None


# ------------------------------------------------------------------------ other values


def elsewhere(
    graph: NetworkGraph, printed: Printed, defaults: Given, read: Reading
) -> None:
    """Reads a network with other arguments than its defaults.

    All of them are others at once, each in a way of its own. If no way is legal, each is
    moved alone, as far as it can be: two that hang together (heads that divide a width).

    Args:
        graph: the network with shapes.
        printed: its source.
        defaults: of its constructor.
        read: compares the network with some arguments, or its head alone; False if they
            are not legal.

    Raises:
        Refuted: if the network differs from the formula there.
    """
    name = graph.recurrence.formula.name
    moved = {
        name: _others(value, number)
        for number, (name, value) in enumerate(defaults.items())
    }
    has_keywords = is_timms(printed)
    for key in (*INCOMING, *((CHANNELS,) if has_keywords else ())):
        if key in moved and not is_open(graph, moved[key][0]):
            (channels, *_) = moved.pop(key)
            if read({key: channels}, False):
                raise Refuted(
                    f"{name} takes {channels} as its {key}, and has no blocks for that"
                )
    rows = zip(*moved.values(), strict=True)
    if moved and not any(
        read(dict(zip(moved, row, strict=True)), False) for row in rows
    ):
        for key, values in moved.items():
            any(read({key: value}, False) for value in values)
    if has_keywords and CLASSES in defaults:
        bare = POOL in defaults and is_bare(graph)
        if not read({CLASSES: 0, **({POOL: ""} if bare else {})}, True):
            raise Refuted(f"{name} does not go without classes")


def _others(value: Any, number: int) -> tuple[Any, ...]:
    """Other values of an argument than its default, the likeliest to be legal first.

    What divides a size divides its multiples, and each size has a prime of its own, so
    that no two of them or of their products meet. A rate stays between 0 and 1.
    """
    if isinstance(value, str):
        return (_OTHER_POOL.get(value, value),) * 4
    own = int(prime(number + 4))
    less, bit = 1 - 1 / own, 0.3 / own**2
    if not isinstance(value, int):
        low, high = value * less + bit, 1 - (1 - value) * less - bit
        return low, high, value / 2, 2 * value
    if value in (0, 1):
        return own, own, 2, 3
    return own * value, 2 * value, value // 2, 1


def at(graph: NetworkGraph, given: Given, has_keywords: bool) -> NetworkGraph:
    """A network as the formula says it with other arguments.

    Args:
        graph: the network with shapes; those of its blocks stay as they are.
        given: the arguments.
        has_keywords: whether it has timm's interface; a parameter of a file that is called
            as a keyword of timm's is a parameter like any other without.

    Raises:
        Misfit: if an operator does not take them.
    """
    recurrence = graph.recurrence
    params = tuple(
        replace(p, value=sympify(given[p.name])) if p.free and p.name in given else p
        for p in recurrence.formula.params
    )
    formula = replace(recurrence.formula, params=params)
    stem, head = graph.stem, graph.head
    keywords = set(KEYWORDS) & given.keys() if has_keywords else set()
    for name in (*INCOMING, CHANNELS):
        if name in given and (name in keywords or name in INCOMING):
            stem = replace(stem, input=stem.input.with_features(given[name]))
    if keywords & {CLASSES, POOL, RATE}:
        steps = _timms(graph, given)
        head = replace(head, pipeline=replace(head.pipeline, steps=steps))
    made = replace(recurrence, formula=formula)
    return replace(graph, recurrence=made, stem=stem, head=head)


def is_open(graph: NetworkGraph, channels: int) -> bool:
    """Whether blocks get the same if so many channels come into a network."""
    stem = graph.stem
    other = replace(stem, input=stem.input.with_features(channels))
    numbers = numbers_at(other, graph.recurrence.formula)
    try:
        return output_of(stem.pipeline, (other.input,), numbers) == stem.output
    except Misfit:
        return True  # there may be other channels that fit


def _timms(graph: NetworkGraph, given: Given) -> tuple[Step, ...]:
    """The operators of a head with other keywords of timm's."""
    library = graph.recurrence.formula.library.operators
    *steps, last = graph.head.pipeline.steps
    if RATE in given:
        rate = Arguments({"rate": sympify(given[RATE])})
        if _dropout(graph.head.pipeline):
            steps.pop()
        steps.append(replace(last, operator=library["dropout"], arguments=rate))
    if POOL in given:
        place = pooling(graph.head, graph.recurrence.formula)
        assert place is not None
        kind = {"avg": "avgpool", "max": "maxpool"}.get(given[POOL])
        steps[place] = [whole(steps[place.start], library[kind])] if kind else []
    if CLASSES in given:
        width = sympify(given[CLASSES])
        last = replace(last, arguments=Arguments({**last.arguments, "width": width}))
    return (*steps, *([] if given.get(CLASSES) == 0 else [last]))


def is_bare(graph: NetworkGraph) -> bool:
    """Whether nothing but a dropout is between the pooling of a head and its last layer."""
    place = pooling(graph.head, graph.recurrence.formula)
    drops = _dropout(graph.head.pipeline) is not None
    return (
        place is not None and len(graph.head.pipeline.steps) == place.stop + drops + 1
    )


def numbers_of(formula: Formula) -> dict[Symbolic, Any]:
    """The parameters that are left to a constructor, by their symbols."""
    return {parameter(p.name): _number(p) for p in formula.params if p.free}


def _number(param: Param) -> int | float:
    value = param.value
    return int(value) if value.is_Integer else float(value)


def numbers_at(piece: Piece, formula: Formula) -> dict[Symbolic, Any]:
    """What symbols are in a stem or a head."""
    return {
        WIDTH: piece.width,
        STRIDE: piece.stride,
        SCALE: 1 / sympify(piece.stride),
        CIN: piece.input.features,
        **numbers_of(formula),
    }


def pooling(head: Piece, formula: Formula) -> slice | None:
    """Where a head makes a vector of an image by pooling its whole grid; None if nowhere."""
    steps, shape = head.pipeline.steps, head.input
    numbers = numbers_at(head, formula)
    for number, step in enumerate(steps):
        arguments = arguments_of(step, numbers)
        made = step.operator.shape_of((shape,), arguments)
        if step.operator.name in POOLS and _is_whole(arguments, shape):
            behind = [item.operator.name for item in steps[number + 1 : number + 2]]
            if not made.grid or (set(made.grid) == {1} and behind == ["flatten"]):
                return slice(number, number + (2 if made.grid else 1))
        shape = made
    return None


def told(graph: NetworkGraph, given: Given) -> Given:
    """What timm asks a network for: its arguments, and sizes of its head.

    Args:
        graph: the network with other arguments.
        given: all of its arguments.
    """
    formula = graph.recurrence.formula
    numbers = numbers_at(graph.head, formula)
    # The last layer may have no classes.
    before = replace(formula.head, steps=formula.head.steps[:-1])
    shapes = [graph.head.input, *shapes_along(before, (graph.head.input,), numbers)]
    images = [int(x.features) for x in shapes if x.layout is Layout.IMAGE]
    sizes = {"num_features": images[-1], "head_hidden_size": int(shapes[-1].features)}
    return sizes | {name: given[name] for name in KEYWORDS if name in given}


def _is_whole(arguments: Arguments, x: Shape) -> bool:
    """Whether a pooling has one window, which is the grid and no more."""
    kernel = arguments.get("kernel")
    return kernel is None or (pair(kernel), arguments["padding"]) == (x.grid, 0)


def whole(step: Step, operator: Operator) -> Step:
    """A pooling of the whole grid in the place of another one."""
    return replace(step, operator=operator, arguments=unsaid(operator.arguments))
