"""Comparisons that would take minutes come to an end."""

from __future__ import annotations

import pytest

from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError
from recform.equality import relations, terms, weights
from recform.equality.compare import compare
from recform.equality.outputs import Outputs
from recform.equality.verdict import ANY, DIFFERENT, OPEN, OwnDepth
from recform.equality.weights import TooLarge, bounded, count, limited

LONG = pytest.mark.long
#: The work of a comparison, whatever its parts are limited by.
MOST = weights._WHOLE


def test_long_weights_are_work() -> None:
    """Powers of sigmoid(q) are told apart as numbers first."""
    frame = "input 4\nstages 4 x 60\nW = linear(c)\nscalar q = 0\nX_i = W_<i-1>*X_<i-1>"
    gated, stepped = (
        compile_source(from_text(f"{frame} + {text}*X_<i-1>"))[0].formula
        for text in ("sigmoid(q)", "floor(L/6)")
    )
    found = compare(gated, stepped)
    assert (found.answer, found.differs) == (DIFFERENT, 1)
    assert found.own == OwnDepth(60, "", False)
    assert not Outputs((gated, stepped), 60, linear=False).same(60)


def test_products_with_max_are_work_too() -> None:
    """Factors that are looked at where a `max` is positive count: no end otherwise."""
    rights = (
        "max(X_<i-2>*X_<i-1>, W_i*X_<i-1>) + X_<i-1>",
        "U_i*X_<i-3> + W_i*X_<i-1>",
    )
    left, right = (
        compile_source(from_text(f"stages 4 x 40\ninput 4\nX_i = {text}"))[0].formula
        for text in rights
    )
    assert compare(left, right).answer == DIFFERENT


def _compared(frame: str, *files: str) -> tuple[str, float]:
    """The answer, and the work that it took."""
    left, right = (
        compile_source(from_text(f"input 4\n{frame}\n{text}"))[0].formula
        for text in files
    )
    done = []
    count = weights.count

    def counted(work: float) -> None:
        count(work)
        done.append(work)

    with pytest.MonkeyPatch.context() as patch:
        for module in (relations, terms, weights):
            patch.setattr(module, "count", counted)
        answer = compare(left, right).answer
    return answer, sum(done)


SKIPPED = (
    "Y_i = W_i*X_<i-1> + {}\nX_i = Y_i + {}*Y_0\n"
    "Y_<5..6> = Y_<i-1> + U_i*Y_<i-1>\noutput X_L"
)
HALVES = "p_i*X_<i-1>", "p_i/2*X_<i-1> + p_i/2*X_<i-1>"
LEARNED = (
    "stages 4 x 6\nscalar p_i = 0.5\nscalar q_i = 0.4\nW = linear(c)\nU = linear(c)"
)


def test_gates_of_learned_scalars_are_no_fractions() -> None:
    """A sum below the line for each block, all put together, took minutes."""
    gated = "sigmoid(p_i)", "(1 - sigmoid(-p_i))"
    files = map(SKIPPED.format, HALVES, gated)
    answer, work = _compared(LEARNED, *files)
    assert answer == ANY
    assert work <= MOST


@pytest.mark.parametrize(
    "number", ["p_i/(p_i + q_i)", pytest.param("1/(1 + p_i^2 + q_i)", marks=LONG)]
)
def test_fractions_end_in_time(number: str) -> None:
    files = (SKIPPED.format(half, number) for half in HALVES)
    answer, work = _compared(LEARNED, *files)
    assert answer in (ANY, OPEN)
    assert work <= MOST


def test_no_number_is_longer_than_can_be_written_out() -> None:
    with pytest.raises(CompileError) as refused:
        compile_source(from_text("scalar p_i = 1\nX_i = (1 + p_i + i)^40*X_<i-1>"))
    assert [d.code for d in refused.value.diagnostics] == ["RF106"]


FRACTIONS = "scalar a_i = 0.3\nscalar d_i = -0.2\nW = linear(c)"


def test_long_equations_that_say_the_same_are_not_written_out() -> None:
    """Products of 29 fractions with one another, over three blocks, took ten seconds."""
    terms = [f"X_<i-1>/(exp(a_i) + exp({k}*d_i))" for k in range(1, 30)]
    gates = [f"exp(-a_i)*sigmoid(a_i - {k}*d_i)*X_<i-1>" for k in range(1, 30)]
    for others in (terms[::-1], gates):
        files = (f"X_i = W_i*X_<i-1> + {' + '.join(t)}" for t in (terms, others))
        answer, work = _compared(FRACTIONS, *files)
        assert answer == ANY
        assert work <= MOST


NESTED = "X_<i-1>"
for other in (
    "B_i*X_<i-1>",
    "X_<i-3> + X_<i-1>",
    "U_i*X_<i-1> - X_<i-3>",
    "2*X_<i-2>",
) * 3:
    NESTED = f"max(min({NESTED}, X_<i-1> + {other}), {other})"


@pytest.mark.parametrize(
    "terms",
    [
        # Ways to take a value out of a max, and products of weights.
        [NESTED],
        [
            f"softplus(sqrt({n}*i + 2))*{x}"
            for n in range(2, 14)
            for x in ("A_i*X_<i-1>", "X_<i-2>")
        ],
    ],
)
def test_a_comparison_has_one_limit_for_all_its_parts(
    terms: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its parts had one of its own, and there were up to six."""
    for name in ("_WHOLE", "_MOST"):  # less of both shows the same
        monkeypatch.setattr(weights, name, getattr(weights, name) // 4)
    monkeypatch.setattr("recform.equality.compare.same_by_laws", lambda *_: {})
    files = (f"X_i = A_i*X_<i-1> + {' + '.join(t)}" for t in (terms, terms[::-1]))
    if len(terms) == 1:
        files = (
            f"X_i = A_i*X_<i-1> + {NESTED}",
            f"X_i = {NESTED}/2 + A_i*X_<i-1> + {NESTED}/2",
        )
    answer, work = _compared("stages 4 x 30", *files)
    assert answer in (ANY, OPEN)
    assert MOST // 8 < work <= MOST // 4


def test_parts_share_the_limit_of_their_comparison() -> None:
    @limited
    def part() -> None:
        count(7_000)

    @bounded
    def comparison(parts: int) -> None:
        for _ in range(parts):
            part()

    for _ in range(3):
        part()
        comparison(1)
        with pytest.raises(TooLarge):
            comparison(2)


def test_blocks_are_not_nested_calls() -> None:
    """A hundred blocks with a function of a function each ended in a traceback."""
    right = "X_i = W_i*max(X_<i-1>, W_i*exp(relu(W_i*X_<i-1>)))^2 + U_i*X_<i-1>"
    frame = "stages 4 x 100\nW = linear(c)\nU = linear(c)"
    files = right, right.replace("U_i", "2*U_i")
    assert _compared(frame, *files)[0] == DIFFERENT
    left, other = (
        compile_source(from_text(f"input 4\n{frame}\n{text}"))[0].formula
        for text in files
    )
    assert not Outputs((left, other), 100, linear=False).same(100)
