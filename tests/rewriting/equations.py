"""Equations said in another way: for ranges, by parts, of other starts."""

from __future__ import annotations

from recform.syntax import nodes as n
from tests.rewriting.places import (
    BLOCK,
    Text,
    is_tensor,
    lefts,
    nodes,
    replaced,
    right,
    terms,
)


def general(text: Text) -> list[tuple[str, n.Relation, n.Expr]]:
    """Unknowns with the equations for all blocks that are all they have."""
    names = [left.name for item in text.equations for left in lefts(item)]
    found = []
    for item in text.equations:
        (left, *more), expr = lefts(item), right(item)
        (index, *_) = left.indices
        is_plain = isinstance(index, n.Reference) and index.name == BLOCK
        is_one = not more and len(left.indices) == 1 and names.count(left.name) == 1
        if is_plain and is_one and expr is not None:
            found.append((left.name, item, expr))
    return found


def applied(text: Text) -> list[n.Relation]:
    """Boundary equations of what operators are applied to: ``W_0*X_<-1> = ...``."""
    return [x for x in text.of(n.Relation) if isinstance(x.left[0], n.Product)]


def depth(text: Text) -> int:
    """How many blocks the index counts; 0 where that is no number, or differs."""
    if len(text.of(n.Stages)) != 1:
        return 0
    (stages,) = text.of(n.Stages)
    counts = [
        int(stage.blocks.value) if isinstance(stage.blocks, n.Number) else 0
        for stage in stages.stages
    ]
    if any(scope.where == "stage" for scope in text.of(n.Scope)):
        return counts[0] if len(set(counts)) == 1 else 0
    return sum(counts) if all(counts) else 0


def ranges(text: Text) -> None:
    """The equation of all blocks, said for ranges that are all blocks together."""
    blocks = depth(text)
    for name, item, expr in general(text) if blocks else ():
        cut = text.draw.randint(1, blocks)
        ends = [f"1..{cut}", f"{cut + 1}..{text.draw.choice(('L', blocks))}"]
        parts = ["1..L"] if cut == blocks else ends
        shown = [f"{name}_<{part}> = {text.shown(expr)}" for part in parts]
        text.put(item, "\n".join(shown))


def more_ranges(text: Text) -> None:
    """The equation of all blocks, said once more for a range, or for first blocks."""
    blocks = depth(text)
    for name, item, expr in general(text) if blocks else ():
        start = text.draw.randint(1, blocks)
        end = text.draw.randint(start, blocks)
        shown = text.shown(expr)
        lines = [
            f"{name}_<{start}..{end}> = {shown}",
            f"{name}_<first> = {replaced(shown, BLOCK, 'first')}",
        ]
        text.put(item, f"{text.shown(item)}\n{text.draw.choice(lines)}")


def one_block(text: Text) -> None:
    """The equation of all blocks, said once more for a block by its number."""
    blocks = depth(text)
    for name, item, expr in general(text) if blocks > 4 else ():
        # With the number of an older block there would be a first operator.
        fixed = replaced(text.shown(expr), BLOCK, str(blocks))
        # Of learned numbers that would be one of a list.
        used = {x.name for x in nodes(expr) if isinstance(x, n.Reference)}
        learned = {x.target.name for x in text.of(n.Scalar) if x.target.indices}
        if not used & {"j", "k", *learned}:
            text.put(item, f"{text.shown(item)}\n{name}_{blocks} = {fixed}")


def aside(text: Text) -> None:
    """A part of an equation as an unknown, which has the width of its block."""
    stages = [stage for item in text.of(n.Stages) for stage in item.stages]
    for _, item, expr in general(text) if len(stages) == 1 else ():
        found = [x for x in terms(expr) if is_tensor(x) and _is_of_block(x)]
        found = [x for x in found if not isinstance(n.bare(x), n.Reference)]
        found = [x for x in found if "concat" not in text.shown(x)]
        if found and text.some(0.8):
            part, name = text.draw.choice(found), text.fresh(*"NMKJR")
            text.put(part, f"{name}_i")
            text.add(f"{name}_i = {text.shown(part)}", before=item)
            return


def _is_of_block(expr: n.Expr) -> bool:
    """Whether something has its meaning in every place of a block."""
    names = {x.name for x in nodes(expr) if isinstance(x, n.Reference)}
    return not names & {"k", "t", "L", "first"}


def starts(text: Text) -> None:
    """``X_0`` as ``input`` or ``Y_0``, where nothing says what these are."""
    known = [f"{name}_0" for name, *_ in general(text)]
    said = [item for item in text.equations if right(item) not in _rights(text)]
    if said or applied(text) or not known or text.of(n.Times):
        return
    for part in text.expressions:
        if isinstance(part, n.Reference) and text.shown(part) in (*known, "input"):
            text.put(part, text.draw.choice(("input", *known)))


def _rights(text: Text) -> list[n.Expr]:
    return [expr for _, _, expr in general(text)]


def channels(text: Text) -> None:
    """``vector v_i = 0`` as ``scalar v_i = 0 per channel``, and back."""
    for item in text.of(n.Scalar):
        if item.per in ("channel", "feature"):
            said = f"{text.shown(item.target)} = {text.shown(item.value)}"
            is_vector = text.shown(item).startswith("vector")
            text.put(
                item, f"scalar {said} per channel" if is_vector else f"vector {said}"
            )


def output(text: Text) -> None:
    """An output that is the last of the only unknown need not be said."""
    names = {left.name for item in text.equations for left in lefts(item)}
    for item in text.of(n.Output):
        if len(names) == 1 and text.shown(item.expr) == f"{min(names)}_L":
            text.put(item, "")


def late(text: Text) -> None:
    """Equations at the end of the file, with the declarations of learned numbers."""
    scalars = text.of(n.Scalar)
    names = [item.target.name for item in scalars]
    if len(text.of(n.Network)) > 1 or len(set(names)) < len(names):
        return
    # The first one that speaks of an operator says where that comes.
    if applied(text):
        return
    for item in (*text.equations, *scalars):
        text.put(item, "")
    lines = [text.shown(item) for item in scalars]
    text.draw.shuffle(lines)
    equations = [text.shown(item) for item in text.equations]
    text.add("\n".join((*equations, *lines)))
