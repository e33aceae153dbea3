"""What timm asks a network for changes no number that it computes: each of it is held."""

from __future__ import annotations

from functools import cache

import pytest

from recform.compiler import compile_source, from_text
from recform.target import Target
from tests.readback.mutants import Written, form

#: A container that others stand between, and a head that does something to the image.
PIECES = """
input 3 x 8 x 8
scope stage
stages 4 x 1, 6 x 2 / 2
stem (conv(4, c, stride=2, padding=1) > ln)
transition (ln > conv(2, c, stride=s, padding=0))
names  stem = "downsample_layers.0", transition = "downsample_layers.{}",
       stages = "stages.{0}", W = "block", g = "gamma"
scalar g_i = 0.1 per channel
W = (conv(1) > relu)
X_i = X_<i-1> + g_i*W_i*X_<i-1>
head conv(1, 2*c) > bn > avgpool > norm: ln > dropout(0.1) > head: linear(3)
"""
#: Levels that are made of two tensors.
PAIR = """
input 4 x 8 x 8
head avgpool > linear(2)
stages 4 x 2, 6 x 2 / 2
W = conv(1, c, stride=s)
U = conv(1, c)
A_i = A_<i-1> + W_i*B_<i-1>
B_i = B_<i-1> + U_i*A_i
output concat(A_L, B_L)
"""
#: Operators that the blocks of a stage share, and a number that all do.
SHARED = """
input 3 x 8 x 8
scope stage
stages 4 x 2, 6 x 3 / 2
scalar weight = 0.1
W = conv(3, c)
U = conv(1, c)
V = conv(1, c)
X_i = X_<i-1> + U*W_i*X_<i-1> + weight*V_i*X_0
head avgpool > linear(2)
"""
#: A network, what stands in its code, and what is put there.
FAULTS = {
    "channels of the stem": (PIECES, "'num_chs': 4", "'num_chs': 5"),
    "channels of a level": (PIECES, "('num_chs': 4.*?'num_chs': )4", r"\g<1>6"),
    "channels of two tensors": (PAIR, "('num_chs': 4.*?'num_chs': )8", r"\g<1>4"),
    "how coarse the stem is": (PIECES, "'reduction': 2", "'reduction': 3"),
    "how coarse a level is": (PIECES, "'reduction': 4", "'reduction': 2"),
    "the module of another": (PIECES, "'module': 'stages.0'", "'module': 'stages.1'"),
    "a module of nobody": (PIECES, "'module': 'stages.0'", "'module': 'stages.7'"),
    "a word more": (PIECES, "{'num_chs': 4", "{'num_chips': 1, 'num_chs': 4"),
    "a level less": (PIECES, r"(self.feature_info = \[){.*?}, ", r"\1"),
    "a level twice": (PAIR, r"(\n +)(yield self.level1.*)", r"\1\2\1\2"),
    "the level of a block before": (
        PAIR,
        r"(?s)(        for block in self._checkpointed\(self.stage1\):.*?\n)"
        r"(        yield .*?\n)",
        r"\2\1",
    ),
    "one tensor of two": (PAIR, r"level1\(.*\)", "level1(a)"),
    "another sign": (PAIR, r"level1\(torch.cat\(\(a, b\)", "level1(torch.cat((a, -b)"),
    "two tensors the other way": (PAIR, r"(level1\(.*)\(a, b\)", r"\1(b, a)"),
    "nothing in front of the pooling": (PIECES, r"    _finish_names = .*\n", ""),
    "less in front of the pooling": (PIECES, ", 'head.bn'", ","),
    "more in front of the pooling": (PIECES, "'head.bn'", "'head.bn', 'head.norm'"),
    "no order": (PIECES, r"    _order = .*\n", ""),
    "another order": (
        PIECES,
        "'stages.0', 'downsample_layers.1'",
        "'downsample_layers.1', 'stages.0'",
    ),
    "a part of the order": (PIECES, "'stages.0', 'downsample_layers.1'", "'stages.0'"),
    "other modules first": (
        PAIR,
        r"(?s)( +self.stage1 = .*?\n)( +self.level1 = .*?\n)( +self.stage2 = .*?\n)",
        r"\3\1\2",
    ),
    "an operator of a stage among later modules": (
        SHARED,
        r"(?s)( +self.U_1 = [^\n]*\n)(.*? +self.transition2 = [^\n]*\n)",
        r"\2\1",
    ),
    "an operator of a stage among earlier modules": (
        SHARED,
        r"(?s)( +self.stage1 = .*?\n)(.*? +self.transition2 = [^\n]*\n)(.*?)"
        r"( +self.U_2 = [^\n]*\n)",
        r"\4\1\2\3",
    ),
    "numbers that are weights": (PIECES, r"    _undecayed = .*\n", ""),
    "numbers of another class": (PIECES, "'Step.gamma'", "'Stop.gamma'"),
    "numbers of nobody": (PIECES, "'Step.gamma'", "'Step.gamma', 'Step.block'"),
    "no poolings": (PIECES, r"    _pools = .*\n", ""),
    "one pooling more": (PIECES, "'avg', 'max'", "'avg', 'max', ''"),
    "the stem behind the blocks": (
        PAIR,
        "{('stem': .*?), ('blocks': blocks)}",
        r"{\2, \1}",
    ),
    "the depth of nobody": (PAIR, r"\^stem", "^stems"),
    "no depth of the stem": (PAIR, r"'stem': .*?, 'blocks'", "'blocks'"),
    "stages in one": (PAIR, r"(coarse:\n.*'\^stage)\(.*'", r"\1'"),
    "blocks, where stages are asked for": (PAIR, "if coarse", "if not coarse"),
    "a stage for another": (PIECES, r"('stage1': .*?)0", r"\g<1>1"),
    "a transition behind": (PIECES, r"\(\?:downsample_layers.{4}\|(.*?)\)", r"\1"),
    "an operator of a stage behind": (SHARED, r", \('\^U_2.*?\)\)", ""),
    "an operator of a stage too early": (SHARED, r"'\^\(\?:stem", r"'^(?:U_2|stem"),
    "an operator of a stage too late": (SHARED, r"\(2,\)", "(3,)"),
    "a number of nobody": (SHARED, r"\|weight\)", ")"),
}


@cache
def written(text: str) -> Written:
    (made,) = compile_source(from_text(text), target=Target(timm=True))
    found = form(made)
    assert found.accepts(found.code)
    return found


@pytest.mark.parametrize("fault", FAULTS)
def test_a_word_that_is_not_so_is_found(fault: str) -> None:
    text, pattern, other = FAULTS[fault]
    assert written(text).refuses(pattern, other)


@pytest.mark.parametrize("scope", ["stage", "network"])
def test_what_blocks_share_that_the_first_of_them_does_not_read(scope: str) -> None:
    """Its depth is that of what shares it, not of the block that reads it first."""
    written(
        f"input 3 x 8 x 8\nscope {scope}\nstages 4 x 1, 4 x 3 / 2\n"
        "W = conv(3, c, stride=s)\nV = conv(1, c)\n"
        "X_<first> = W_<first>*X_<first-1>\nX_i = W_i*X_<i-1> + V*X_<i-1>\n"
    )


@pytest.mark.parametrize("blocks", ["3", "5", "3, 6 x 4", "17"])
def test_operators_that_blocks_hand_on(blocks: str) -> None:
    written(
        f"input 3 x 8 x 8\nscope stage\nstages 4 x {blocks}\n"
        "F = conv(3, c)\nX_i = X_<i-1> + F_<i-2>*X_<i-1>\n"
    )
