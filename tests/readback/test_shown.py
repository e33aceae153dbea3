"""What the code computes in words, as a refutation tells it."""

from __future__ import annotations

from typing import Any

from recform.execution.forms import Made, Table, add
from recform.execution.parts import Name
from recform.execution.shown import shown


def test_forms_are_told_as_a_person_writes_them() -> None:
    table = Table()
    x, y = table.atom("slot", 0), table.atom("slot", 1)
    conv = Made(("nn.Conv2d", 8.0, 8.0, 3.0, ("bias", False)))
    called = table.atom("call", conv, table.frozen(x))
    summed = table.atom("call", ".sum", table.frozen(y), 1.0)
    square: Any = table.multiply(x, x)
    told = {
        "2 + tensor 0 - 0.5*tensor 1": add(add(x, table.multiply(0.5, y), -1), 2.0),
        "nn.Conv2d(8, 8, 3, bias=False)(tensor 0)": called,
        "tensor 1.sum(1)": summed,
        "tensor 0^2*tensor 1": table.multiply(square, y),
        "tensor 1*(tensor 0 + tensor 1)": table.multiply(add(x, y), y),
        "1/(tensor 0)": table.atom("inverse", table.frozen(x)),
        "(F.relu, 0, None)": (Name("F.relu"), {}, None),
        "input": table.atom("input"),
    }
    for text, value in told.items():
        assert shown(value) == text


def test_no_set_and_no_object_is_told() -> None:
    """The order of a set is another one each time."""
    table = Table()
    many = [table.atom("slot", k) for k in range(6)]
    product = many[0]
    for other in many[1:]:
        product = table.multiply(product, other)  # type: ignore[assignment]
    assert shown(product) == "*".join(f"tensor {k}" for k in range(6))
