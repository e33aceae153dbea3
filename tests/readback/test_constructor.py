"""A constructor in which a number, or another argument, stands for the one that is meant."""

from __future__ import annotations

import ast
from itertools import product

import pytest

from recform.compiler import compile_source, from_text
from recform.memory import Memory
from recform.target import Target
from tests import Tried
from tests.readback.constructors import alike, changed
from tests.readback.mutants import form, written
from tests.thinned import thinned

PLAIN, LEAN = Target(memory=Memory.plain), Target(memory=Memory.lean)
AGAIN, BACK = Target(memory=Memory.checkpoint), Target(memory=Memory.reversible)
GOING, TIMM = Target(generation=True), Target(timm=True)
FOLDED = Target(inference=True)
#: Examples, and the form of each.
CASES = [
    ("language/params.rf", PLAIN),
    ("paper/resnet50_s.rf", TIMM),
    ("language/params.rf", AGAIN),
    ("language/params.rf", TIMM),
    ("language/several.rf", PLAIN),
    ("paper/eq20.rf", LEAN),
    ("modern/tabresnet.rf", LEAN),
    ("paper/highway.rf", AGAIN),
    ("zoo/densenet121.rf", PLAIN),
    ("zoo/efficientnet_drop_path.rf", TIMM),
    ("zoo/googlenet.rf", TIMM),
    ("zoo/resnet50.rf", FOLDED),
    ("language/revnet.rf", BACK),
    ("language/res2net.rf", FOLDED),
    ("zoo/inception_resnet_v2.rf", TIMM),
    ("modern/mamba.rf", GOING),
    ("modern/llama.rf", GOING),
    ("modern/mixer.rf", AGAIN),
    ("zoo/vgg16_bn.rf", TIMM),
    ("zoo/vit_b_16.rf", LEAN),
    ("modern/unet.rf", PLAIN),
    ("language/vision_transformer.rf", PLAIN),
    ("language/names.rf", TIMM),
    ("zoo/revnet.rf", BACK),
]


def _named(case: tuple[str, Target]) -> str:
    return f"{case[0]}{case[1].options or ' ' + str(case[1].memory)}"


@pytest.mark.parametrize("case", thinned(CASES, every=6, name=_named))
def test_another_argument_is_no_other_one(
    case: tuple[str, Target], tried: Tried
) -> None:
    """What is not refused is the same network whatever it is given."""
    made = written(*case)
    assert made.accepts(made.code)
    counts = {"refused": 0, "equal": 0}
    for what, code in changed(made):
        if not made.accepts(code):
            counts["refused"] += 1
            continue
        assert alike(made, code), f"{what}: {ast.unparse(code)}"
        counts["equal"] += 1
    tried(counts)
    assert counts["refused"] > 2


#: Networks whose arguments do not take any number, or are the same at first.
TEXTS = {
    "a rate that is nothing": (
        "param drop = 0\ninput 3 x 6 x 6\nstages 4 x 2\n"
        "head avgpool > dropout(drop) > linear(5)\n"
    ),
    "a rate that is one, one class": (
        "param drop = 1\nparam classes = 1\ninput 3 x 6 x 6\nstages 4 x 2\n"
        "head avgpool > dropout(drop) > linear(classes)\n"
    ),
    "a rate near its end": (
        "param drop = 0.1\ninput 3 x 6 x 6\nstages 4 x 2\n"
        "head avgpool > dropout(0.1/drop) > linear(5)\n"
    ),
    "groups of what comes in": (
        "param classes = 3\ninput 6 x 6 x 6\nstages 12 x 2\n"
        "stem conv(3, 12, groups=3)\nhead avgpool > linear(classes)\n"
    ),
    "the same defaults": (
        "param one = 0.1\nparam other = 0.1\nparam few = 3\nparam many = 3\n"
        "input 3 x 6 x 6\nstages 4 x 2\n"
        "head avgpool > dropout(one) > linear(few) > dropout(other) > linear(many)\n"
    ),
    "heads that divide a width": (
        "param heads = 4\nparam classes = 5\ninput 6 x 16\nstages 16 x 1\n"
        "head attention(heads) > avgpool > linear(classes)\n"
    ),
}
#: The last of them.
NO_IMAGES = ("heads that divide a width",)


@pytest.mark.parametrize(
    "case",
    thinned([*product(TEXTS, (PLAIN, TIMM))][:-1], every=3, name=_named),
)
def test_arguments_that_do_not_take_any_number(case: tuple[str, Target]) -> None:
    name, target = case
    block = "linear(c)" if name in NO_IMAGES else "conv(3, c)"
    text = f"{TEXTS[name]}W = {block}\nX_i = X_<i-1> + W_i*X_<i-1>\n"
    made = form(compile_source(from_text(text), target=target)[0])
    assert made.accepts(made.code)
    changes = list(changed(made))
    assert changes
    for what, code in changes:
        if made.accepts(code):
            assert alike(made, code), f"{what}: {ast.unparse(code)}"


@pytest.mark.parametrize(
    "statements",
    (
        'param few = 1\nhead avgpool > linear(few)\nnames head = "."\n',
        'param few = 1\nstem wide: conv(3, 4, padding=few)\nnames stem = "."\n',
        'param few = 0\nstem conv(1, 4, padding=few)\nnames stem = "."\n',
    ),
)
def test_a_size_of_one_is_no_rate(statements: str) -> None:
    """With other arguments it is a whole number as well."""
    text = f"input 3 x 4 x 4\nstages 4 x 2\n{statements}X_i = X_<i-1> + W_i*X_<i-1>\n"
    made = form(compile_source(from_text(text))[0])
    assert made.accepts(made.code)


@pytest.mark.parametrize(
    "head",
    (
        "avgpool > linear(many)",
        "avgpool(4) > flatten > linear(many)",
        "avgpool(5, padding=1, stride=2) > flatten > linear(many)",
        "maxpool(size=1) > flatten > dropout(0.3) > linear(many)",
        "globalpool > flatten > linear(many)",
        "globalpool > relu > flatten > linear(many)",
        "globalpool > conv(1, few) > relu > avgpool > linear(many)",
        "dropout(0.1) > maxpool > linear(few) > dropout(1/few) > linear(many)",
        "flatten > linear(few) > relu > linear(many)",
    ),
)
def test_a_head_with_timms_arguments(head: str) -> None:
    text = (
        "param many = 3\nparam few = 4\ninput 3 x 4 x 4\nstages 4 x 2\n"
        f"head {head}\nW = conv(3, c)\nX_i = X_<i-1> + W_i*X_<i-1>\n"
    )
    made = form(compile_source(from_text(text), target=TIMM)[0])
    assert made.accepts(made.code)
    for what, code in changed(made):
        if made.accepts(code):
            assert alike(made, code), f"{what}: {ast.unparse(code)}"


@pytest.mark.parametrize("target", (PLAIN, AGAIN, FOLDED))
@pytest.mark.parametrize(
    "statements",
    (
        "param drop_rate = 0.3\nhead avgpool > linear(7)\n"
        "W = conv(3) > dropout(drop_rate)\n",
        "param drop_rate = 0.3\nhead none\nW = conv(3) > dropout(drop_rate)\n",
        "param num_classes = 5\nhead avgpool > linear(num_classes) > linear(4)\n",
        "param num_classes = 0.3\nhead none\nW = conv(3) > dropout(num_classes)\n",
        "param in_chans = 4\nhead avgpool > linear(in_chans)\n",
        "param global_pool = 4\nhead globalpool > flatten > linear(global_pool)\n",
    ),
)
def test_a_parameter_that_is_called_as_a_keyword_of_timms(
    statements: str, target: Target
) -> None:
    block = "" if "W = " in statements else "W = conv(3)\n"
    text = f"input 3 x 4 x 4\nstages 4 x 2\n{statements}{block}X_i = W_i*X_<i-1>\n"
    made = form(compile_source(from_text(text), target=target)[0])
    assert made.accepts(made.code)
    for what, code in changed(made):
        if made.accepts(code):
            assert alike(made, code), f"{what}: {ast.unparse(code)}"
