"""A file that is said in another way: the same code, or the same numbers."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import assume, event, given
from hypothesis import strategies as st

from recform.compiler import Compiled, compile_source, from_text
from recform.diagnostics import CompileError
from tests.compiled import EXAMPLES, FILES
from tests.oracle import files
from tests.oracle.search import REFUSED_STAGES, refusal, tries
from tests.oracle.wider import wider
from tests.rewriting import equations, forms, frames, naming
from tests.rewriting.compare import Same, same
from tests.rewriting.places import Text
from tests.rewriting.times import unrolled
from tests.thinned import small, thinned

torch.set_num_threads(1)

#: What has to be the same of each way to say something.
WAYS: dict[Callable[[Text], None], Same] = {
    forms.brackets: Same.LETTERS,
    forms.indices: Same.LETTERS,
    forms.numbers: Same.LETTERS,
    forms.ones: Same.LETTERS,
    forms.signs: Same.LETTERS,
    forms.calls: Same.LETTERS,
    forms.powers: Same.LETTERS,
    forms.sums: Same.LETTERS,
    forms.letters: Same.LETTERS,
    forms.written_out: Same.LETTERS,
    forms.distributed: Same.NUMBERS,
    forms.turned: Same.NUMBERS,
    equations.starts: Same.NAMES,
    equations.channels: Same.LETTERS,
    equations.output: Same.LETTERS,
    equations.late: Same.LETTERS,
    # Classes of blocks are called by their numbers, where they have equations of their own.
    equations.ranges: Same.NAMES,
    equations.more_ranges: Same.NAMES,
    equations.one_block: Same.NUMBERS,
    equations.aside: Same.NUMBERS,
    frames.constants: Same.LETTERS,
    frames.block_constants: Same.NUMBERS,
    frames.inlined: Same.NUMBERS,
    frames.tables: Same.NUMBERS,
    frames.sizes: Same.LETTERS,
    frames.scopes: Same.NUMBERS,
    frames.parts: Same.NUMBERS,
    frames.definitions: Same.LETTERS,
    frames.opened: Same.LETTERS,
    frames.gates: Same.NUMBERS,
    frames.order: Same.LETTERS,
    naming.names: Same.NUMBERS,
}
#: What an unknown that a part becomes may be refused for: it has to be there in each block.
REFUSED = {equations.aside: {"RF305"}}
DRAWN = st.one_of(
    files.recurrences(1, 6),
    files.recurrences(1, 4, staged=True),
    files.recurrences(1, 5, inputs=True),
    files.split_starts(1, 6),
    files.timed(1, 4),
    wider(1, 5),
)
#: What files leave out whose stages hang on what the equations call twice.
LEFT_OUT = re.compile(r"^(stages|stem|head|[WUGCSDH] =|const m).*\n", re.MULTILINE)
#: Of which nothing is said by the file but the equations.
BARE = st.one_of(files.recurrences(1, 5, staged=False), wider(1, 4, staged=False)).map(
    lambda text: "const m = 0.5\n" + LEFT_OUT.sub("", text)
)
SPELLED = (
    forms.brackets,
    forms.indices,
    forms.calls,
    forms.powers,
    forms.written_out,
    forms.letters,
)


def compiled(
    text: str, folder: Path | None = None, **given: int
) -> tuple[Compiled, ...]:
    return compile_source(from_text(text), given, folder)


def hold(
    text: str,
    way: Callable[[Text], None],
    draw: random.Random,
    folder: Path | None = None,
    **given: int,
) -> bool:
    """Fails where a file says something else when it is said in another way.

    Returns:
        Whether it can be said in this way.
    """
    other = Text(text, draw)
    way(other)
    if other.made == text:
        return False
    wanted = compiled(text, folder, **given)
    try:
        made = compiled(other.made, folder, **given)
    except CompileError as error:
        assert way in REFUSED, error
        refusal(error, REFUSED[way])
        return True
    found = same(wanted, made)
    assert found >= WAYS[way], f"{found.name} of\n{text}\nand\n{other.made}"
    return True


#: Examples of which ways have something to say.
EXAMPLE_OF = {
    forms.brackets: "boundary",
    forms.indices: "ranges",
    forms.numbers: "momentum",
    forms.ones: "history",
    forms.signs: "momentum",
    forms.calls: "inverted",
    equations.ranges: "inverted",
    equations.more_ranges: "history",
    frames.constants: "momentum",
    frames.sizes: "tokens",
    frames.scopes: "vector",
    frames.parts: "tokens",
    frames.definitions: "several",
    frames.order: "inverted",
}


@pytest.mark.parametrize("way", EXAMPLE_OF, ids=lambda way: way.__name__)
def test_examples(way: Callable[[Text], None]) -> None:
    path = EXAMPLES / "language" / f"{EXAMPLE_OF[way]}.rf"
    text = path.read_text(encoding="utf-8")
    assert any(hold(text, way, random.Random(seed)) for seed in range(9))


#: What all other ways have something to say of.
ONE_FILE = """\
input 3
stem none
head none
stages 3 x 5
const a_i = 1/(i+2)
const b = 0.7
vector v_i = 0.5
scalar p_i = 0.4
Net = linear(2*c) > gelu
W = Net > linear(c)
U = linear(c) > tanh
Q(x) = x*sigmoid(A*x) where A = linear(cin)
X_i = X_<i-1> + (a_i*W_i + b*U_i)*input - Q_i*X_<i-1> + 0.5*Y_<i-1>
Y_i = Y_<i-1> + W_i^2*X_i + sum(X_<0..i-1>)
Z_i = Z_<i-1> + v_i*Y_i + sum(k, 1, 2, W_<i-k>*X_<i-k-1>) + p_i*max(X_i, Y_i)
output Z_L
"""


@pytest.mark.parametrize(
    "way",
    thinned(
        [way for way in WAYS if way not in EXAMPLE_OF], 2, lambda way: way.__name__
    ),
)
def test_one_file(way: Callable[[Text], None]) -> None:
    text = ONE_FILE
    if way is equations.output:
        text = "stages 4 x 2\nX_i = X_<i-1> + W_i*X_<i-1>\noutput X_L\n"
    assert any(hold(text, way, random.Random(seed)) for seed in range(9))


@pytest.mark.long
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_all_examples(path: Path) -> None:
    text, draw = path.read_text(encoding="utf-8"), random.Random(path.stem)
    for way in draw.sample([*WAYS], 6):
        hold(text, way, draw, path.parent, **small(path))


@tries(5)
@given(BARE, st.sampled_from(SPELLED), st.randoms(use_true_random=False))
def test_defaults(text: str, way: Callable[[Text], None], draw: random.Random) -> None:
    try:
        compiled(text)
    except CompileError:
        return
    event(f"{way.__name__}: {'said' if hold(text, way, draw) else 'as it was'}")


@tries(10)
@given(DRAWN, st.sampled_from([*WAYS]), st.randoms(use_true_random=False))
def test_random_files(
    text: str, way: Callable[[Text], None], draw: random.Random
) -> None:
    try:
        compiled(text)
    except CompileError as error:
        event(refusal(error, REFUSED_STAGES))
        return
    event(f"{way.__name__}: {'said' if hold(text, way, draw) else 'as it was'}")


@tries(3)
@given(files.timed(1, 4))
def test_times(text: str) -> None:
    """A second index is as many unknowns as there are times."""
    assume(not re.search("^X_<i,[01]>", text, re.MULTILINE))
    try:
        wanted = compiled(text)
    except CompileError as error:
        event(refusal(error, REFUSED_STAGES))
        return
    assert same(wanted, compiled(unrolled(text))) >= Same.NUMBERS


#: Files without stages that say one thing: a module is called once, or several times.
ALIKE = [
    ("W_<i-1>*X_<i-1>", "(W_<i-1>)*X_<i-1>", "W_<i-1>(X_<i-1>)", "W_<i-1>*X_{i-2+1}"),
    ("W_i*W_i*X_<i-1>", "W_i^2*X_<i-1>", "prod(k, 1, 2, W_i)*X_<i-1>"),
    ("W_i*X_<i-1> + W_<i-1>*X_<i-1>", "sum(k, 0, 1, W_<i-k>*X_<i-1>)"),
    (
        "W_i*X_<i-1> + W_<i-2>*X_<i-3> + W_<i-4>*X_<i-5>",
        "W_i*X_<i-1> + sum(k, 1, 2, W_<i-2*k>*X_<i-2*k-1>)",
        "sum(k, 0, 2, W_<i-2*k>*X_<i-k*2-1>)",
    ),
    ("(W_i*X_<i-1>)^2", "(W_i*X_<i-1>)*(W_i*X_<i-1>)", "W_i*X_<i-1>*W_i*X_<i-1>"),
    ("X_<i-2> + W_i*(X_<i-1> + X_<i-2>)", "X_<i-2> + W_i*sum(k, 1, 2, X_<i-k>)"),
]


@pytest.mark.parametrize("forms_of_one", ALIKE)
def test_stages_that_are_left_out(forms_of_one: tuple[str, ...]) -> None:
    """They hang on how often modules are called, not on how that is written."""
    found = {
        tuple((stage.width, stage.blocks) for stage in made[0].formula.stages)
        for text in forms_of_one
        for made in [compiled(f"X_i = X_<i-1> + {text}\n")]
    }
    assert len(found) == 1


def test_the_block_ahead_has_the_same_stages() -> None:
    one = compiled("X_i = X_<i-1> + W_<i-1>*X_<i-1>\n")
    two = compiled("X_<i+1> = X_i + W_i*X_i\n")
    assert same(one, two) is Same.LETTERS


BRACKETS = [
    ("A_0, B_0 = split(input, 2)", "A_0, B_0 = (split(input, 2))"),
    ("sum(k, 0, i-1, a_<i,k>*B_k)", "sum(k, 0, i-1, a_<i,(k)>*B_k)"),
]


@pytest.mark.parametrize(("one", "two"), BRACKETS)
def test_brackets_that_say_nothing(one: str, two: str) -> None:
    text = (
        "input 6\nstages 3 x 3\nstem none\nW = linear(c)\nscalar a_<i,k> = 1\n"
        "A_0, B_0 = split(input, 2)\nA_i = A_<i-1> + W_i*B_<i-1>\n"
        "B_i = A_i + sum(k, 0, i-1, a_<i,k>*B_k)\noutput B_L\n"
    )
    assert same(compiled(text), compiled(text.replace(one, two))) is Same.LETTERS


@pytest.mark.parametrize("scope", ["network", "stage"])
def test_numbers_of_one_block(scope: str) -> None:
    """In the equation of a block, numbers per stage and block are its own."""
    text = (
        f"input 4\nstem none\nhead none\nstages 4 x 2, 4 x 2\nscope {scope}\n"
        "const m = (0.5, 0.5) per stage\nconst b = (1, 2, 1, 2) per block\nW = linear(c)\n"
        "X_i = X_<i-1> + W_i*X_<i-1>\n"
    ).replace("(1, 2, 1, 2)", "(2, 2, 2, 2)" if scope == "stage" else "(1, 2, 1, 2)")
    one = compiled(f"{text}X_2 = m*b*X_1 + W_2*X_1/j\n")
    two = compiled(f"{text}X_<2..2> = m*b*X_<i-1> + W_i*X_<i-1>/j\n")
    three = compiled(f"{text}X_2 = X_1 + W_2*X_1/2\n")
    assert same(one, two) is Same.LETTERS
    assert same(one, three) >= Same.NUMBERS
