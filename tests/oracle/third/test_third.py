"""What both sides of the proof have in common, against a reader that has nothing of it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import event, given
from hypothesis import strategies as st

from recform.algebra import scalars
from recform.blocks import Arguments, Emitted, Shape
from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError
from recform.operators.activation import LeakyReLU
from tests import Tried
from tests.oracle import files
from tests.oracle.search import REFUSED_STAGES, refusal, search, tries
from tests.oracle.third.check import TooLarge, check, check_one
from tests.oracle.third.drawn import imaged, numbered
from tests.oracle.third.file import read
from tests.oracle.third.meeting import NotFollowed
from tests.oracle.wider import wider

torch.set_num_threads(1)

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
#: Those of `make test`: small ones, of many kinds.
QUICK = (
    "language/boundary.rf",
    "language/densenet.rf",
    "language/ranges.rf",
    "language/weighted_sum.rf",
    "language/third_order.rf",
    "modern/depth_gates.rf",
    "modern/hyper_connections.rf",
    "modern/rk4.rf",
    "modern/rnn.rf",
)
FORMS = ("plain", "lean", "checkpoint")
#: Whose blocks divide by learned numbers near 0, where they are run backwards.
GROWING = ("zoo/lm_resnet.rf",)
#: Sides of images, positions and ids, from which on an example is read with fewer.
SIDES = {32: 16, 299: 139}
MOST = 64
#: Of images, whose normalisations are folded for inference.
OF_IMAGES = (*FORMS, "inference", "timm")
FRAME = "input 4\nstem none\nhead none\nstages 4 x 5\nW = linear(c)\nU = linear(c)\n"
LEARNED = "scalar p_i = 0.7\nscalar q = 1.3\nvector v_i = 0.4\n"
#: Numbers that a printer may get wrong, in front of a tensor.
NUMBERS = (
    "-i^2",
    "2^-i",
    "2^3^(i - 2)",
    "-(-i)/-3",
    "7/2/3*i",
    "1/(2*i)/(3/i)",
    "(-1)^i*(i - 3)",
    "(i - 3)/(3 - i + 1/7)",
    "i - 3*floor(i/3)",
    "floor(-i/2)",
    "ceil(-i/3)/4",
    "floor(sqrt(i))*sqrt(i)",
    "floor(log(i)/log(2))",
    "1e-30*1e30*i",
    "1e10/(1e10 + i)",
    "0.1 + 0.2 - 0.3 + 1e-9*i",
    "exp(-40*i)*exp(41*i)",
    "exp(i) - exp(i - 1e-3)",
    "log(1 + exp(-30 - i))*1e13",
    "sigmoid(-30*i)*e^(30*i)",
    "tanh(1e-8*i)*1e8",
    "sqrt(i/L)/sqrt(L/i)",
    "(i/L)^(1/3)*(L/i)^(-3/2)",
    "(2/3)^(i/2)",
    "max(1/i, min(i/3, 1), 0.4)",
    "abs(i - 3) - relu(3 - i)",
    "sin(pi*i/2) + cos(pi*i)",
    "max(softplus(1000), i)/1000",
    "0^0 + 0*i + 0/i",
)
#: The same with learned numbers.
OF_LEARNED = (
    "-p_i^2",
    "1/p_i^2/q",
    "(p_i + 1)/(q - 3)",
    "p_i - (q - p_i)",
    "-(p_i - q)/-(1 + i)",
    "2^p_i*(i + 1)^-q",
    "(1 + p_i^2)^(-i/2)",
    "(1 + q^2)^(1/3)",
    "1/sqrt(2 + p_i) - (1 + v_i^2)^(-3/2)",
    "sqrt(1 + v_i^2)/sqrt(2*i)",
    "abs(p_i - 1)*abs(v_i*i - 1)",
    "max(p_i, 0.1, i/3) - min(q, v_i, 2)",
    "relu(p_i - 1) + relu(1 - p_i)",
    "log(exp(p_i) + 1) - softplus(-v_i)",
    "sigmoid(p_i)^2/(1 + exp(-q*i))",
    "sin(p_i)*cos(v_i)/tanh(q)",
    "v_i + q*sin(pi*i)",
    "p_<i-1>*i + 1/i",
    "exp(log(p_i^2 + 1)/2)",
)


@pytest.mark.parametrize("numbers", (NUMBERS, OF_LEARNED), ids=("fixed", "learned"))
def test_numbers(numbers: tuple[str, ...]) -> None:
    """All in one network, so that it is quick; each alone in `make test-long`."""
    terms = " + ".join(f"({n})*X_<i-1>/{k + 2}" for k, n in enumerate(numbers))
    half = " - ".join(f"({n})*tanh(W_i*X_<i-1>)" for n in numbers)
    check(f"{FRAME}{LEARNED}X_i = tanh({terms}) + U_i*X_<i-1>/2 - tanh({half})\n")


@pytest.mark.long
@pytest.mark.parametrize("number", (*NUMBERS, *OF_LEARNED))
def test_each_number(number: str) -> None:
    for depth in (1, 2, 3, 8, 17, 40, 1000):
        frame = FRAME.replace("x 5", f"x {depth}")
        text = f"{frame}{LEARNED}X_i = tanh(U_i*X_<i-1> + ({number})*W_i*X_<i-1>)\n"
        try:
            check(text, FORMS if depth < 40 else ("plain",))
        except CompileError as error:
            # A float has no digits left of it in a deep block.
            assert {item.code for item in error.diagnostics} == {"RF106"}
        except TooLarge:
            pass


#: Numbers in all places; `(3)` says that the reader may get another one there.
PLACES = """\
input 4
stem linear((4)) > leaky_relu((0.3))
head ln(eps=(0.02)) > linear(3)
stages 4 x 3, 4 x 2
const m = ((0.5), (3)) per stage
const n = (1, (2), (1.5), (0.2), (7)) per block
const a_i = (2)/(i + (3))
scalar p_i = (0.4)*i/L
scalar q = (0.7)
vector v_i = (0.6) - (0.2)*i/L
G(x, k=(3), r=(0.2)) = k*x + tanh(A*x/(1 + k^(2))) where A = linear(cin) > dropout(r/(2))
W = linear(2*c) > elu((1.5)) > dropout((0.1)*i/L) > linear(c) > droppath(i/(9))
C = linear(c) > append((0.25)/i) > linear(c) > G((0.5)) > G
X_i = (1 - p_i)*X_<i-1> + m*W_i*X_<i-1>/n
  + a_i^(2)*C_i*concat(X_<i-1>, i/(3)) + v_i^(2)*q*X_<i-2>
X_1 = (0.9)*X_0 + W_1*X_0/(8)
output X_L + (0.3)^L*(X_<L-1> - (1.1)*W_L*X_L)
"""


@pytest.mark.parametrize(
    "layers",
    [
        "4, 2, 5",
        "2, 1, 2*c, normalised=false",
        "4, 3, 5, scores=sigmoid, balanced=true",
    ],
)
def test_mixtures_of_experts(layers: str) -> None:
    frame = (
        "input 5 x 6\nstem linear(c)\nhead avgpool > linear(3)\nstages 4 x 2, 6 x 1\n"
    )
    step = "X_i = X_<i-1> + W_i*X_<i-1>/2 - W_<i-1>*X_<i-2>\n"
    check(f"{frame}W = ln > experts({layers})\n{step}", FORMS)


@pytest.mark.parametrize(
    "turned",
    [
        *("2", "1, 100, turned=4, last=true", "2, turned=2*(i - 1), adjacent=true"),
        *("2, 100, factor=3", "2, 100, factor=3, length=20, slow=0.2, fast=1.5"),
    ],
)
def test_rotary_positions(turned: str) -> None:
    frame = "input 5 x 6\nstem linear(c)\nhead avgpool > linear(3)\nstages 8 x 2\n"
    step = "X_i = X_<i-1> + R_i*W_i*X_<i-1>/2 - R_<i-1>*X_<i-2>\n"
    check(f"{frame}W = ln > linear(c)\nR = rotary({turned})\n{step}", FORMS)


@pytest.mark.parametrize(
    "more", ["", ", softcap=3, qknorm=true", ", window=2, rotary=9"]
)
def test_scores_of_no_key(more: str) -> None:
    frame = "input 5 x 6\nstem linear(c)\nhead avgpool > linear(3)\nstages 8 x 2\n"
    step = "X_i = X_<i-1> + A_i(Q_i*X_<i-1>, X_<i-1>, X_0)\n"
    flows = f"Q = linear(c)\nA = attend(2, sinks=true{more}) > linear(c)\n"
    check(f"{frame}{flows}{step}", FORMS)


def test_an_operator_in_the_start_of_all_times() -> None:
    frame = "input 5 x 6\nstem linear(c)\nhead ln > linear(3)\nstages 8 x 3\ntimes 2\n"
    steps = "X_<0,t> = input + E_0*input\n"
    steps += "X_<i,t> = X_<i-1,t> + W_i*X_<i-1,t>/2 - 0.5*X_<i,t-1>\noutput X_<L,T>\n"
    check(f"{frame}W = linear(c) > tanh\nE = linear(c)\n{steps}", FORMS)


@pytest.mark.parametrize("heads", ["2", "4, 2", "4, 1"])
def test_heads_side_by_side(heads: str) -> None:
    frame = "input 5 x 6\nstem linear(c)\nhead avgpool > linear(3)\nstages 8 x 2\n"
    step = "X_i = X_<i-1> + W_i*B_i(X_<i-1>, V_i*X_<i-1>)\n"
    flows = f"V = linear(c/2)\nW = linear(c)\nB = beside({heads})\n"
    check(f"{frame}{flows}{step}", FORMS)


#: Operators of block 0 in a network of several times, one for all or for each.
STARTING = (
    "X_<0,t> = input + E_0*input",
    "X_<0,1> = E_0*input - 0.5*input",
    "X_<0,t> = input + E_<0,t>*input",
    "X_<1,1> = X_<0,1> + E_<0,1>*X_<0,1>",
    "X_<0,0> = E_0*input\nX_<i,0> = X_<i-1,0> + W_i*X_<i-1,0>",
    "X_<2,t> = X_<1,t> + E_0*input",
)


@pytest.mark.parametrize("more", ["", " + E_<i-1>*input"])
@pytest.mark.parametrize("start", STARTING)
def test_operators_of_block_0_at_times(start: str, more: str) -> None:
    frame = "input 8\nstages 8 x 3\nhead linear(3)\ntimes 2\nE = linear(c)\n"
    step = f"W = linear(c)\nX_<i,t> = X_<i-1,t> + W_i*X_<i,t-1>{more}\n"
    check(f"{frame}{step}{start}\noutput X_<L,T>", FORMS)


#: Whole numbers from 2^63 on, which torch does not take beside a tensor.
LARGE = (
    "X_i = tanh(X_<i-1> + 2^i*W_i*X_<i-1> - 3^i)",
    "X_i = tanh(X_<i-1> + (p_i*10^20 + 10^19)*W_i*X_<i-1>)",
    "D = elu(3^i) > leaky_relu(10^20)\nX_i = tanh(X_<i-1> + D_i*X_<i-1>)",
    "D = append(3^i) > linear(c)\nX_i = tanh(D_i*concat(X_<i-1>, 10^20))",
    "const m = (10^20,) per stage\nX_i = tanh(m*X_<i-1> + (m + p_i)*W_i*X_<i-1>)",
)


@pytest.mark.parametrize("lines", LARGE)
def test_large_whole_numbers(lines: str) -> None:
    text = f"{FRAME.replace('x 5', 'x 64')}{LEARNED}{lines}\n"
    with contextlib.suppress(TooLarge):
        check(text)


#: Definitions, and how they are applied, in which one name is several operators.
NAMES = (
    "A(x) = x*tanh(B*x) where B = linear(cin)\nB(x) = sin(A*x) where A = linear(cin)\n"
    "W = A > linear(c)\nU = B > A",
    "A(x) = tanh(C*x) where B = linear(cin) > ln, C = B\n"
    "B(x) = sin(A*x) where A = linear(2*cin) > linear(cin)\nW = A > B\nU = B > A",
    "A(x) = x*tanh(B*x) + B*C*x where B = linear(cin), C = ln\n"
    "B(x) = sin(A*x) where A = linear(cin)\nW = A\nU = B > A",
    "V = linear(c)\nF = V > tanh\nW(x) = V*x where V = F > sin\nU = F",
    "V = linear(c)\nF = V > tanh\nW(x) = K*x + V*x\n"
    "  where V = linear(2*cin) > linear(cin), K = F\nU = V > F",
    "W(x) = A*x + tanh(B*x) where A = linear(cin), B = A\n"
    "U(x) = C*x where B = A > tanh, A = linear(cin), C = B > A",
    "W(x) = A*x + tanh(B*x) where A = linear(cin) > ln, B = A > A\nU = W > W",
    "W(x) = x + B_1*x + sin(B_2*x) where A = linear(cin), B = A\nU = linear(c)",
    "F = linear(c)\nW(F) = y + K*F where y = F, K = tanh\nU(x) = x*y where F = sin(x), y = F",
    "W(x) = x*y where y = linear(z), z = sin(x)\nU(x) = K*x where K = W",
)


@pytest.mark.parametrize("lines", NAMES)
def test_names_that_are_used_again(lines: str) -> None:
    frame = "input 4\nstem none\nhead none\nstages 4 x 3\n"
    check(f"{frame}{lines}\nX_i = tanh(X_<i-1> + W_i*X_<i-1> - U_i*tanh(X_<i-1>))\n")


def _literals(text: str) -> list[re.Match[str]]:
    return list(re.finditer(r"\((\d+(?:\.\d+)?)\)", text))


def test_each_number_of_a_file_is_seen() -> None:
    """With another number in one place, the reader finds the network wrong."""
    text = PLACES
    (item,) = compile_source(from_text(text))
    check_one(read(text), item, ("plain",))
    for match in _literals(text):
        other = f"({float(match[1]) + 1 if '.' in match[1] else int(match[1]) + 1})"
        if "." in other:
            other = f"({float(match[1]) * 1.01})"
        changed = text[: match.start()] + other + text[match.end() :]
        with pytest.raises((AssertionError, RuntimeError, ValueError)):
            check_one(read(changed), item, ("plain",))
            print("not seen:", text[: match.end()].splitlines()[-1])


#: Weights of which one number broadcasts like many, and how many they are.
SIZES = """\
input 4
stem none
head none
stages 4 x 3
scalar p_i = 0.4
scalar q = 0.7
scalar r_i = 0.3 per channel
vector v = 0.6
scalar a_i = 0.1
W = linear(c) > prelu(channelwise=false) > linear(c) > prelu(channelwise=true)
X_i = p_i*q*a_1*X_<i-1> + r_i*v*W_i*X_<i-1>
"""
OTHER_SIZES = (
    ("scalar p_i", "vector p_i"),
    ("scalar q", "vector q"),
    ("0.3 per channel", "0.3"),
    ("vector v", "scalar v"),
    ("scalar a_i", "vector a_i"),
    ("channelwise=false", "channelwise=true"),
    ("channelwise=true", "channelwise=false"),
)


@pytest.mark.parametrize(("said", "other"), OTHER_SIZES)
def test_how_many_numbers_a_weight_has_is_seen(said: str, other: str) -> None:
    """No comparison of outputs sees it."""
    (item,) = compile_source(from_text(SIZES))
    check_one(read(SIZES), item, ("plain",))
    with pytest.raises(AssertionError):
        check_one(read(SIZES.replace(said, other)), item, ("plain",))


def _of_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator's code has another number."""
    before = LeakyReLU.emit

    def other(self: LeakyReLU, x: Shape, a: Arguments) -> Emitted:
        return before(self, x, Arguments({**a, "slope": a.slope / 2}))

    monkeypatch.setattr(LeakyReLU, "emit", other)


def _of_powers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exponents are one more, wherever a number is read."""
    plain = scalars.power
    monkeypatch.setattr(scalars, "power", lambda x, y: plain(x, y + 1))


@pytest.mark.parametrize("plant", (_of_code, _of_powers))
def test_what_both_sides_share_is_seen(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof reads it on both sides, and says nothing."""
    plant(monkeypatch)
    (item,) = compile_source(from_text(PLACES))
    assert item.source
    with pytest.raises(AssertionError):
        check_one(read(PLACES), item, ("plain",))


def outcome(text: str, forms: tuple[str, ...] = ("plain",)) -> str:
    """What came of a file, in a word."""
    try:
        check(text, forms)
    except TooLarge:
        return "overflowed"
    except CompileError as error:
        # What is too large for a float, or too small beside what it is made of.
        return refusal(error, {"RF106"})
    return "agreed"


@tries(6)
@given(numbered())
def test_numbers_in_all_places(text: str) -> None:
    event(outcome(text, ("plain", "lean")))


@tries(3)
@given(imaged())
def test_numbers_of_images(text: str) -> None:
    event(outcome(text))


def followed(text: str, forms: tuple[str, ...] = ("plain",)) -> str:
    """What came of a random network, in a word or two."""
    try:
        check(text, forms)
    except TooLarge:
        return "overflowed"
    except NotFollowed:
        return "adapters not followed"
    except CompileError as error:
        return refusal(error, REFUSED_STAGES)
    return "agreed"


SMALL = st.one_of(
    files.recurrences(1, 6), files.split_starts(1, 6), files.timed(1, 4), wider(1, 5)
)


@tries(8)
@given(SMALL)
def test_random_files(text: str) -> None:
    event(followed(text, ("plain", "lean")))


Search = tuple[st.SearchStrategy[str], int, tuple[str, ...]]
SEARCHES: dict[str, Search] = {
    "third reader, numbers": (numbered(), 1200, ("plain",)),
    "third reader, numbers in all forms": (numbered(), 300, FORMS),
    "third reader, images in all forms": (imaged(), 300, OF_IMAGES),
}
#: Networks of all kinds, of which those with adapters are not followed now and then.
RANDOM: dict[str, Search] = {
    "third reader, 1 to 7 blocks": (
        files.recurrences(1, 7),
        300,
        (*FORMS, "inference"),
    ),
    "third reader, 8 to 40 blocks": (files.recurrences(8, 40), 120, ("plain",)),
    "third reader, several stages": (files.recurrences(1, 5, staged=True), 200, FORMS),
    "third reader, two indices": (files.timed(1, 8), 120, FORMS),
    "third reader, halves": (files.split_starts(1, 9), 80, FORMS),
    "third reader, further inputs": (files.recurrences(1, 6, inputs=True), 100, FORMS),
    "third reader, more kinds": (wider(1, 6), 300, FORMS),
    "third reader, more kinds in stages": (wider(1, 6, staged=True), 200, FORMS),
}


@pytest.mark.long
@pytest.mark.parametrize("name", (*SEARCHES, *RANDOM))
def test_search(name: str, scale: float, tried: Tried) -> None:
    strategy, examples, forms = {**SEARCHES, **RANDOM}[name]
    judge = outcome if name in SEARCHES else followed
    wanted = max(1, round(examples * scale))
    tried(search(strategy, lambda text: judge(text, forms), wanted))


@pytest.mark.parametrize("name", QUICK)
def test_examples(name: str) -> None:
    path = EXAMPLES / name
    check(path.read_text(), folder=path.parent)


@pytest.mark.long
@pytest.mark.parametrize(
    "path",
    sorted(EXAMPLES.glob("*/*.rf")),
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_all_examples(path: Path) -> None:
    """With fewer pixels, positions and ids than they have; the rest is as it stands."""
    text = _smaller(path.read_text())
    growing = f"{path.parent.name}/{path.name}" in GROWING
    forms = FORMS if growing else (*FORMS, "reversible")
    check(text, forms, folder=path.parent)


def _smaller(text: str) -> str:
    def less(match: re.Match[str]) -> str:
        side = int(match[0])
        return str(SIDES.get(side, min(side, MOST)))

    image = r"^input +\d+ x \d+ x \d+|^param +(size|length|vocabulary) *= *\d+"
    return re.sub(
        image,
        lambda line: re.sub(r"(?<=[x=] )\d+", less, line[0]),
        text,
        flags=re.MULTILINE,
    )
