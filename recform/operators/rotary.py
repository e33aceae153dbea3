"""Rotary positions: features of heads that turn with the position, and heads side by side."""

from __future__ import annotations

from dataclasses import replace

from recform.blocks.acts import Inner
from recform.blocks.amount import Cost
from recform.blocks.arguments import Argument, Arguments, Kind, given
from recform.blocks.code import made, symbols_in
from recform.blocks.details import Detail, again
from recform.blocks.operator import Emitted, Misfit, Operator, Several
from recform.blocks.shape import Layout, Shape, Size, known
from recform.blocks.support import template
from recform.operators.linear import side_by_side


class Rotary(Operator):
    """Pairs of features of each head, turned by angles that grow with the position."""

    name = "rotary"
    takes = (Layout.TOKENS,)
    positionwise = True
    about = "turns pairs of features of each head, further at each position"
    source = (
        "Su et al. (2021), section 3.2.2; Chen et al. (2023) `factor`; "
        "Peng et al. (2024), section 3.2, `length`"
    )
    attribute = "rotary"
    support = (template("rotary"),)
    support_kept = (template("kept/rotary"),)
    arguments = (
        Argument("heads", Kind.SIZE, about="parts of the features, which turn alike"),
        Argument("base", Kind.POSITIVE, 10000, "of the angles"),
        Argument(
            "turned",
            Kind.PART,
            None,
            "features of a head that turn, the first ones; all",
        ),
        Argument("last", Kind.FLAG, False, "the last ones turn, not the first"),
        Argument(
            "adjacent", Kind.FLAG, False, "pairs stand side by side, not in two halves"
        ),
        Argument("factor", Kind.POSITIVE, 1, "pairs turn so many times slower"),
        Argument(
            "length",
            Kind.COUNT,
            None,
            "only pairs do that turn `slow` times or less in so many positions",
        ),
        Argument("slow", Kind.POSITIVE, 1, "see `length`"),
        Argument("fast", Kind.POSITIVE, 4, "those that turn as often stay as they are"),
    )

    def shape(self, x: Shape, a: Arguments) -> Shape:
        check_heads(a.heads, x, "features")
        if known(x.features, a.heads):
            check_turned(a, x.features // a.heads, "heads")
        if a["length"] is None and (a.slow != 1 or a.fast != 4):
            raise Misfit(
                "RF402",
                "slows all pairs down alike without a length",
                hint="for example length=8192",
                argument="fast" if a.slow == 1 else "slow",
            )
        numbers = not symbols_in((a.slow, a.fast))
        if a["length"] is not None and numbers and a.fast <= a.slow:
            raise Misfit(
                "RF402",
                f"has {a.fast:g} as the turns of fast pairs, and {a.slow:g} as "
                "those of slow ones",
                hint="fast is more than slow",
                argument="fast",
            )
        return x

    def details(self, inputs: tuple[Detail, ...], a: Arguments) -> tuple[Detail, ...]:
        (x,) = inputs
        if a["turned"] == 0:
            return (
                Detail(
                    "y", self.name, shape=x.shape, does=(Inner("y", (x.name,), (), ()),)
                ),
            )
        return (turned("y", x, share_of(x, a)),)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        _, *options = self.arguments
        named = {item.name: (a[item.name], item.default) for item in options}
        return Emitted("{m}({x})", made("Rotary", a.heads, **named))


class Beside(Several):
    """The heads of two tensors, side by side."""

    name = "beside"
    positionwise = True
    about = "each head of x, and beside it one of y"
    source = "DeepSeek-AI (2024), DeepSeek-V2, section 2.1.3"
    inputs = ("x", "y")
    attribute = "beside"
    support = (template("beside"),)
    arguments = (
        Argument("heads", Kind.SIZE, about="parts of the features of x"),
        Argument(
            "shared",
            Kind.SIZE,
            None,
            "those of y, each of which stands beside several of x then; as heads",
        ),
    )

    def shape_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Shape:
        x, y = side_by_side(inputs)
        heads, shared = a.heads, given(a, "shared", a.heads)
        check_heads(heads, x, "features of x")
        check_heads(shared, y, "features of y", "shared")
        check_shared(heads, shared, "shared", "y")
        each = y.features if heads == shared else y.features // shared * heads
        return x.with_features(x.features + each)

    def cost_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Cost:
        return Cost(cheap=True)

    def emit_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Emitted:
        module = made("Beside", a.heads, shared=(a["shared"], None))
        return Emitted("{m}({x}, {y})", module)


def check_heads(heads: Size, x: Shape, what: str, argument: str = "heads") -> None:
    """Raises a Misfit if features do not fall into so many heads."""
    if known(x.features, heads) and x.features % heads:
        raise Misfit(
            "RF402",
            f"has {heads} heads, which do not divide the {x.features} {what}",
            hint="choose a width that is a multiple of the heads",
            argument=argument,
        )


def check_shared(heads: Size, shared: Size, argument: str, what: str) -> None:
    """Raises a Misfit if each of the shared heads is not for as many of the others."""
    if known(heads, shared) and heads % shared:
        raise Misfit(
            "RF402",
            f"has {heads} heads, which {shared} heads of {what} cannot share",
            argument=argument,
        )


def check_turned(a: Arguments, width: Size, argument: str) -> None:
    """Raises a Misfit if rotary positions find no pairs among the features of a head.

    Args:
        a: which of them turn, ``turned``.
        width: of a head.
        argument: to blame if all turn.
    """
    count = given(a, "turned", width)
    if known(count) and count > width:
        raise Misfit(
            "RF402",
            f"turns {count} features, and a head has {width}",
            argument="turned",
        )
    if known(count) and count % 2:
        what = "a head has" if a["turned"] is None else "not"
        raise Misfit(
            "RF402",
            f"turns pairs of features, and {what} {count}",
            argument=argument if a["turned"] is None else "turned",
        )


def share_of(x: Detail, a: Arguments) -> tuple[int, int]:
    """How many features of a head rotary positions turn, and of how many."""
    if not x.numbers:
        return 1, 1
    width = x.numbers // x.rows // int(a.heads)
    return int(given(a, "turned", width)), width


def turned(
    name: str,
    x: Detail,
    share: tuple[int, int],
    note: str = "",
    names: tuple[str, ...] = (),
) -> Detail:
    """Turned by angles that grow with the position.

    Args:
        name: of it.
        x: what is turned.
        share: how many features of a head, and of how many.
        note: what is said of it.
        names: of what code has a name for until then.
    """
    count, width = share
    # Each half of a head is made of two products before both are put together, and has
    # a cosine and a sine at each position.
    more, angles = x.numbers * count // width, count * x.rows
    one = again(name, (x,), x.numbers, once=angles, back=more, besides=more)
    does = replace(one, names=names)
    return Detail(name, "rotary", (x.name,), note, shape=x.shape, does=(does,))
