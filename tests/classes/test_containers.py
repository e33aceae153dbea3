"""Containers that hold several pieces of a network: the names are had, and the order stays."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import pytest
import torch
from torch import nn

import recform
from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError
from tests.thinned import thinned

STAGED = """
input  3 x 16 x 16
scope  stage
stem   (conv(3, c) > bn)
transition (bn > conv(2, c, stride=s, padding=0))
head   avgpool > fc: linear(5)
W = (conv(3, c) > bn > relu)
X_i = X_<i-1> + W_i*X_<i-1>
"""
#: The parts of this network without `names`, in the order of `names`.
PARTS = (
    r"(?P<stem>stem)\.|stage(?P<stage>\d)\.(?P<block>\d)\.W\.|transition(?P<down>\d)\."
)


def stages(depth: int) -> str:
    return f"stages 6 x {depth}, 8 x {depth} / 2, 10 x {depth} / 2\n"


def networks(text: str, names: str) -> tuple[nn.Module, nn.Module]:
    """The network with names and the one without."""
    made = [
        compile_source(from_text(f"{text}names {more}"))[0].module()
        for more in (f'head = ".", {names}', 'head = "."')
    ]
    return made[0], made[1]


def alike(named: nn.Module, plain: nn.Module, wanted: dict[str, str]) -> None:
    """Fails unless keys are called as wanted, and the two networks compute the same.

    Args:
        named: the network.
        plain: the network without names.
        wanted: prefixes of keys of the plain network, and what they are there.
    """
    keys = {}
    for key in plain.state_dict():
        prefix = next((p for p in wanted if key.startswith(f"{p}.")), None)
        keys[key] = key if prefix is None else wanted[prefix] + key[len(prefix) :]
    assert set(keys.values()) == set(named.state_dict())
    torch.manual_seed(0)
    named, plain = named.double(), plain.double()
    for parameter in named.parameters():
        nn.init.normal_(parameter)
    weights = named.state_dict()
    plain.load_state_dict({key: weights[there] for key, there in keys.items()})
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    for training in (False, True):
        assert torch.equal(named.train(training)(x), plain.train(training)(x))


def prefixes(depth: int, stem: str, block: str, down: str) -> dict[str, str]:
    """What the parts of three stages are called: patterns in the numbers s and b."""
    made = {"stem": stem}
    for s in range(3):
        for b in range(depth):
            made[f"stage{s + 1}.{b}.W"] = block.format(s=s, b=b, n=s * depth + b)
        if s:
            made[f"transition{s + 1}"] = down.format(s=s)
    return {
        key: re.sub(r"<(.*?)>", lambda m: str(eval(m[1])), value)
        for key, value in made.items()
    }


DEPTHS = pytest.mark.parametrize("depth", [1, 2, 3])


@DEPTHS
def test_stages_and_transitions_take_turns_in_one_container(depth: int) -> None:
    """ConvNeXt and Swin as torchvision has them."""
    names = (
        'stem = "f.0", stages = ("f.1", "f.3", "f.5"), '
        'transition = ("f.2", "f.4"), W = "block"'
    )
    wanted = prefixes(depth, "f.0", "f.<2*{s}+1>.{b}.block", "f.<2*{s}>")
    named, plain = networks(STAGED + stages(depth), names)
    alike(named, plain, wanted)
    assert [type(m) for m in named.children()] == [nn.Sequential, nn.Linear]


@pytest.mark.parametrize(
    "names",
    [
        'stages = ".", step = ("a.x", "b.y", "a.z")',
        'stages = ".", step = ("a.x", "a.y", "b.z")',
    ],
)
def test_blocks_of_other_widths_take_turns_in_containers(names: str) -> None:
    text = "input 3 x 16 x 16\nstages 4 x 1, 6 x 2\nW = conv(3, c)\nX_i = W_i*X_<i-1>\n"
    named, plain = networks(text, names)
    values = dict(zip(plain.state_dict(), named.state_dict().values(), strict=True))
    assert {v.shape for v in values.values()} == {
        v.shape for v in plain.state_dict().values()
    }
    x = torch.randn(2, 3, 16, 16)
    assert named(x).shape == plain(x).shape


FLOWS = (
    '"a-b": conv(3, c) > relu > conv(3, c)',
    'relu > "a-b": conv(3, c)',
    '"a-b": conv(3, c) > tanh > relu',
    '"a-b": ln > relu',
    '"0": conv(3, c) > relu > "2": conv(3, c)',
    '(conv(3, c) > relu > "a-b": conv(3, c))',
    '("a-b": conv(3, c) > relu: relu > conv(3, c))',
    '(a: conv(3, c) > relu > "b-c": bn > sigmoid)',
    '"a-b": (conv(3, c) > relu) > tanh',
    '("a-b": pixels > ln > image)',
    '"a-b": conv(3, c) > dropout(0.5) > maxpool(3, stride=1, padding=1) > relu',
    '"x.a-b": conv(3, c) > relu > bn > tanh',
)
PLACES = ("W = {}", "stem {}", "adapter {}", "W = {}; step")


@pytest.mark.parametrize("case", thinned([*product(FLOWS, PLACES)], 3, " in ".join))
def test_functions_beside_labels_are_run(case: tuple[str, str]) -> None:
    """A label that no attribute can have makes the flow an nn.Sequential of all parts."""
    flow, place = case
    block = "X_i = X_<i-1> + W_i*X_<i-1>"
    if place.endswith("; step"):
        place, block = place.removesuffix("; step"), "X_i = W_i*X_<i-1>"
    widths = "4 x 1, 6 x 2" if place.startswith("adapter") else "4 x 3"
    if place.startswith("adapter"):
        if "conv" not in flow:
            return  # an adapter changes the width
        flow = flow.replace("conv(3,", "conv(1,")
    rest = "" if place.startswith("W") else "W = conv(3, c)\n"
    made = []
    for one in (flow, re.sub(r'("[^"]*"|\b[a-z]\w*): ', "", flow)):
        text = f"input 3 x 8 x 8\nstages {widths}\n{place.format(one)}\n{rest}{block}\n"
        made.append(compile_source(from_text(text))[0].module().double())
    named, plain = made
    values = zip(plain.state_dict(), named.state_dict().values(), strict=True)
    plain.load_state_dict(dict(values))
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    for training in (False, True):
        results = []
        for module in made:
            torch.manual_seed(0)
            results.append(module.train(training)(x))
        assert torch.equal(*results)


def test_one_stage_in_a_row_has_its_default_name() -> None:
    text = 'stages 8 x 2\nnames stem = "f.0", W = "."\nX_i = W_i*X_<i-1>\n'
    module = recform.compile(text).module()
    assert [name for name, _ in module.named_children()] == ["f", "blocks", "head"]


@DEPTHS
def test_two_containers_that_take_turns(depth: int) -> None:
    """A container is made whole, and its stages of other widths run in between."""
    names = 'stages = ("a.0", "b.0", "a.1"), W = "block"'
    wanted = prefixes(depth, "stem", "{s}.{b}.block", "transition<{s}+1>")
    where = ("a.0", "b.0", "a.1")
    wanted = {
        key: where[int(value[0])] + value[1:] if value[0].isdigit() else value
        for key, value in wanted.items()
    }
    alike(*networks(STAGED + stages(depth), names), wanted)


@DEPTHS
def test_two_containers_side_by_side(depth: int) -> None:
    """ConvNeXt as its authors have it: stages, and what stands in front of each."""
    names = 'stem = "d.0", stages = "s.{0}", transition = "d.{}", W = "block"'
    wanted = prefixes(depth, "d.0", "s.{s}.{b}.block", "d.{s}")
    alike(*networks(STAGED + stages(depth), names), wanted)


@DEPTHS
@pytest.mark.parametrize(
    ("names", "stem", "block", "down"),
    [
        (
            'stem = "d.0", stages = "s.{0}", transition = "d.{}"',
            "d.0",
            "s.{s}.{b}",
            "d.{s}",
        ),
        ('stages = "f", transition = "t.{0}"', "stem", "f.{n}", "t.<{s}-1>"),
    ],
)
def test_timms_levels_of_containers_in_pieces(
    depth: int, names: str, stem: str, block: str, down: str
) -> None:
    """The same as those of the network without names, and a group of weights for each."""
    text = STAGED + stages(depth)
    head = 'head = "."\n'
    named: Any = recform.load(f'{text}names {names}, W = "b", {head}', timm=True).eval()
    plain: Any = recform.load(f"{text}names {head}", timm=True).eval()
    wanted = prefixes(depth, stem, f"{block}.b", down)
    alike(named, plain, wanted)
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    shown = named.forward_intermediates(x)[1]
    for mine, theirs in zip(shown, plain.forward_intermediates(x)[1], strict=True):
        assert torch.equal(mine, theirs)
    for level, entry in zip(shown, named.feature_info, strict=True):
        made: list[Any] = []
        module = named.get_submodule(entry["module"])
        module.register_forward_hook(lambda _, x, y, made=made: made.append(y))
        named.forward_features(x)
        assert torch.equal(made[0], level)
    groups = list(named.group_matcher().values())
    depths = [0, *(s for s in (1, 2, 3) for _ in range(depth + (s > 1)))]
    found = [
        [k for k, group in enumerate(groups) if re.match(group, f"{key}.0")]
        for key in wanted.values()
    ]
    assert found == [[number] for number in depths]
    named.set_grad_checkpointing()
    named.train()(x).sum().backward()
    assert all(parameter.grad is not None for parameter in named.parameters())


@DEPTHS
def test_blocks_of_all_stages_in_a_container_beside_that_of_transitions(
    depth: int,
) -> None:
    names = 'stages = "f", transition = "t.d{}", W = "block"'
    wanted = prefixes(depth, "stem", "f.{n}.block", "t.d{s}")
    alike(*networks(STAGED + stages(depth), names), wanted)


@DEPTHS
def test_side_by_side_inside_of_another_container(depth: int) -> None:
    names = 'stem = "a.stem", stages = "a.s.x-{}", transition = "a.t.{0}", W = "w"'
    wanted = prefixes(depth, "a.stem", "a.s.x-<{s}+1>.{b}.w", "a.t.<{s}-1>")
    alike(*networks(STAGED + stages(depth), names), wanted)


@DEPTHS
def test_numbers_of_stage_and_block_with_a_dash(depth: int) -> None:
    """RegNet."""
    names = 'stages = "t.block{}", step = "block{}-{0}", W = "f"'
    wanted = prefixes(
        depth, "stem", "t.block<{s}+1>.block<{s}+1>-{b}.f", "transition<{s}+1>"
    )
    text = STAGED.replace("scope  stage\n", "").replace(
        "transition (bn > conv(2, c, stride=s, padding=0))\n", "adapter none\n"
    )
    text = text.replace("X_<i-1> + W_i", "W_i").replace(
        "3, c) > bn > r", "3, c, stride=s) > r"
    )
    named, plain = networks(text + stages(depth), names)
    alike(named, plain, {k: v for k, v in wanted.items() if "transition" not in k})


def test_lists_of_attributes_of_a_network_that_is_no_row() -> None:
    """Its blocks hand on two tensors, which a container of containers does not."""
    text = STAGED.replace("W_i*X", "W_i*X_<i-1> + X_<i-2> - X") + stages(3)
    names = 'stages = ("a", "b", "c"), transition = ("p", "q"), W = "w"'
    named, plain = networks(text, names)
    wanted = prefixes(3, "stem", "<'abc'[{s}]>.{b}.w", "<'opq'[{s}]>")
    alike(named, plain, wanted)


@pytest.mark.parametrize(
    "said",
    [
        "X_i = W_i*X_<i-1> + X_<i-2>",
        "X_i = W_i*X_<i-1> + X_0",
        "X_i = W*X_<i-1>",
    ],
)
@pytest.mark.parametrize("form", ["plain", "timm"])
def test_a_stem_in_a_container_of_a_network_that_is_no_row(
    said: str, form: str
) -> None:
    """Its blocks hand on several tensors, which only stages in the container could not."""
    text = (
        "input 3 x 16 x 16\nstages 6 x 3\nstem conv(3, c) > gn(2) > relu\n"
        f"head avgpool > fc: linear(5)\nW = conv(3, c)\n{said}\n"
    )
    named, plain = networks(text, 'stem = "features.0"')
    alike(named, plain, {"stem": "features.0"})
    if form == "timm":
        names = 'names head = ".", stem = "features.0"\n'
        net = recform.compile(text + names, timm=True).module()
        assert net.state_dict().keys() == named.state_dict().keys()
        assert net.feature_info[0]["module"] == "features"  # type: ignore[index]


@pytest.mark.parametrize("place", ["a.0", "a.b"])
@pytest.mark.parametrize("said", ["W_i*X_<i-1>", "W_i*X_<i-1> + X_<i-2>"])
def test_a_stem_in_a_container_may_hold_what_is_no_module(
    place: str, said: str
) -> None:
    """In a row of modules or not, the container is a class then."""
    text = f"input 5 of 9\nstages 8 x 3\nW = ln > linear(c)\nX_i = {said}\n"
    named = recform.compile(f'{text}names stem = "{place}"\n').module()
    plain = recform.compile(text).module()
    keys = {k: re.sub(r"^stem\b", place, k) for k in plain.state_dict()}
    assert set(keys.values()) == set(named.state_dict())
    plain.load_state_dict({k: named.state_dict()[there] for k, there in keys.items()})
    ids = torch.tensor([[0, 8, 3, 3, 1]])
    assert torch.equal(named(ids), plain(ids))


def test_a_list_of_blocks_with_dots() -> None:
    names = (
        'stages = "f", step = ("a.0", "a.1", "b.x-y"), '
        'transition = ("f.p", "f.q"), W = "w"'
    )
    wanted = prefixes(
        1, "stem", "f.<['a.0', 'a.1', 'b.x-y'][{s}]>.w", "f.<['', 'p', 'q'][{s}]>"
    )
    alike(*networks(STAGED + stages(1), names), wanted)


def test_the_counting_begins_behind_the_stem() -> None:
    names = 'stem = "layers", stages = "layers.{2}", W = "w"'
    text = STAGED.replace("scope  stage\n", "").replace("transition", "adapter")
    text = (
        text.replace("(bn > conv(2, c, stride=s, padding=0))", "none")
        + "stages 6 x 1, 6 x 1\n"
    )
    wanted = {
        "stem": "layers",
        "stage1.0.W": "layers.2.0.w",
        "stage2.0.W": "layers.3.0.w",
    }
    alike(*networks(text, names), wanted)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('names g = "gamma"\nscalar g_i = 0.5\nX_i = g_i*X_<i-1>', "blocks.1.gamma"),
        ('names g = "gamma"\nscalar g_i = 0.5 per channel\nX_i = g_i*X_<i-1>',
         "blocks.1.gamma"),
        ('names g = "gamma"\nscalar g = 0.5\nX_i = g*X_<i-1>', "gamma"),
        ('names g = "gamma"\nscalar g_i = 0.5\nX_i = X_<i-1> + g_2*X_<i-1>', "gamma_2"),
        ('names g = "gamma"\nscalar g_t = 0.5\ntimes 2\n'
         "X_<i,t> = X_<i-1,t> + g_t*X_<i-1,t>\noutput X_<L,2>", "gamma2"),
    ],
)  # fmt: skip
def test_the_name_of_a_scalar(text: str, wanted: str) -> None:
    (made,) = compile_source(from_text(f"input 4\nstages 4 x 2\nstem none\n{text}\n"))
    assert wanted in made.module().state_dict()


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ('W = "f", adapter = "proj"', ["f", "proj"]),
        ('adapter = "proj", W = "f"', ["proj", "f"]),
        ('adapter = "proj"', ["W", "proj"]),
        ('W = "."', ["conv", "shortcut"]),
        ('U = "u", adapter = "proj", W = "w"', ["u", "proj", "w"]),
    ],
)
def test_parts_of_a_block_are_in_the_order_of_names(
    names: str, wanted: list[str]
) -> None:
    both = " + U_i*X_<i-1>" if "U" in names else ""
    text = f"W = conv(3, c, stride=s)\nU = conv(1, c, stride=s)\nnames {names}\n"
    (made,) = compile_source(
        from_text(f"stages 4 x 1, 6 x 1 / 2\n{text}X_i = X_<i-1> + W_i*X_<i-1>{both}\n")
    )
    block = made.module().get_submodule("stage2.0")
    assert [name for name, _ in block.named_children()] == wanted


@pytest.mark.parametrize(
    ("flow", "wanted"),
    [
        ("((conv(3, c) > bn))", ["0.0", "0.1"]),
        ("(((conv(3, c) > bn)))", ["0.0.0", "0.0.1"]),
        ("(a: ((conv(3, c) > bn)) > b: bn)", ["a.0.0", "a.0.1", "b"]),
        ("((conv(3, c) > bn) > bn)", ["0.0", "0.1", "1"]),
        ('("0": conv(3, c) > "1": bn)', ["0", "1"]),
        ('"0": conv(3, c) > "1": bn', ["0", "1"]),
        ('("0": conv(3, c) > bn)', ["0", "1"]),
        ('(conv(3, c) > relu > "2": bn)', ["0", "2"]),
        ('("0": Unit > bn)', ["0.conv", "0.bn", "1"]),
        ('"0": (conv(3, c) > bn) > "1": bn', ["0.0", "0.1", "1"]),
        ('a: ("x-1": conv(3, c) > "x-2": bn)', ["a.x-1", "a.x-2"]),
        ('"x-1": conv(3, c) > "x-2": bn', ["x-1", "x-2"]),
        ('"a-b.c-d": conv(3, c) > "a-b.e": bn', ["a-b.c-d", "a-b.e"]),
        ('"a.0": conv(3, c) > "b.0": bn > "a.1": bn > relu > "a.3": bn > "b.1": bn',
         ["a.0", "a.1", "a.3", "b.0", "b.1"]),
        ("(conv(3, c) > ln > rmsnorm)", ["0", "1", "2"]),
        ("(conv(3, c) > pixels > ln > linear(c) > image)", ["0", "2", "3"]),
    ],
)  # fmt: skip
def test_labels(flow: str, wanted: list[str]) -> None:
    text = f"input 4 x 6 x 6\nstages 4 x 1\nUnit = conv(3, c) > bn\nW = {flow}\n"
    (made,) = compile_source(from_text(f"{text}X_i = X_<i-1> + W_i*X_<i-1>\n"))
    module = made.module()
    prefix, suffix = "blocks.0.W.", ".weight"
    found = [
        k for k in module.state_dict() if k.startswith(prefix) and k.endswith(suffix)
    ]
    assert [key.removeprefix(prefix).removesuffix(suffix) for key in found] == wanted
    assert module(torch.randn(2, 4, 6, 6)).shape == (2, 10)


PLAIN = "X_i = W_i*X_<i-1>\n"


@pytest.mark.parametrize(
    ("text", "code", "words", "place"),
    [
        # Two of one name, and numbers beside each other.
        ('names stages = ("f.1", "f.1")', "RF212", "name of its own", '"f.1"'),
        ('names stages = ("f.0", "f.2")', "RF219", "2 should be 1", '("f.0", "f.2")'),
        ('names stages = "f", step = ("a-1", "a-1", "b", "c")', "RF212", "of its own",
         '"a-1"'),
        ('W = ("x-1": conv(3, c, stride=s) > "x-1": bn)', "RF219", "two parts", "bn"),
        ('W = ("0": conv(3, c, stride=s) > bn > "1": bn)', "RF219", "1 should be 2", "bn"),
        ('W = (conv(3, c, stride=s) > "0": bn)', "RF219", "0 should be 1", "bn"),
        ('W = ("0": conv(3, c, stride=s) > x: bn)', "RF219", "x is a name", "bn"),
        # Dots and dashes where no container is.
        ('names W = "a.b"', "RF212", "place of W", '"a.b"'),
        ('names W = "a-b"', "RF212", "place of W", '"a-b"'),
        ('names adapter = "a.b"', "RF212", "place of the adapter", '"a.b"'),
        ('names adapter = "a-b"', "RF212", "place of the adapter", '"a-b"'),
        ('names stages = "a-{}"', "RF212", "stages are named", '"a-{}"'),
        ('names stages = ".", step = "b-{}"', "RF219", "b-1 is a name in", '"b-{}"'),
        ('names stages = ".", step = ("a", "b", "c", "d-e")', "RF219", "d-e is a name in",
         '("a", "b", "c", "d-e")'),
        ('names W = "."\nW = "a-b": conv(3, c, stride=s)', "RF219", "a-b is a name in",
         "conv(3, c, stride=s)"),
        ('names stem = "."\nstem "a-b": conv(3, c)', "RF219", "a-b is a name in",
         "conv(3, c)"),
        # Dashes and numbers of patterns.
        ('names step = "b--{}"', "RF212", "blocks are named", '"b--{}"'),
        ('names step = "b{}-"', "RF212", "blocks are named", '"b{}-"'),
        ('names step = "b{}-{}-{}"', "RF212", "blocks are named", '"b{}-{}-{}"'),
        ('names stages = "a{}.{}"', "RF212", "stages are named", '"a{}.{}"'),
        # Lists of another length.
        ('names stages = ("a", "b", "c")', "RF212", "3 names for 2 stages",
         '("a", "b", "c")'),
        ('names transition = ("a", "b")', "RF212", "2 names for 0 transitions",
         '("a", "b")'),
        ('scope stage\nnames transition = ("a", "b")', "RF212",
         "2 names for 1 transitions", '("a", "b")'),
        # What is no module alone.
        ('names a = "."\nscalar a_i = 1\nX_i = a_i*W_i*X_<i-1>', "RF212", "place of a",
         '"."'),
        ('names a = "b.c"\nscalar a_i = 1\nX_i = a_i*W_i*X_<i-1>', "RF212", "place of a",
         '"b.c"'),
        ('names a = "W"\nscalar a_i = 1\nX_i = a_i*W_i*X_<i-1>', "RF219", "two parts",
         "W_i"),
        ('names stem = "f.0", stages = "f.1"\nstem (conv(3, c) > zeropad(c))', "RF219",
         "zeropad cannot stand", "zeropad(c)"),
    ],
)  # fmt: skip
def test_names_that_cannot_be_had(text: str, code: str, words: str, place: str) -> None:
    more = "" if "X_i" in text else PLAIN
    with pytest.raises(CompileError) as caught:
        _ = compile_source(
            from_text(f"input 3 x 8 x 8\nstages 4 x 2, 6 x 2 / 2\n{text}\n{more}")
        )[0].source
    (found,) = caught.value.diagnostics
    assert (found.code, found.labels[0].span.text) == (code, place)
    assert words in found.message


def test_a_label_that_asks_for_a_container_is_named() -> None:
    text = (
        'stages 4 x 1\nhead "q-r": conv(1, 8) > avgpool > linear(5)\nX_i = W_i*X_<i-1>'
    )
    with pytest.raises(CompileError, match="without the label q-r: conv"):
        compile_source(from_text(text))[0].module()
