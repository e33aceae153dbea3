"""docs/language.md: its generated parts are up to date, and every example runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from recform.blocks import Argument, defaults
from recform.blocks.examples import random_inputs
from recform.compiler import compile_source, from_text
from recform.operators import standard
from recform.outline.operator_calls import usage

PAGE = Path(__file__).resolve().parents[2] / "docs" / "language.md"
GRAMMAR = PAGE.parents[1] / "grammars" / "recform.lark"
BLOCKS = re.findall(r"```rf\n(.*?)```", PAGE.read_text(), re.DOTALL)


def operators() -> str:
    rows = ["| operator | what it does | arguments |", "|---|---|---|"]
    for name in standard().names:
        operator = standard().operators[name]
        about = "<br>".join(f"`{a.name}` {argument(a)}" for a in operator.arguments)
        rows.append(f"| `{usage(operator)}` | {operator.about} | {about} |")
    return "\n".join(rows)


def argument(found: Argument) -> str:
    """What an argument is, and which words it takes."""
    words = f" ({', '.join(found.choices)})" if found.choices else ""
    return f"{found.about}{words}"


def default_texts() -> str:
    parts = [
        ("For every file:", defaults.FRAME),
        ("For an image:", defaults.IMAGE + defaults.PARAMS + defaults.STAGES),
        (
            "Where a module is called on what several blocks have made "
            "(`W_i*X_<i-1> + W_i*X_<i-2>`, `W_i^2`),\nis shared by all blocks, all "
            "tensors are put side by side, or there are two indices:",
            defaults.FLAT_STAGES,
        ),
        ("For tokens:", defaults.TOKENS + defaults.FLAT_STAGES),
        ("For ids:", defaults.IDS + defaults.FLAT_STAGES),
        ("For a vector:", defaults.VECTOR + defaults.FLAT_STAGES),
        ("An operator of an image network:", f"\nW = {defaults.IMAGE_BLOCK}\n"),
        ("An operator of the others:", f"\nW = {defaults.VECTOR_BLOCK}\n"),
    ]
    texts = []
    for title, text in parts:
        body = re.sub(r"\n{2,}", "\n", text).strip("\n")
        texts.append(f"{title}\n\n```\n{body}\n```")
    return "\n\n".join(texts)


def page() -> str:
    text = PAGE.read_text()
    grammar = GRAMMAR.read_text().rstrip()
    for key, content in (
        ("operators", operators()),
        ("defaults", default_texts()),
        ("grammar", f"```lark\n{grammar}\n```"),
    ):
        begin, end = f"<!-- {key}: begin -->", f"<!-- {key}: end -->"
        head, _, rest = text.partition(begin)
        text = f"{head}{begin}\n{content}\n{end}{rest.partition(end)[2]}"
    return text


@pytest.mark.golden
def test_generated_parts_are_up_to_date(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-goldens"):
        PAGE.write_text(page())
    assert PAGE.read_text() == page(), "run `make goldens`"


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_example(number: int) -> None:
    for compiled in compile_source(from_text(BLOCKS[number])):
        assert not compiled.warnings
        network = compiled.module()
        network(*random_inputs(compiled.formula.inputs, 2)).sum().backward()
        missing = [n for n, p in network.named_parameters() if p.grad is None]
        assert not missing
