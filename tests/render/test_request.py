"""What may be asked for: each argument that cannot be taken is named, and why."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from recform.diagnostics import CompileError
from recform.render import BadArgument, Format, Request, request
from tests.compiled import example

WHOLE = "is no whole number"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"depth": 1.5}, f"depth: 1.5 {WHOLE} of at least 1"),
        ({"depth": "2"}, f"depth: '2' {WHOLE} of at least 1"),
        ({"depth": True}, f"depth: True {WHOLE} of at least 1"),
        ({"depth": None}, f"depth: None {WHOLE} of at least 1"),
        ({"depth": 0}, f"depth: 0 {WHOLE} of at least 1"),
        ({"block": 2.5}, f"block: 2.5 {WHOLE}"),
        ({"view": "paths", "blocks": "4"}, f"blocks: '4' {WHOLE}"),
        ({"dpi": 0}, f"dpi: 0 {WHOLE} from 20 to 2,400"),
        ({"dpi": 300.0}, f"dpi: 300.0 {WHOLE} from 20 to 2,400"),
        ({"legend": "no"}, "legend: 'no' is not True or False"),
        ({"expand": 2}, "expand: 2 is not True or False"),
        ({"open": 3}, "open: 3 is no name of an operator"),
        ({"open": ["W", 3]}, "open: 3 is no name of an operator"),
        ({"width": [3]}, "width: [3] is no width in points"),
        (
            {"width": "8"},
            "width: '8' is no length, as 8.5cm, 3.25in, 82mm or 240pt are",
        ),
        ({"view": 3}, "view: 3 is none of step, network, paths, unrolled"),
        ({"direction": "up"}, "direction: 'up' is none of tb, lr"),
        ({"renderer": 7}, "renderer: 7 is no name of a program"),
        ({"expand": True}, "expand: it belongs to the view network"),
        ({"blocks": 4}, "blocks: it belongs to the views unrolled and paths"),
        (
            {"view": "paths", "open": "W"},
            "open: it belongs to the views step, unrolled and network",
        ),
        ({"view": "network", "block": 1}, "block: it belongs to the view step"),
    ],
)
def test_arguments_are_checked(options: Mapping[str, object], said: str) -> None:
    with pytest.raises(BadArgument) as error:
        request(**options)  # type: ignore[arg-type]
    assert str(error.value) == said


@pytest.mark.parametrize(
    ("form", "options", "argument"),
    [
        ("svg", {"dpi": 300}, "dpi"),
        ("dot", {"width": "8cm"}, "width"),
        ("json", {"style": "cvpr"}, "style"),
        ("gif", {}, "form"),
        ("svg", {"colour": "red"}, "colour"),
    ],
)
def test_a_picture_refuses_what_the_command_line_does(
    form: str, options: Mapping[str, object], argument: str
) -> None:
    with pytest.raises(ValueError, match=f"RF116.*picture, {argument}: "):
        example("paper/eq20.rf").picture(form, **options)


def test_what_is_usual_is_no_argument() -> None:
    Request(dpi=None).check(Format.svg)
    assert request(view="paths", open=(), depth=1, expand=False).open == ()


@pytest.mark.parametrize(
    "written", ["", "{}", "[]", '{"bb": "0,0"}', "digraph {}", b"\xff"]
)
def test_a_renderer_that_makes_no_layout_is_said(written: str | bytes) -> None:
    with pytest.raises(CompileError, match="RF663"):
        example("paper/eq20.rf").picture("svg", renderer=lambda source: written)
