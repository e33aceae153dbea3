"""What an operator does inside: told once, in its details.

Its picture is drawn of them, and its shape, its costs and the operations that plans of
memory take apart are added up from them. A detail is made of others as the operator is
called on its inputs: by an operator of the library, or by what torch computes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from recform.blocks.acts import Inner, Link, cost_of
from recform.blocks.amount import Amount, Cost, Work
from recform.blocks.arguments import Arguments, Value, unsaid
from recform.blocks.code import symbols_in
from recform.blocks.shape import Shape, known

if TYPE_CHECKING:
    from recform.blocks.operator import Operator

_FREE = Cost()


@dataclass(frozen=True)
class Detail:
    """One of the things that an operator computes; or what comes into it.

    In what is said, ``{heads}`` stands for the operator's argument of this name.

    Attributes:
        name: what others of them call it.
        said: what stands in its box.
        of: what it is made of: others of them, in front of it, or inputs of the operator.
        note: what is said of it on a smaller line.
        learned: whether it has parameters.
        parameters: how many; 0 where the shapes are not known.
        activation: whether it has the form of an activation.
        shape: of what it makes; None where nobody says.
        does: the operations of torch that it comes to, of which the last has its name;
            none where they are told by a later one. They count where shapes are known.
    """

    name: str
    said: str = ""
    of: tuple[str, ...] = ()
    note: str = ""
    learned: bool = False
    parameters: int = 0
    activation: bool = False
    shape: Shape | None = None
    does: tuple[Inner, ...] = ()

    @property
    def numbers(self) -> int:
        """How many it makes; 0 where its sizes are no numbers."""
        if self.shape is None or not known(*self.shape.sizes):
            return 0
        return self.shape.elements

    @property
    def rows(self) -> int:
        """How many rows of features these are."""
        numbers = self.numbers
        return numbers // int(self.shape.features) if self.shape and numbers else 0

    @property
    def made(self) -> tuple[object, int]:
        """Its name, and how many numbers it is."""
        return self.name, self.numbers


def incoming(
    names: Sequence[str], shapes: Sequence[Shape] | None
) -> tuple[Detail, ...]:
    """What comes into an operator.

    Args:
        names: of its inputs.
        shapes: of these; None where they are not known.
    """
    each = shapes or (None,) * len(names)
    return tuple(Detail(n, shape=x) for n, x in zip(names, each, strict=True))


def operation(
    makes: str,
    of: Sequence[Detail | Inner],
    numbers: int,
    asks: tuple[object, ...] = (),
    *,
    cost: Cost = _FREE,
) -> Inner:
    """An operation of torch.

    Args:
        makes: a name for its result.
        of: what it is made of.
        numbers: how many it makes for an example.
        asks: the names of those of them that its gradient is computed from.
        cost: what else it costs.
    """
    reads = [x.made for x in of]
    # What is made in place of what is there moves nothing.
    read = sum(n for _, n in reads) if numbers else 0
    work = Work(read, numbers, cost.parameters, cost.multiply_adds)
    link = Link(numbers, cost, (work,))
    return Inner(makes, tuple(name for name, _ in reads), (link,), asks)


def again(
    makes: str,
    of: Sequence[Detail | Inner],
    numbers: int,
    asks: tuple[object, ...] = (),
    *,
    bytes: int = 0,
    once: int = 0,
    back: int = 0,
    besides: int = 0,
    parameters: int = 0,
    wide: bool = False,
) -> Inner:
    """An :func:`operation` that a lean pass runs again.

    Of it stay ``bytes``, and ``once`` for all examples what is made of nothing that comes
    in; ``besides`` numbers are held besides while it computes, and ``back`` while its
    gradient is computed. If it is ``wide``, numbers have four bytes in it.
    """
    kept = Amount(bytes=bytes, once=once)
    cost = Cost(
        parameters,
        saves_bytes=bytes,
        saves_once=once,
        workspace=besides,
        workspace_back=back,
        cheap=True,
        stays=kept,
        fixed=Amount(once=once),
    )
    cost = cost.widened if wide else cost
    return operation(makes, of, numbers, asks, cost=cost)


def widened(act: Inner) -> Inner:
    """An operation whose numbers have four bytes where others have two."""
    links = (replace(link, cost=link.cost.widened) for link in act.links)
    return replace(act, links=tuple(links))


def converted(makes: str, of: Detail | Inner, *, wide: bool = False) -> Inner:
    """Numbers of two bytes as others, or back; there is none where they have four."""
    cost = Cost(
        passes=True, cheap=True, half=Cost(cheap=True, wide=wide, converts=True)
    )
    return operation(makes, (of,), of.made[1], cost=cost)


def made_by(
    name: str,
    operator: Operator,
    *of: Detail,
    said: str = "",
    note: str = "",
    activation: bool = False,
    **arguments: Value,
) -> Detail:
    """What an operator makes of others, which says itself what that is and costs.

    Args:
        name: what others call it.
        operator: that is applied.
        of: what it is applied to.
        said: what stands in its box; its name, if left out.
        note: what is said on a smaller line.
        activation: whether it has the form of an activation.
        arguments: that are not its defaults.
    """
    a = Arguments({**unsaid(operator.arguments), **arguments})
    shapes = [x.shape for x in of if x.shape is not None]
    made = Detail(
        name,
        said or operator.name,
        tuple(x.name for x in of),
        note,
        learned=bool(operator.attribute) and not operator.absent,
        activation=activation or operator.elementwise,
        shape=operator.shape_of(tuple(shapes), a) if len(shapes) == len(of) else None,
    )
    sizes = (a[item.name] for item in operator.arguments if item.kind.symbolic)
    if not all(x.numbers for x in of) or any(map(symbols_in, sizes)):
        return made
    cost = operator.cost_of(tuple(shapes), a)
    inner = [act for part in operator.details(of, a) for act in part.does]
    if inner:
        own = {act.tensor: f"{name} {act.tensor}" for act in inner[:-1]}
        does = tuple(_renamed(act, own | {inner[-1].tensor: name}) for act in inner)
    elif cost.passes:
        does = (Inner(name, made.of, (), ()),)
    else:
        every = cost.saves_input
        each = zip(operator.inputs, made.of, strict=True)
        asks = [x for i, x in each if every is True or (every and i in every)]
        less = cost.changed(saves_input=False, saves_output=False)
        asked = (*asks, *[name] * cost.saves_output)
        does = (operation(name, of, made.numbers, asked, cost=less),)
    return replace(made, parameters=cost.parameters, does=does)


def _renamed(act: Inner, names: dict[object, str]) -> Inner:
    def each(tensors: Iterable[object]) -> tuple[object, ...]:
        return tuple(names.get(tensor, tensor) for tensor in tensors)

    def renamed(act: Inner) -> Inner:
        return replace(
            act,
            tensor=names[act.tensor],
            reads=each(act.reads),
            asks=each(act.asks),
            hands=each(act.hands),
            names=each(act.names),
        )

    return act.instead(renamed)


def on_gpu(acts: Sequence[Inner], others: Sequence[Inner]) -> tuple[Inner, ...]:
    """Operations that are others on a GPU."""
    first, *rest = acts
    left = (replace(act, gpu=()) for act in rest)
    return replace(first, gpu=tuple(others)), *left


def at_once(
    details: Sequence[Detail],
    of: Sequence[Detail],
    keeps: Cost | None = None,
    *,
    asks: tuple[object, ...] = (),
) -> tuple[Detail, ...]:
    """Details that are one operation of torch.

    Args:
        details: one after the other.
        of: what they are made of.
        keeps: what it keeps beside what its gradient is computed from; what they keep
            one after the other, if nothing is said.
        asks: what its gradient is computed from, if something is said.
    """
    *others, last = details
    if not last.does:
        return tuple(details)
    cost = added_up(details, [x.name for x in of])
    if keeps is None:
        kept = cost.saves_input
        asks = tuple(x.name for x in of if kept is True or (kept and x.name in kept))
        keeps = cost.changed(saves_input=False, saves_output=False)
        asks += (last.name,) * cost.saves_output
    told = keeps.changed(parameters=cost.parameters, multiply_adds=cost.multiply_adds)
    one = operation(last.name, of, last.numbers, asks, cost=told)
    return (*(replace(x, does=()) for x in others), replace(last, does=(one,)))


def added_up(details: Sequence[Detail], inputs: Sequence[str]) -> Cost:
    """What an operator costs that does this; sizes are numbers.

    Args:
        details: of the operator.
        inputs: what it takes.
    """
    acts = [act for detail in details for act in detail.does]
    costs = [link.cost for act in acts for link in act.links]
    cost = cost_of(acts, {name: name for name in inputs}, details[-1].name)
    one = costs[0] if len(costs) == 1 else _FREE
    there = [
        replace(x, does=tuple(act for each in x.does for act in each.on_gpu))
        for x in details
    ]
    return replace(
        cost,
        parameters=sum(detail.parameters for detail in details),
        workspace=one.workspace,
        workspace_back=one.workspace_back,
        passes=not costs,
        cheap=all(cost.cheap for cost in costs),
        exact=one.exact,
        unheld=one.unheld,
        lean=one.lean,
        stays=sum((cost.stays for cost in costs), Amount()),
        fixed=sum((cost.fixed for cost in costs), Amount()),
        gpu=added_up(there, inputs) if cost.gpu else None,
    )
