"""``recform derive``: the recursion against words and modules, and the way back."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path

import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recform.cli.commands.derive import unbuildable
from recform.compiler import compile_source, from_text
from recform.derivation.forward import Derivation, derive
from recform.derivation.general.read import read, statement_of
from recform.diagnostics import CompileError, Diagnostics
from recform.outline.sections import sections
from recform.report.derive import Derived, forward
from recform.report.derive_back import backward, written
from recform.series.automaton import equal
from recform.series.series import SKIP, Move, Series, Word
from recform.series.show import LATEX, PLAIN
from recform.syntax.parse import parse
from tests import warm

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PASS = Move(("W",))

#: Each source of Liao et al.'s networks with the recursion that the paper prints.
PAPER = [
    ("prod(j, 0, i-1, W_<L-j>)", "pass*", "X_i = W_i*X_<i-1>"),
    ("(1+W_L)*...*(1+W_<L-i+1>)", "(skip | pass)*", "X_i = (1 + W_i)*X_<i-1>"),
    (
        "1 + W_L + W_L*W_<L-1> + ... + W_L*...*W_<L-i+1>",
        "skip* pass*",
        "X_i = (1 + W_i)*X_<i-1> - W_<i-1>*X_<i-2>",
    ),
    ("", "(pass | skip skip)*", "X_i = W_i*X_<i-1> + X_<i-2>"),
    ("", "(pass | pass skip)*", "X_i = W_i*X_<i-1> + W_<i-1>*X_<i-2>"),
]


def derived(text: str) -> Derived:
    found = forward(from_text(text), None, {}, None, None)
    assert found is not None
    return found


def derivation(text: str) -> Derivation:
    return derived(text).reports[0].found


def says(right: str) -> str:
    return f"dX_L/dX_<L-i> = {right}"


@pytest.mark.parametrize(("right", "route", "recursion"), PAPER)
def test_the_paper(right: str, route: str, recursion: str) -> None:
    for text in ([says(right)] if right else []) + [f"paths {route}"]:
        assert derivation(text).recursion.equations() == (recursion,)
        report = backward(compile_source(from_text(derived(text).file))[0].formula)
        (formula,) = report.formulas
        assert equal(formula.series, derivation(text).wanted.series)


def test_the_steps_of_section_5() -> None:
    report = derived(says(PAPER[2][0])).reports[0]
    lines = [line for step in report.steps for line in step.lines]
    for line in (
        "dX_L/dX_<L-2> = 1 + W_L + W_L*W_<L-1>",
        "1/F = 1 - skip - W + W skip",
        "f_<L-i> = f_<L-i+1>*(1 + W_<L-i+1>) - f_<L-i+2>*W_<L-i+1>",
        "X_<L-i+2> has the part -W_<L-i+1>*X_<L-i>",
        "X_L = (1 + W_L)*X_<L-1> - W_<L-1>*X_<L-2>",
    ):
        assert line in lines
    shown = report.latex()
    assert (
        r"X_{L-i} = \left(1 + W_{L-i}\right) \cdot X_{L-i-1} - W_{L-i-1} \cdot X_{L-i-2}"
        in shown
    )
    assert shown.count(r"\begin{align*}") == shown.count(r"\end{align*}") == 7


def test_the_last_two_steps_are_one_equation_at_two_blocks() -> None:
    """Eq. (14) and Eq. (17) hold for the derivatives that the paths give."""
    series = derivation("paths skip* pass*").wanted.series
    for length in range(2, 7):
        for word in product((SKIP, PASS), repeat=length):
            # f_<L-i> = f_<L-i+1>(1 + W) - f_<L-i+2> W, the factor for the oldest block.
            expected = series.weight(word[1:])
            if word[:2] == (PASS, SKIP):
                expected -= series.weight(word[2:])
            assert series.weight(word) == expected


# ------------------------------------------------------------------- modules as judges

MODULES = [
    *(f"paths {route}" for _, route, _ in PAPER),
    says("1 + W_L"),
    says("1 + W_L + W_<L-1> + ... + W_<L-i+1>"),
    says("1 + sum(k, 1, i, k*W_<L-k+1>/2^k)"),
    "paths (pass skip* pass)?",
    "paths pass* skip*",
    "paths [2] (skip pass)* | [-1/3] (U* pass)",
    "paths (skip | pass)* pass | skip skip* U*",
    says("sum(k, 0, i, sum(m, k, i, prod(j,0,k-1,W_<L-j>)*prod(j,m,i-1,U_<L-j>)))"),
    "paths (skip pass{3})* skip*",
]


def linear_network(text: str, blocks: int) -> torch.nn.Module:
    """The derived network with random matrices for operators."""
    frame = (
        f"input 3\nstem none\nhead none\nstages 3 x {blocks}\n"
        "W = linear(c, bias=false)\nU = linear(c, bias=false)\n"
    )
    (compiled,) = compile_source(from_text(frame + derived(text).file))
    torch.manual_seed(0)
    network = compiled.module().double()
    for parameter in network.parameters():
        with torch.no_grad():
            parameter.copy_(torch.randn(3, 3, dtype=torch.float64))
    return network


def by_block(network: torch.nn.Module, name: str) -> dict[int, torch.Tensor]:
    """The matrix of an operator in each block that has it."""
    found = {}
    for path, parameter in network.named_parameters():
        place = re.fullmatch(rf"blocks\.(\d+)\.{name}\.fc\.weight", path)
        if place is not None:
            found[int(place[1])] = parameter
    return found


@pytest.mark.parametrize("text", MODULES)
def test_the_module_has_the_paths(text: str) -> None:
    """The Jacobian of the compiled network is the sum over words, in float64."""
    blocks = 5
    network = linear_network(text, blocks)
    matrices = {name: by_block(network, name) for name in "WU"}
    assert sum(map(len, matrices.values())) == len(list(network.parameters()))
    jacobian = torch.func.jacrev(network)(torch.zeros(1, 3, dtype=torch.float64))
    jacobian = jacobian.reshape(3, 3)
    series = derivation(text).wanted.series
    total = torch.zeros(3, 3, dtype=torch.float64)
    for word in product(series.moves, repeat=blocks):
        weight = series.weight(word)
        if weight == 0:
            continue
        made = torch.eye(3, dtype=torch.float64)
        for block, move in enumerate(word):
            for name in move.operators:
                made = matrices[name][block] @ made
        total += float(weight) * made
    assert torch.allclose(jacobian, total, rtol=1e-9, atol=1e-9)


# ------------------------------------------------------------------------ words as judges


def weights_of(found: Derivation, length: int) -> dict[Word, sympy.Expr]:
    """The weights of all words, by running the equations on single words."""
    unknowns = found.recursion.unknowns
    moves = found.wanted.series.moves or (SKIP,)
    result = {}
    for word in product(moves, repeat=length):
        values = [dict.fromkeys(unknowns, sympy.S.Zero)]
        values[0][unknowns[0]] = sympy.S.One
        for i in range(1, length + 1):
            now = dict.fromkeys(unknowns, sympy.S.Zero)
            for (target, source), terms in found.recursion.terms.items():
                for term, weight in terms.items():
                    if len(term) <= i and word[i - len(term) : i] == term:
                        now[target] += weight * values[i - len(term)][source]
            values.append(now)
        result[word] = sympy.expand(values[-1][unknowns[0]])
    return result


@pytest.mark.parametrize("text", MODULES)
def test_words_up_to_eight(text: str) -> None:
    found = derivation(text)
    for length in range(9 if len(found.wanted.series.moves) < 3 else 6):
        for word, weight in weights_of(found, length).items():
            assert weight == found.wanted.series.weight(word), word


routes = st.recursive(
    st.sampled_from(["skip", "pass", "U", "[2] pass", "[-1/2] skip"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: f"({p[0]} {p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]} | {p[1]})"),
        inner.map(lambda r: f"(skip {r})*"),
    ),
    max_leaves=5,
)


@given(routes)
@settings(max_examples=12)
def test_random_paths(route: str) -> None:
    """Equations in the file, read by the compiler, have the paths that were asked for."""
    frame = "input 4\nstages 4 x 3\n"
    try:
        found = derived(f"{frame}paths [1] ({route})? | skip*")
    except CompileError as error:
        assert {d.code for d in error.diagnostics} == {"RF642"}
        return
    wanted = found.reports[0].found.wanted.series
    for length in range(4):
        for word, weight in weights_of(found.reports[0].found, length).items():
            assert weight == wanted.weight(word)
    if any(d.code == "RF642" for d in found.warnings):
        return
    formula = compile_source(from_text(found.file))[0].formula
    again = next(f for f in backward(formula).formulas if f.source == f.target == "X")
    assert equal(again.series, wanted)


def test_what_starts_as_nothing_says_so_whatever_the_output_reads() -> None:
    """Y_0 would be the input otherwise, and the network have other paths than wanted."""
    found = derived("stages 8 x 4\noutput X_L + X_<L-1>\npaths pass pass\n")
    assert [d.code for d in found.warnings] == ["RF634", "RF642"]
    assert found.file.splitlines()[-2:] == ["Y_0 = 0", "Z_0 = 0"]
    with pytest.raises(CompileError) as caught:
        compile_source(from_text(found.file))
    assert [d.code for d in caught.value.diagnostics] == ["RF305"]


def test_large_ones_are_refused_or_shown_in_short() -> None:
    with pytest.raises(CompileError) as caught:
        derived(says("1 + W_<L-60>"))
    assert caught.value.diagnostics[0].code == "RF106"
    report = derived("paths ((skip|pass)* pass (skip|pass){6})?").reports[0]
    assert len(report.found.recursion.unknowns) == report.found.rank == 8
    assert "F = (no short regular expression)" in report.text()


def test_irrational_weights() -> None:
    found = derivation(says("sum(k, 0, i, sqrt(2)^k*prod(j, 0, k-1, W_<L-j>))"))
    (line,) = found.recursion.equations()
    assert line == "X_i = (1 + sqrt(2)*W_i)*X_<i-1> - sqrt(2)*W_<i-1>*X_<i-2>"


def test_systems_are_minimal() -> None:
    """As many unknowns as the Hankel matrix of all words up to length 4 has rank."""
    for text in MODULES:
        found = derivation(text)
        series: Series = found.wanted.series
        words = [w for n in range(5) for w in product(series.moves, repeat=n)]
        if len(words) > 40:
            continue
        matrix = sympy.Matrix([[series.weight(u + v) for v in words] for u in words])
        assert matrix.rank() == found.rank
        if len(found.recursion.unknowns) > 1:
            assert len(found.recursion.unknowns) == found.rank


# -------------------------------------------------------------------------- the way back


BACK = {
    "a41": ("(W | skip skip)*", ""),
    "eq20": ("skip* W*", "sum(k, 0, i, prod(j, 0, k-1, W_<L-j>))"),
    "resnet18": ("(skip | W)*", "prod(j, 0, i-1, 1 + W_<L-j>)"),
    "plain": ("F*", "prod(j, 0, i-1, F_<L-j>)"),
}


@pytest.mark.parametrize("name", BACK)
def test_recursion_to_general_formula(name: str) -> None:
    text = (EXAMPLES / "paper" / f"{name}.rf").read_text()
    report = backward(compile_source(from_text(text))[0].formula)
    (formula,) = report.as_dict()["formulas"]
    assert (formula["paths"], formula["formula"]) == BACK[name]


def test_formulas_are_written_out_as_the_paper_does() -> None:
    text = (EXAMPLES / "paper" / "eq20.rf").read_text()
    report = backward(compile_source(from_text(text))[0].formula)
    line = "dX_L/dX_<L-3> = 1 + W_L + W_L*W_<L-1> + W_L*W_<L-1>*W_<L-2>"
    assert line in report.text()
    assert r"\frac{\partial X_{L}}{\partial X_{L-i}} = \sum_{k=0}^{i}" in report.latex()


def test_gates_are_letters() -> None:
    """Highway: the derivative by the product rule, gates at their own blocks."""
    text = (EXAMPLES / "paper" / "highway.rf").read_text()
    report = backward(compile_source(from_text(text))[0].formula)
    (formula,) = report.formulas
    assert formula.rank == 1 and formula.regex is not None
    first = next(line for line in report.text().splitlines() if "dy_<L-1> =" in line)
    for part in (
        "diag(t_L*y_<L-1>)*f_L",
        "diag(1 - t_L*y_<L-1>)",
        "diag(f_L*y_<L-1>)*t_L",
    ):
        assert part in first
    assert any("diag(...)" in line for line in report.assumptions)
    assert r"\operatorname{diag}" in report.latex()


def test_numbers_of_no_common_field_are_letters() -> None:
    text = "stages 4 x 8\nX_i = exp(1)*X_<i-1> + sqrt(2)*W_i*X_<i-1>"
    report = backward(compile_source(from_text(text))[0].formula)
    (formula,) = report.formulas
    assert formula.closed == "prod(j, 0, i-1, e + sqrt(2)*W_<L-j>)"
    assert "weights in [...] stay as they are" in report.assumptions


# ------------------------------------------------------------------------- the command


FILE = """# what is wanted
network Wanted
stages 8 x 3
paths skip* pass*     # Eq. (12)
W = conv(3, c, stride=s) > bn
"""


def test_the_file_keeps_the_rest(tmp_path: Path) -> None:
    (tmp_path / "wanted.rf").write_text(FILE)
    result = warm.recform(tmp_path, "derive", "wanted.rf", "-o", "out.rf")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    text = (tmp_path / "out.rf").read_text()
    assert "\nX_i = (1 + W_i)*X_<i-1> - W_<i-1>*X_<i-2>\n" in text
    for kept in ("# what is wanted", "stages 8 x 3", "# Eq. (12)", "W = conv"):
        assert kept in text
    assert "\npaths" not in text
    assert warm.recform(tmp_path, "check", "out.rf").returncode == 0


def test_json_and_the_way_back(tmp_path: Path) -> None:
    (tmp_path / "wanted.rf").write_text(FILE)
    data = json.loads(warm.recform(tmp_path, "derive", "wanted.rf", "--json").stdout)[
        "result"
    ]
    assert data["equations"] == ["X_i = (1 + W_i)*X_<i-1> - W_<i-1>*X_<i-2>"]
    assert (data["rank"], data["order"], data["network"]) == (2, 2, "Wanted")
    warm.recform(tmp_path, "derive", "wanted.rf", "-o", "out.rf")
    back = json.loads(warm.recform(tmp_path, "derive", "out.rf", "--json").stdout)[
        "result"
    ]
    assert back["formulas"][0]["paths"] == "skip* W*"


def test_what_is_wrong_leaves_the_output_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "out.rf").write_text("precious\n")
    (tmp_path / "wanted.rf").write_text("paths skp*\n")
    result = warm.recform(tmp_path, "derive", "wanted.rf", "-o", "out.rf")
    assert result.returncode == 1 and "error[RF640]" in result.stderr
    assert (tmp_path / "out.rf").read_text() == "precious\n"
    (tmp_path / "wanted.rf").write_text(FILE)
    result = warm.recform(
        tmp_path, "derive", "wanted.rf", "-o", "out.rf", "--order", "1"
    )
    assert result.returncode == 1 and "error[RF637]" in result.stderr
    assert "2 blocks back" in result.stderr
    (tmp_path / "plain.rf").write_text("X_i = W_i*X_<i-1>\n")
    assert warm.recform(tmp_path, "derive", "plain.rf", "-o", "out.rf").returncode == 2
    assert (tmp_path / "out.rf").read_text() == "precious\n"


def test_compile_names_the_way() -> None:
    for text in ("paths skip*", says("1 + W_L + ... + W_<L-i+1>")):
        with pytest.raises(CompileError) as caught:
            compile_source(from_text(text))
        (found,) = caught.value.diagnostics
        assert found.code == "RF216" and "recform derive" in found.hint


def test_several_networks() -> None:
    text = "stages 8 x 2\nnetwork A\npaths skip* pass*\nnetwork B\npaths pass*\n"
    found = derived(text)
    assert [r.name for r in found.reports] == ["A", "B"]
    assert [c.name for c in compile_source(from_text(found.file))] == ["A", "B"]
    with pytest.raises(CompileError) as caught:
        forward(from_text(text), None, {}, "C", None)
    assert caught.value.diagnostics[0].code == "RF502"


def test_weights_from_the_file() -> None:
    before = "const g = 1/2\nscalar a = 0.5\nscalar k_i = 0.1\n"
    found = derivation(before + says("prod(j, 0, i-1, g + a*k_<L-j>*W_<L-j>)"))
    assert found.recursion.equations() == ("X_i = (1/2 + a*k_i*W_i)*X_<i-1>",)
    assert found.recursion.equations(LATEX)[0].startswith(r"X_{i} = \left(\frac{1}{2}")
    (section,) = sections(
        parse(
            source := from_text(before + "paths ([a] pass | [g] skip)*"), Diagnostics()
        ),
        source,
        Diagnostics(),
    )
    item = statement_of(section, Diagnostics())
    assert item is not None
    wanted = read(section, item, Diagnostics(), {})
    assert wanted is not None
    assert derive(wanted).recursion.equations() == ("X_i = (1/2 + a*W_i)*X_<i-1>",)


def test_what_a_block_reads_of_itself_is_followed() -> None:
    """Worked out by hand: a history, and momentum, have their newest member at once."""
    history = backward(
        compile_source(from_text("X_i = W_i*sum(k, 0, i-1, X_k)"))[0].formula
    )
    assert written(history.formulas[0], PLAIN) == (
        "dX_L/dX_<L-1> = W_L",
        "dX_L/dX_<L-2> = W_L + W_L*W_<L-1>",
        "dX_L/dX_<L-3> = W_L + W_L*W_<L-1> + W_L*W_<L-2> + W_L*W_<L-1>*W_<L-2>",
    )
    text = "V_i = V_<i-1>/2 + W_i*X_<i-1>\nX_i = X_<i-1> + V_i\nV_0 = 0\noutput X_L"
    momentum = backward(compile_source(from_text(text))[0].formula)
    first = {f.source: written(f, PLAIN)[0] for f in momentum.formulas}
    assert first == {
        "V": "dX_L/dV_<L-1> = 3/2 + W_L",
        "X": "dX_L/dX_<L-1> = 1 + W_L",
    }


def test_an_output_that_is_not_followed_is_said() -> None:
    made = backward(
        compile_source(from_text("X_i = W_i*X_<i-1>\noutput X_L + X_<L-1>"))[0].formula
    )
    assert any("not followed" in line for line in made.assumptions)


def test_many_letters_are_written_out_as_far_as_they_go() -> None:
    letters = " + ".join(f"{letter}_i" for letter in "ABCDEFGH")
    (found,) = backward(
        compile_source(from_text(f"X_i = ({letters})*X_<i-1>"))[0].formula
    ).formulas
    (line,) = written(found, PLAIN)
    assert line.endswith(letters.replace("_i", "_L"))


@pytest.mark.parametrize(
    ("route", "equation"),
    [
        ("pass* skip*", "X_i = (1 + W_i)*X_<i-1> - W_i*X_<i-2>"),
        ("(pass|skip pass)*", "X_i = W_i*X_<i-1> + W_i*X_<i-2>"),
        ("(pass | skip skip pass)*", "X_i = W_i*X_<i-1> + W_i*X_<i-3>"),
    ],
)
def test_a_module_on_two_blocks_gets_blocks_of_one_shape(
    route: str, equation: str
) -> None:
    found = derived(f"paths {route}")
    assert not unbuildable(found, {}, None, "<derived>")
    (network,) = compile_source(from_text(found.file))
    assert [e.text for e in network.formula.equations] == [equation]
    assert [(s.width, s.blocks) for s in network.formula.stages] == [(64, 8)]


def test_the_recursion_is_there_whatever_the_frame() -> None:
    frame = "stages 4 x 2, 8 x 2 / 2\nadapter none\n"
    found = derived(f"{frame}paths pass* skip*")
    assert found.file.splitlines()[-1] == "X_i = (1 + W_i)*X_<i-1> - W_i*X_<i-2>"
    (warning,) = unbuildable(found, {}, None, "<derived>")
    assert warning.code == "RF644"
    assert "and the file has no adapter" in warning.message


STAGES = [
    "",
    "input 3 x 8 x 8\nstages 4 x 3, 5 x 2 / 2\n",
    "input 3 x 8 x 8\nstages 4 x 1, 5 x 1 / 2, 6 x 2 / 2\n",
    "input 3 x 8 x 8\nscope stage\nstages 4 x 3, 5 x 2 / 2\n",
]


@pytest.mark.parametrize("frame", STAGES)
@pytest.mark.parametrize(
    "route",
    [
        "pass* skip*",
        "(pass | skip pass)*",
        "(pass | skip pass)*(skip |)",
        "(pass | skip skip pass)*",
        "pass* (skip pass)?",
    ],
)
def test_paths_end_in_a_network(frame: str, route: str) -> None:
    found = derived(f"{frame}paths {route}")
    assert not unbuildable(found, {}, None, "<derived>")
    has_the_paths(found)


#: Paths over a row of single blocks: some path leads to every block.
whole = st.recursive(
    st.sampled_from(["skip", "pass", "U"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: f"({p[0]} {p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]} | {p[1]})"),
        st.tuples(inner, st.sampled_from("*?+")).map("".join),
    ),
    max_leaves=5,
)


@given(st.sampled_from(STAGES), whole, st.sampled_from(["({} | pass)*", "{} pass*"]))
@settings(max_examples=12, deadline=None)
def test_random_paths_end_in_a_network(frame: str, route: str, form: str) -> None:
    found = derived(f"{frame}paths {form.format(f'({route})')}")
    if not any(d.code == "RF642" for d in found.warnings):
        assert not unbuildable(found, {}, None, "<derived>")
        has_the_paths(found)


def has_the_paths(found: Derived) -> None:
    """The network that is built of a derived file has the paths that were wanted."""
    (network,) = compile_source(from_text(found.file))
    formulas = backward(network.formula).formulas
    (again,) = [f for f in formulas if f.source == f.target == "X"]
    assert equal(again.series, found.reports[0].found.wanted.series)


def test_depths_without_a_path_are_told_and_the_others_shown() -> None:
    found = derived("paths (A skip)*")
    assert [d.code for d in found.warnings] == ["RF642"]
    assert found.file.splitlines()[-1] == "X_i = A_<i-1>*X_<i-2>"
    assert not unbuildable(found, {}, None, "<derived>")
    assert "dX_L/dX_<L-2> = A_<L-1>" in found.reports[0].text()


def test_very_many_paths_are_not_said_to_be_none() -> None:
    """Of 17 operators there are 4,913 paths over three blocks: none is written out."""
    route = f"paths ({' | '.join('ABCDEFGHJKMNOPQRS')})*"
    assert derived(route).reports[0].steps[0].lines == (route,)
