"""A plan in which weights that several modules share are one tensor.

The network's constructor says so behind its modules: the state_dict has the tensor under
the name of each, and the network has it once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from recform.plan.definitions import Assign, Class, Definition, Statement
from recform.plan.expressions import Code, Container, Expression, Holds, Make


@dataclass(frozen=True)
class _Path:
    """Where a module is.

    Attributes:
        code: as Python reaches it.
        key: its name in the state_dict.
        typed: whether its class is known to who reads the code.
    """

    code: str = "self"
    key: str = ""
    typed: bool = True

    def at(self, step: str, name: str, *, typed: bool = True) -> _Path:
        key = f"{self.key}.{name}" if self.key else name
        return _Path(self.code + step, key, self.typed and typed)


def tied(network: Class, definitions: Iterable[Definition]) -> Class:
    """The class of a network, whose modules have the weights that they share.

    Args:
        network: the class.
        definitions: those that make its parts.
    """
    classes = {made.name: made for made in definitions if isinstance(made, Class)}
    first: dict[str, _Path] = {}
    ties: list[Statement] = []
    for weight, path in _weights(network, _Path(), classes):
        owner = first.setdefault(weight, path)
        if owner is not path:
            ties.append(Assign(f"{path.code}.weight", Code(_read(owner))))
    return replace(network, start=(*ties, *network.start))


def _read(path: _Path) -> str:
    """The weight of a module; what is in a container has no type of its own."""
    if path.typed:
        return f"{path.code}.weight"
    return f'self.get_parameter("{path.key}.weight")'


def _weights(
    made: Class, path: _Path, classes: dict[str, Class]
) -> Iterator[tuple[str, _Path]]:
    """What modules of a class share, and where they are, in the order of the class."""
    for attribute in made.attributes:
        here = path.at(f".{attribute.name}", attribute.name)
        yield from _inside(attribute.value, here, classes)


def _inside(
    value: Expression, path: _Path, classes: dict[str, Class]
) -> Iterator[tuple[str, _Path]]:
    match value:
        case Code() if value.shares:
            yield value.shares, path
        case Make() if value.callee in classes:
            yield from _weights(classes[value.callee], path, classes)
        case Container():
            place = 0
            for item in value.items:
                name = item.name or str(place)
                step = f"[{place}]"
                if value.kind is Holds.DICTIONARY:
                    step = f'["{name}"]'
                yield from _inside(
                    item.value, path.at(step, name, typed=False), classes
                )
                place += item.count if isinstance(item.count, int) else 1
