"""Invariants and inverses: those of the paper, random ones, and their claims on modules."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recform.algebra.formula import Formula
from recform.analysis.invariants.invariants import invariants
from recform.analysis.invariants.inverse import inverse
from recform.analysis.model import analyse
from recform.analysis.stability.rounding import spectral_radius
from recform.compiler import compile_source, from_text
from recform.diagnostics import Diagnostics
from recform.equality.compare import compare
from recform.verify.checks import Check, verify
from recform.verify.emitted import emitted
from recform.verify.modules import build
from recform.verify.sizes import thinner
from tests.compiled import EXAMPLES, NAMES, networks
from tests.thinned import small, thinned

FLAT = "stages 8 x 6\n"
EQ20 = "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>"
REVNET = (
    "A_0, B_0 = split(input, 2)\nA_i = A_<i-1> + F_i*B_<i-1>\n"
    "B_i = B_<i-1> + G_i*A_i\noutput concat(A_L, B_L)"
)


def formula(text: str) -> Formula:
    return compile_source(from_text(FLAT + text))[0].formula


# -- invariants


def test_equation_20_and_21() -> None:
    (found,) = invariants(formula(EQ20))
    assert found.text() == "X_i - W_i*X_<i-1> = X_0"
    assert found.nonlinear
    assert found.activations
    assert found.equal_form() == "X_i = W_i*X_<i-1> + X_0"


def test_the_start_decides_what_the_constant_is() -> None:
    (found,) = invariants(formula(EQ20 + "\nW_0*X_<-1> = X_0"))
    assert found.text() == "X_i - W_i*X_<i-1> = 0"
    assert found.equal_form() == "X_i = W_i*X_<i-1>"
    (found,) = invariants(formula(EQ20 + "\nX_1 = 3*X_0 + W_1*X_0"))
    assert found.text() == "X_i - W_i*X_<i-1> = 3*X_0"


LATE = """input 4
stages 4 x {half}, 6 x {half}
X_i = X_<i-1> + W_i*(X_<i-1> + Y_<i-1>)
Y_i = {other}
X_<first> = V_<first>*X_<first-1>
W = linear(c)
V = linear(c)
output Y_L"""


def test_what_a_constant_is_behind_many_blocks() -> None:
    """They are written out from the oldest on."""
    text = LATE.format(half=150, other="Y_<i-1> + X_<i-1> - X_i")
    (made,) = compile_source(from_text(text))
    (found,) = invariants(made.formula)
    assert found.text() == "X_i + Y_i = 2*input"


def test_a_constant_that_is_too_long_is_what_its_tensors_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = "Y_<i-1> - W_i*X_<i-1> - W_i*Y_<i-1>"
    (made,) = compile_source(from_text(LATE.format(half=4, other=other)))
    (found,) = invariants(made.formula)
    assert "V_5*W_4*V_1*input" in found.text()
    monkeypatch.setattr("recform.analysis.invariants.resolved._MOST", 20)
    (found,) = invariants(made.formula)
    assert found.text() == "X_i + Y_i = X_7 + Y_7"
    checks = verify(made.formula, build)
    assert all(check.holds for check in checks)


def test_an_activation_breaks_it() -> None:
    text = "X_i = relu((1+W_i)*X_<i-1>) - W_<i-1>*X_<i-2>"
    (found,) = invariants(formula(text))
    assert found.nonlinear
    assert not found.activations


def test_only_for_linear_operators() -> None:
    text = "X_i = X_<i-1> + W_i*(X_<i-1> + U_i*X_<i-1>)"
    text += " - W_<i-1>*X_<i-2> - W_<i-1>*U_<i-1>*X_<i-2>"
    (found,) = invariants(formula(text))
    assert not found.nonlinear


@pytest.mark.parametrize(
    "text",
    [
        "X_i = (1+W_i)*X_<i-1>",
        "X_i = W_i*X_<i-1> + X_<i-2>",
        "X_i = W_i*X_<i-1> + W_<i-1>*X_<i-2>",
        "scalar k_i = 0.5\nX_i = (1-k_i)*X_<i-1> + k_i*X_<i-2> + W_i*X_<i-1>",
        REVNET,
        # The product of 1/(k^2 + 1) is not made of factorials.
        "X_i = 1/(i^2 + 1)*X_<i-1> + W_i*X_<i-1>",
    ],
)
def test_none(text: str) -> None:
    assert invariants(formula(text)) == ()


VARYING = {
    "X_i = i/(i+1)*X_<i-1> + W_i*X_<i-1> - i/(i+1)*W_<i-1>*X_<i-2>": (
        "(i + 1)*(X_i - W_i*X_<i-1>) = X_0",
        "X_i = W_i*X_<i-1> + 1/(i + 1)*X_0",
    ),
    "X_i = (i+1)/i*X_<i-1> + W_i*X_<i-1> - (i+1)/i*W_<i-1>*X_<i-2>": (
        "1/(i + 1)*(X_i - W_i*X_<i-1>) = X_0",
        "X_i = W_i*X_<i-1> + (i + 1)*X_0",
    ),
    "X_i = 2*X_<i-1> + W_i*X_<i-1> - 2*W_<i-1>*X_<i-2>": (
        "2^(-i)*(X_i - W_i*X_<i-1>) = X_0",
        "X_i = W_i*X_<i-1> + 2^i*X_0",
    ),
    "X_i = i*X_<i-1> + W_i*X_<i-1> - i*W_<i-1>*X_<i-2>": (
        "1/factorial(i)*(X_i - W_i*X_<i-1>) = X_0",
        "X_i = W_i*X_<i-1> + factorial(i)*X_0",
    ),
    "X_i = X_<i-1> + 1/(i+1)*W_i*X_<i-1> - 1/i*W_<i-1>*X_<i-2>": (
        "X_i - 1/(i + 1)*W_i*X_<i-1> = X_0",
        "X_i = 1/(i + 1)*W_i*X_<i-1> + X_0",
    ),
    "scalar k = 0.5\nX_i = k*X_<i-1> + W_i*X_<i-1> - k*W_<i-1>*X_<i-2>": (
        "k^(-i)*(X_i - W_i*X_<i-1>) = X_0",
        "X_i = W_i*X_<i-1> + k^i*X_0",
    ),
}


@pytest.mark.parametrize("text", thinned(VARYING, 2))
def test_numbers_that_depend_on_the_block(text: str) -> None:
    made = formula(text)
    (found,) = invariants(made)
    assert (found.text(), found.equal_form()) == VARYING[text]
    assert found.nonlinear
    checks = [c for c in verify(made, build) if c.claim.startswith("the invariant")]
    assert [check.holds for check in checks] == [True]
    if "factorial" not in found.equal_form():
        # Judged by other means: the equal form as a formula of its own.
        scalar, _, _ = text.rpartition("\n")
        assert compare(made, formula(f"{scalar}\n{found.equal_form()}")).differs is None


def test_a_double_root_has_two() -> None:
    first, second = invariants(formula("X_i = 2*X_<i-1> - X_<i-2>"))
    assert first.text() == "X_i - X_<i-1> = X_0"
    assert second.text() == "(i - 1)*X_i - i*X_<i-1> = -X_0"
    # It could be solved for X_i, but not in block 1.
    assert second.equal_form() == ""


TERMS = st.lists(
    st.tuples(st.sampled_from([-2, -1, 1, 3]), st.sampled_from(["W", "U", "V"])),
    min_size=1,
    max_size=3,
    unique_by=lambda term: term[1],
)


@settings(max_examples=15)
@given(TERMS, st.integers(-2, 2))
def test_one_that_was_put_in_is_found(
    terms: list[tuple[int, str]], factor: int
) -> None:
    """X_i = b_i*X_<i-1> + constant, one difference further."""
    new = " + ".join(f"({c})*{name}_i*X_<i-1>" for c, name in terms)
    old = " - ".join(f"({c})*{name}_<i-1>*X_<i-2>" for c, name in terms)
    text = f"X_i = X_<i-1> + {new} - {old}"
    if factor:
        text += f" + ({factor})*X_<i-1> - ({factor})*X_<i-2>"
    made = formula(text)
    found = [x for x in invariants(made) if x.nonlinear]
    assert len(found) == 1
    state = {str(t): int(c) for t, c in found[0].terms.items()}
    assert state["X_i"] == 1
    assert state.get("X_<i-1>", 0) == -factor
    for c, name in terms:
        assert state[f"{name}_i*X_<i-1>"] == -c


# -- inverses

INVERSES = {
    "X_i = W_i*X_<i-1> + X_<i-2>": ["X_<i-2> = X_i - W_i*X_<i-1>"],
    "X_i = W_i*X_<i-1> - 2*X_<i-3>": ["X_<i-3> = -1/2*X_i + 1/2*W_i*X_<i-1>"],
    REVNET: ["B_<i-1> = B_i - G_i*A_i", "A_<i-1> = A_i - F_i*B_<i-1>"],
    "X_i = relu(W_i*X_<i-1>) + X_<i-2>": ["X_<i-2> = X_i - relu(W_i*X_<i-1>)"],
}


@pytest.mark.parametrize("text", INVERSES)
def test_inverse(text: str) -> None:
    found = inverse(formula(text))
    assert [step.text() for step in found.steps] == INVERSES[text]
    assert found.exists


@pytest.mark.parametrize("number", ["(i - 5)", "(L - i)", "k_i*max(0, i - 6)"])
def test_an_inverse_where_a_block_divides_by_zero(number: str) -> None:
    """It is said while that is not 0, and tried on the other blocks."""
    text = f"scalar k_i = 0.5\nX_i = W_i*X_<i-1> + k_i*{number}*X_<i-2>"
    (check,) = [c for c in verify(formula(text), build) if "inverse" in c.claim]
    assert check.holds


OBSTACLES = {
    "X_i = W_i*X_<i-1>": "the operator itself would have to be inverted",
    "X_i = X_<i-1> + W_i*X_<i-1>": "sure to converge if the operator is a contraction",
    EQ20: "the operator itself would have to be inverted",
    "X_i = relu(X_<i-2> + W_i*X_<i-1>)": "relu would have to be undone",
    "X_i = X_<i-1> + W_i*X_<i-1>*X_<i-2>": "a product of tensors would have to be divided",
    "X_i = W_i*concat(X_<0..i-1>)": "nothing needs to be recomputed",
}


@pytest.mark.parametrize("text", OBSTACLES)
def test_obstacles(text: str) -> None:
    found = inverse(formula(text))
    assert not found.exists
    assert found.obstacle.endswith(OBSTACLES[text])
    assert found.places


def test_what_its_own_block_reads_is_not_handed_back() -> None:
    """K_i is known only once X_<i-1> is, so the equation of X is implicit."""
    found = inverse(formula("K_i = W_i*X_<i-1>\nX_i = 2*(X_<i-1> + K_i)\noutput X_L"))
    assert "X_<i-1> stands inside W_i*X_<i-1> and beside it" in found.obstacle
    found = inverse(
        formula(
            "Y_i = Y_<i-1> + U_i*X_<i-1>\nK_i = W_i*Y_i\n"
            "X_i = 2*(X_<i-1> + K_i)\noutput X_L + Y_L"
        )
    )
    assert [step.text() for step in found.steps] == [
        "X_<i-1> = 1/2*X_i - W_i*Y_i",
        "Y_<i-1> = Y_i - U_i*X_<i-1>",
    ]


def test_the_order_of_the_equations_does_not_matter() -> None:
    """What a block reads of its own may stand below."""
    equations = ("X_i = X_<i-1> + H_i", "H_i = K_i + V_i*K_i", "K_i = W_i*X_<i-1>")
    found = [
        inverse(formula("\n".join((*order, "output X_L"))))
        for order in permutations(equations)
    ]
    assert {item.steps for item in found} == {()}
    (obstacle,) = {item.obstacle for item in found}
    assert obstacle == (
        "X_<i-1> stands inside W_i*X_<i-1> and beside it: the equation is implicit, and "
        "iterating it is sure to converge if the operator is a contraction"
    )
    text = "X_i = X_<i-1> + H_i\nH_i = W_i*Y_i\nY_i = Y_<i-1> + U_i*X_<i-1>\noutput X_L"
    assert [step.text() for step in inverse(formula(text)).steps] == [
        "X_<i-1> = X_i - W_i*Y_i",
        "Y_<i-1> = Y_i - U_i*X_<i-1>",
    ]


def test_growth_of_rounding_errors() -> None:
    # X_<i-1> = X_i - V_i, V_<i-1> = (V_i - F_i*X_<i-1>/10)*10/9: errors grow by 10/9.
    text = "V_i = 0.9*V_<i-1> + 0.1*F_i*X_<i-1>\nX_i = X_<i-1> + V_i\nV_0 = 0"
    assert inverse(formula(text + "\noutput X_L")).lost.factor == pytest.approx(10 / 9)
    found = inverse(formula("X_i = W_i*X_<i-1> + X_<i-2>"), gain=1.0)
    assert found.lost.factor == pytest.approx(1)
    assert found.bound.factor == pytest.approx((1 + 5**0.5) / 2)
    # What V is off by, X takes in block after block: more than (10/9)^8 = 2.3 times.
    lost = inverse(formula(text + "\noutput X_L")).lost
    assert 10 ** lost.largest(8) == pytest.approx(
        1 + sum((10 / 9) ** k for k in range(8))
    )
    assert 10 ** found.lost.largest(8) == pytest.approx(1)
    assert spectral_radius([[0.0, 1.0], [2.0, 1.0]]) == pytest.approx(2)


def test_functions_stretch_errors_as_far_as_they_are_steep() -> None:
    text = "X_i = {}(W_i*X_<i-1>) + X_<i-2>"
    for name, slope in {
        "tanh": 1,
        "silu": 1.1,
        "hardswish": 1.5,
        "sigmoid": 1 / 4,
    }.items():
        found = inverse(formula(text.format(name)), gain=1.0).bound
        assert found.factor == pytest.approx((slope + (slope**2 + 4) ** 0.5) / 2)
    assert inverse(formula(text.format("exp")), gain=1.0).bound.factor is None


def test_growth_of_errors_that_depends_on_the_block() -> None:
    found = inverse(formula("X_i = X_<i-2>/i + W_i*X_<i-1>"), gain=0.5)
    assert found.lost.factor is None
    # X_<i-2> = i*X_i, one block after the other: 6*4*2 is the largest product.
    assert (found.lost.over, found.lost.blocks) == (6 * 4 * 2, 5)
    # X_<i-2> = i*X_i - i*W_i*X_<i-1>, with all signs the worst.
    newer, older = [1.0, 0.0], [0.0, 1.0]
    for block in range(6, 1, -1):
        pairs = zip(newer, older, strict=True)
        newer, older = older, [block * a + block / 2 * b for a, b in pairs]
    assert found.bound.over == pytest.approx(max(sum(newer), sum(older)))
    # Errors fall behind block 4, and grow in front of it: over all blocks they are 8 times
    # as large, over the first three 64 times.
    text = (
        "X_i = 2^(i-4)*X_<i-1> + W_i*Y_<i-1>\nY_i = Y_<i-1> + U_i*X_i\noutput X_L + Y_L"
    )
    assert inverse(formula(text)).lost.over == pytest.approx(64)
    # The coefficient is 0 in block 4: X_<i-2> cannot be told there.
    found = inverse(formula("X_i = (i - 4)*X_<i-2> + W_i*X_<i-1>"))
    assert (found.lost.over, found.lost.blocks) == (None, 5)


def test_a_learned_divisor_is_named() -> None:
    text = "scalar k_i = 0.5\nX_i = W_i*X_<i-1> + k_i*X_<i-2>"
    (step,) = inverse(formula(text)).steps
    assert step.divisor == "k_i"


# -- on networks

#: The modern files are verified where each command has each of them.
OLDER = [name for name in NAMES if not name.startswith("modern/")]


@pytest.mark.parametrize("name", thinned(OLDER, 48, first=10))
def test_every_example_holds(name: str) -> None:
    # Networks of a family have the same equations: one of them is enough.
    several = networks(name, **small(EXAMPLES / name))
    families = {tuple(e.text for e in item.formula.equations): item for item in several}
    for item in families.values():
        checks = verify(item.formula, build)
        assert not [check for check in checks if check.holds is False]
        assert sum(check.holds is True for check in checks) >= 1
        assert emitted(item, thinner(item)).holds is not False


def test_numbers_that_are_added_are_no_paths() -> None:
    checks = verify(formula("X_i = X_<i-1> + W_i*X_<i-1> + 0.5"), build)
    assert all(check.holds for check in checks)


def failures(claimed: str, emitted: str) -> list[str]:
    """The checks that fail when another network is emitted than was analysed."""
    other = formula(emitted)

    def make(asked: Formula) -> object:
        return build(
            replace(asked, equations=other.equations, boundaries=other.boundaries)
        )

    checks: tuple[Check, ...] = verify(formula(claimed), make)  # type: ignore[arg-type]
    return [check.claim for check in checks if check.holds is False]


def test_a_wrong_network_is_noticed() -> None:
    everything = failures(EQ20, "X_i = (1+W_i)*X_<i-1> + W_<i-1>*X_<i-2>")
    assert "the equations are what the module computes" in everything
    assert "the Jacobian by the input" in everything
    assert "the numbers of paths" in everything
    # A factor on the wrong side changes no number of paths, but the Jacobian.
    swapped = failures(
        "X_i = X_<i-1> + W_i*U_i*X_<i-1>", "X_i = X_<i-1> + U_i*W_i*X_<i-1>"
    )
    assert "the Jacobian by the input" in swapped
    assert "the numbers of paths" not in swapped


def test_a_divisor_that_starts_at_zero() -> None:
    text = "stages 8 x 4\nscalar k_i = 0\nX_i = W_i*X_<i-1> + k_i*X_<i-2>"
    (made,) = compile_source(from_text(text))
    found = inverse(made.formula)
    assert found.exists
    assert found.lost.factor is None


def test_every_function_of_equations_can_be_tried() -> None:
    names = ["relu6", "leaky_relu", "elu", "gelu", "hardswish", "hardsigmoid", "tanh"]
    right = " + ".join(f"{name}(W_i*X_<i-1>)" for name in names)
    checks = verify(formula(f"X_i = X_<i-1> + {right}"), build)
    assert checks and all(check.holds for check in checks)


def test_equations_of_single_blocks_are_no_part_of_the_claims() -> None:
    """What holds for the blocks in general need not hold across them."""
    text = "X_i = (1 + W_i)*X_<i-1> - W_<i-1>*X_<i-2>\n"
    general = analyse(formula(text), Diagnostics())
    special = analyse(formula(text + "X_3 = W_3*X_2\n"), Diagnostics())
    assert (general.own, special.own) == ((), (3,))
