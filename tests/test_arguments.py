"""recform from Python: whatever a function is given, what is wrong is a diagnostic."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import recform
from recform.arguments import TAKES, public
from recform.diagnostics import CompileError, WrongArgument
from recform.diagnostics import Diagnostic as Said

ONE = "input 4\nstages 4 x 2\nW = linear(c)\nX_i = X_<i-1> + W_i*X_<i-1>\n"


class Odd:
    """What no function takes, and what says nothing of itself."""

    def __repr__(self) -> str:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]


@cache
def network() -> Any:
    return recform.compile(ONE)


@cache
def module() -> Any:
    return network().module()


#: What each function is called with where it does what it should.
USUAL: dict[str, Callable[[], tuple[Any, tuple[Any, ...]]]] = {
    "compile": lambda: (recform.compile, (ONE,)),
    "load": lambda: (recform.load, (ONE,)),
    "save_weights": lambda: (recform.save_weights, (module(), ONE, "one.safetensors")),
    "load_weights": lambda: (recform.load_weights, (module(), ONE, "one.safetensors")),
    "optimize": lambda: (recform.optimize, (module(), ONE)),
    "transplant": lambda: (recform.transplant, ("one.safetensors", ONE)),
    "train": lambda: (recform.train, (ONE,)),
    "picture": lambda: (network().picture, ()),
    "memory": lambda: (network().memory, ()),
    "analyze": lambda: (network().analyze, ()),
    "diff": lambda: (network().diff, (network(),)),
}
WRONG = {"odd": Odd(), "number": 1.5, "bytes": b"q", "rows": ((3,),), "class": Odd}


def names(name: str) -> list[str]:
    """The arguments of a function, those of pictures among them."""
    function, _ = USUAL[name]()
    rows = inspect.signature(function).parameters.values()
    found = [row.name for row in rows if row.kind is not row.VAR_KEYWORD]
    more = ["view", "direction", "expand", "block", "open", "depth", "theme", "width"]
    return found + ([*more, "legend", "style", "dpi"] if name == "picture" else [])


def test_all_functions_are_here() -> None:
    assert set(recform.__all__) - {"__version__"} <= set(USUAL)


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", USUAL)
def test_what_is_of_no_use(
    name: str, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    function, usual = USUAL[name]()
    for place, argument in enumerate(names(name)):
        value = WRONG[wrong]
        if wrong == "number" and argument in ("gain", "gate", "checkpoint", "width"):
            continue
        if wrong == "class" and argument == "what":
            continue  # it is a function that makes something
        given = [*usual]
        options = {}
        if place < len(given):
            given[place] = value
        else:
            options[argument] = value
        with pytest.raises(CompileError) as caught:
            function(*given, **options)
        (said,) = caught.value.diagnostics
        # What may be a parameter of the file, or is one of several, its reader refuses.
        assert said.code in ("RF116", "RF501", "RF504", "RF511"), (argument, said)
        assert argument in said.message or said.code != "RF116"
    assert list(tmp_path.iterdir()) == []


class Word(StrEnum):
    """A word of somebody else's."""

    cpu = "cpu"


class Link:
    """A path of somebody else's."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return str(self.path)


def test_what_is_as_good_as_pythons_own(tmp_path: Path) -> None:
    """NumPy's numbers, 1 for True, any path: a function gets what Python has of them."""
    numpy = pytest.importorskip("numpy")

    @public("g", swap=TAKES["swap"], device=TAKES["device"])
    def g(
        formula: Any, timm: Any, seed: Any, checkpoint: Any, swap: Any, device: Any
    ) -> list[Any]:
        return [formula, timm, seed, checkpoint, swap, device]

    one = tmp_path / "one.rf"
    link, flag = Link(one), numpy.bool_(True)
    pair = numpy.array([1, 2])
    found = g(link, flag, numpy.int64(3), numpy.float32(0.5), pair, Word.cpu)
    assert found == [one, True, 3, 0.5, (1, 2), "cpu"]
    kinds = [bool, int, float, tuple, str]
    assert list(map(type, found[1:])) == kinds and type(found[4][0]) is int
    one.write_text(ONE)
    made = recform.compile(link, timm=0, inference=1)  # type: ignore[arg-type]
    assert made.source == recform.compile(one, inference=True).source
    sizes = list(numpy.array([4]))
    usual = recform.compile(ONE, input=[4])
    assert recform.compile(ONE, input=sizes).source == usual.source
    recform.save_weights(module(), link, Link(tmp_path / "one.safetensors"))  # type: ignore[arg-type]
    assert (tmp_path / "one.safetensors").exists()


def said(call: Callable[[], object]) -> Said:
    with pytest.raises(WrongArgument) as caught:
        call()
    assert isinstance(caught.value, ValueError)
    (found,) = caught.value.diagnostics
    assert found.code == "RF116"
    return found


def test_what_is_said() -> None:
    found = said(lambda: recform.compile(ONE, memory_budget="1GiB", batch="q"))  # type: ignore[arg-type]
    assert found.message == (
        "compile, batch: 'q' is no whole number from 1 to 1,000,000,000"
    )
    assert found.hint == "such as batch=4"
    found = said(lambda: network().memory(dtype="x"))
    assert found.message == "memory, dtype: 'x' is none of fp32, bf16, fp16"
    found = said(lambda: network().picture("png", dpi=0))
    assert found.message == "picture, dpi: 0 is no whole number from 20 to 2,400"
    found = said(lambda: network().analyze(dept=3))
    assert found.message == "analyze: got an unexpected keyword argument 'dept'"
    assert found.hint.startswith("it takes depth, origin, ")
    found = said(lambda: network().module(clases=3))
    assert "unexpected keyword argument 'clases'" in found.message
    assert found.hint == "its constructor takes in_features, classes"
    # A text is no row of plugins, though it is one of letters.
    found = said(lambda: recform.load(ONE, plugins="operators.py"))
    assert found.hint == 'such as plugins=["operators.py"]'


@pytest.mark.parametrize("call", [recform.load, recform.compile])
@pytest.mark.parametrize(
    ("name", "value"),
    [("batch", 4), ("dtype", "bf16"), ("optimizer", "adam"), ("for_device", "h100")],
)
def test_what_is_of_a_budget_without_one(
    call: Callable[..., object], name: str, value: object
) -> None:
    """It may be a parameter of the file; of a file without one the hint tells both."""
    text = "X_i = X_<i-1> + W_i*X_<i-1>"
    with pytest.raises(CompileError) as error:
        call(text, **{name: value})
    assert f"without a budget of memory, {name} is a parameter" in str(error.value)
    if isinstance(value, int):
        call(f"param {name} = 2\nstages 8*{name} x 2\n{text}", **{name: value})


def test_a_wrong_batch_is_told_of_the_call_that_was_made() -> None:
    text = "X_i = X_<i-1> + W_i*X_<i-1>"
    for call in (recform.load, recform.compile):
        with pytest.raises(CompileError) as error:
            call(text, memory_budget="1GiB", batch=0)
        assert f"{call.__name__}, batch: 0 is no whole number" in str(error.value)
