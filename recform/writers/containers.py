"""Parts of a pipeline that live in one container: nested nn.Sequential.

A name such as ``features.0.weight`` says that a module is in ``features``, under the
number 0. Parts in a row whose names begin alike become one container.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, chain, islice

from recform.algebra.labels import is_held
from recform.blocks import identifiers
from recform.plan.expressions import Container, Holds, Item
from recform.plan.namespace import Claim, Namespace, fail
from recform.plan.parts import NEXT, Part
from recform.plan.places import Kind

#: Makes a part of a container that nn.Sequential cannot be; None if nothing else can.
Compose = Callable[[str, list[Part]], Part | None]


def is_nested(label: str) -> bool:
    """Whether the name of an operator is a path, or one that a container alone has."""
    return "." in label or is_held(label)


def fold(parts: Sequence[Part], compose: Compose | None = None) -> list[Part]:
    """Parts whose names begin alike as one; the others as they are.

    Where other modules stand between two parts of a container, it is called in pieces.

    Args:
        parts: in the order in which they run.
        compose: for a container that is no nn.Sequential; a diagnostic if left out.

    Raises:
        CompileError: RF219, if a container is no nn.Sequential.
    """
    # A function between two modules of a container is of it as well.
    runs = [
        (run, fold([member.without() for member in run], compose) if is_held else run)
        for run, is_held in _runs(parts)
    ]
    held: dict[str, list[list[Part]]] = {}
    for run, inner in runs:
        if inner is not run:
            held.setdefault(run[0].path[0], []).append(inner)
    made = {
        head: _container(
            head, list(chain(*inner)), compose if len(inner) == 1 else None
        )
        for head, inner in held.items()
    }
    named = {
        head: _named(made[head], list(chain(*inner))) for head, inner in held.items()
    }
    result: list[Part] = []
    begun: dict[str, int] = {}
    for run, inner in runs:
        if inner is run:
            result += run
            continue
        head = run[0].path[0]
        origin = run[0].origin if len({member.origin for member in run}) == 1 else None
        whole = replace(
            made[head],
            places=run[0].places[:1],
            origin=origin,
            inside=tuple(islice(named[head], len(inner))),
        )
        if len(held[head]) > 1:
            start = begun.get(head, 0)
            begun[head] = start + sum(part.count for part in inner)
            whole = _piece(whole, start, begun[head])
        result.append(whole)
    return result


def _named(whole: Part, parts: list[Part]) -> Iterator[tuple[str, Part]]:
    """The parts of a container, by what it calls them; of a row, the last of it."""
    if any(part.numbered for part in parts):
        ends = accumulate(part.count for part in parts)
        return zip((str(end - 1) for end in ends), parts, strict=True)
    kept = isinstance(whole.made, Container) and whole.made.kind is Holds.DICTIONARY
    own = identifiers.DICTIONARY if kept else identifiers.SEQUENTIAL
    return zip(names_of(parts, Namespace.container(own)), parts, strict=True)


def spans(parts: Sequence[Part]) -> Iterator[tuple[int, int]]:
    """The first and the last part of each container, of those inside of others as well."""
    position = 0
    for run, is_container in _runs(parts):
        if is_container:
            yield position, position + len(run) - 1
            for first, last in spans([member.without() for member in run]):
                yield position + first, position + last
        position += len(run)


def _runs(parts: Sequence[Part]) -> Iterator[tuple[list[Part], bool]]:
    """Parts in a row that lie in one container, and the others each by itself."""
    position = 0
    while position < len(parts):
        is_held = len(parts[position].path) > 1
        run = run_of(parts, position) if is_held else [parts[position]]
        yield run, is_held
        position += len(run)


def _piece(whole: Part, start: int, end: int) -> Part:
    """What a container holds in some of its places; the first piece makes it."""
    piece = str(start) if end == start + 1 else f"{start}:{end}"
    made = None if start else whole.made
    call = f"{{m}}[{piece}]({{x}})"
    return replace(whole, call=call, made=made, layer=None, piece=piece)


def run_of(parts: Sequence[Part], start: int) -> list[Part]:
    """The parts in a row that lie in one container, with functions between them."""
    head = parts[start].path[0]
    end = start
    for position in range(start, len(parts)):
        path = parts[position].path
        if len(path) > 1 and path[0] == head:
            end = position
        elif path:
            break
    return list(parts[start : end + 1])


def _container(head: str, parts: list[Part], compose: Compose | None) -> Part:
    span = next((part.span for part in parts if part.span is not None), None)
    named = [part for part in parts if part.path]
    numbered = any(part.numbered for part in named)
    made = _sequential(parts) if numbered else _ordered(parts)
    # A class of its own has an attribute for each part, and so no rows of blocks.
    rows = any(part.repeat > 1 or part.splat for part in parts)
    if made is None and compose is not None and not rows:
        composed = compose(head, parts)
        if composed is not None:
            return composed
    if made is None:
        culprit = next((p for p in parts if not p.layer), parts[0])
        if culprit.inside and not culprit.piece:
            fail(
                f"{head} holds other parts of the network besides {culprit.name}, which "
                "timm's interface runs in parts",
                culprit.place or span,
                f"give {culprit.name} a container of its own",
            )
        if culprit.piece:
            fail(
                f"{culprit.name} is in two places, with other modules between, and "
                f"{head} runs what it holds in a row",
                culprit.place or culprit.span,
                "give one of them another name",
            )
        fail(
            f"{culprit.kind} cannot stand in an nn.Sequential: torch has no module for it",
            culprit.span or span,
            _outside(head, culprit, parts),
        )
    return Part(
        path=(head,),
        call="{m}({x})",
        made=made,
        layer=made,
        cut=parts[-1].cut,
        span=span,
        symbols=frozenset().union(*(part.symbols for part in parts)),
    )


def _outside(head: str, culprit: Part, parts: list[Part]) -> str:
    """What to write so that a part is in no nn.Sequential."""
    if len({part.origin for part in parts}) > 1:
        key = culprit.key
        return f'names {key} = "..." puts the {key} outside of {head}' if key else ""
    spans = [part.span for part in parts if part.span is not None]
    text = spans[0].to(spans[-1]).text if spans else ""
    # Parts of another statement stand on another line.
    names = (part.name for part in parts)
    odd = next((n for n in names if is_held(n) and not n.isdigit()), "")
    if text and text.isprintable():
        return f"without the {f'label {odd}' if odd else 'brackets'}: {text}"
    return "put it outside of the brackets"


def _renumbered(part: Part, parts: Sequence[Part]) -> str:
    """What to write so that a part gets the next number."""
    if part.origin is not None and part.origin.kind is Kind.STAGE:
        return "in `names`, {} counts from 1, and {0} from 0"
    together = len({other.origin for other in parts}) > 1
    if together and part.place == part.span:
        return f"without brackets and numbers, what is of the {part.key} gets the next"
    return ""


def _sequential(parts: list[Part]) -> Container | None:
    """Modules by their numbers; functions take the numbers between them."""
    items: list[Item] = []
    number = 0
    for part in parts:
        if part.name and not part.numbered:
            fail(
                f"{part.name} is a name, and other parts of its container have numbers",
                part.place or part.span,
                "give one of them a container of its own",
            )
        # Numbers that nobody has said tell parts apart, and no more.
        is_said = not part.places or part.places[0] is not None
        if is_said and part.name not in ("", NEXT, str(number)):
            fail(
                f"the number {part.name} should be {number}: an nn.Sequential counts "
                "its parts from 0",
                part.place or part.span,
                _renumbered(part, parts),
            )
        if part.layer is not None:
            items.append(Item(part.layer, count=part.repeat, splat=part.splat))
        number += part.count
    are_layers = all(part.layer is not None for part in parts)
    return Container(Holds.SEQUENTIAL, tuple(items)) if are_layers else None


def _ordered(parts: list[Part]) -> Container | None:
    """Modules by their names."""
    items: list[Item] = []
    scope = Namespace.container(identifiers.SEQUENTIAL)
    for part, name in zip(parts, names_of(parts, scope), strict=True):
        if part.layer is None:
            return None
        called = part.path[0] if part.repeat > 1 else name
        items.append(Item(part.layer, called, part.repeat, part.first))
    return Container(Holds.SEQUENTIAL, tuple(items))


def names_of(parts: Sequence[Part], names: Namespace) -> list[str]:
    """What each part is called: as the author says, or ``conv1``, ``bn1`` by kind."""
    unnamed = [part.kind for part in parts if part.path and not part.name]
    names.reserve(part.name for part in parts if part.name not in ("", NEXT))
    numbers: dict[str, int] = {}
    result = []
    for part in parts:
        if part.name == NEXT:
            result.append(names.new(NEXT))
            continue
        if part.piece and part.made is None:
            result.append(part.name)  # the first piece has made it
            continue
        if part.name or not part.path:
            claim = Claim(part.what, part.place, part.key)
            claimed = [names.claim(name, claim) for name in part.names if name]
            result.append(claimed[0] if claimed else "")
            continue
        numbers[part.kind] = numbers.get(part.kind, 0) + 1
        several = unnamed.count(part.kind) > 1
        wanted = f"{part.kind}{numbers[part.kind]}" if several else part.kind
        result.append(names.new(wanted))
    return result
