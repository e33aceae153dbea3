"""A sign that is missing is told, read as if it were there, and hides nothing."""

from __future__ import annotations

import pytest

from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("W_<i-1> X_<i-1>", "W_<i-1>*X_<i-1>"),
        ("(1 - \\g) W_i*X_<i-1>", "(1 - \\g)*W_i"),
        ("relu(X_<i-1>) W_i", "relu(X_<i-1>)*W_i"),
        ("\\g X_{i-1}", "\\g*X_{i-1}"),
        ("0.5W_i*X_<i-1>", "0.5*W_i"),
        ("1e-3 W_i*X_<i-1>", "1e-3*W_i"),
        (f"({'1+' * 40}1) W_i", "`*` in front of 'W_i'"),
    ],
)
def test_a_missing_sign_of_a_product(written: str, meant: str) -> None:
    with pytest.raises(CompileError) as caught:
        compile_source(from_text(f"X_i = {written}\n"))
    items = [item for item in caught.value.diagnostics if item.code == "RF104"]
    assert [item.hint for item in items] == [f"write {meant}"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("W = conv(3, c) > bn relu", ["bn > relu"]),
        (
            "W = conv(3, 2 c) bn relu",
            ["conv(3, 2 c) > bn", "2*c, or 2, c for two arguments", "bn > relu"],
        ),
        ("stem conv(3 c)", ["3*c, or 3, c for two arguments"]),
        ("W = conv(3, c) > bn reluu", ["bn > reluu"]),
        ("W = A B\nA = conv(3, c)\nB = bn", ["A > B"]),
        ("W = (conv(3, c) bn) > relu", ["conv(3, c) > bn"]),
        ("stem conv(3, c) bn", ["conv(3, c) > bn"]),
        ("head pool: avgpool fc: linear(10)", ["avgpool > fc"]),
        ("W(x) = A*x where A = conv(3, c) bn", ["conv(3, c) > bn"]),
        # `x` is a name where it is no sign between sizes.
        ("W(x) = x sigmoid(2 x)", ["x*sigmoid", "2*x"]),
    ],
)
def test_which_sign_is_missing(written: str, meant: list[str]) -> None:
    """`>` between operators, `*` between numbers, arguments and terms."""
    with pytest.raises(CompileError) as caught:
        compile_source(from_text(f"{written}\nX_i = X_<i-1> + W_i*X_<i-1>\n"))
    found = [item.hint for item in caught.value.diagnostics if item.code == "RF104"]
    assert found == [f"write {text}" for text in meant]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("W = convv(3, c)\nX_i = X_<i-1> + W_i X_<i-1>", ["RF202", "RF104"]),
        ("W = conv(3, c) > bn reluu\nX_i = W_i*X_<i-1>", ["RF104", "RF202"]),
        ("X_i = W_i X_<i-1>\nhead avgpool > linear(clases)", ["RF104", "RF201"]),
        ("X_i = X_<i-1> + rellu(W_i X_<i-1>)", ["RF202", "RF104"]),
        # One that nothing is known of is told alone, as it was.
        ("W = convv(3, c)\nX_i = X_<i-1> + ;", ["RF105"]),
    ],
)
def test_a_missing_sign_hides_nothing(text: str, codes: list[str]) -> None:
    with pytest.raises(CompileError) as caught:
        compile_source(from_text(text))
    assert [item.code for item in caught.value.diagnostics] == codes


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("W_i X_<i-1> + U_i V_i X_0", ["W_i*X_<i-1>", "U_i*V_i", "V_i*X_0"]),
        ("relu(2 W_i X_0)\n  + U_i X_0", ["2*W_i", "W_i*X_0", "U_i*X_0"]),
        # Another mistake behind it is told once this one is mended.
        ("W_i X_0 + * X_0", ["W_i*X_0"]),
        ("W_i X_0 + ;", ["W_i*X_0"]),
    ],
)
def test_all_missing_signs_of_a_statement_are_said(
    written: str, meant: list[str]
) -> None:
    with pytest.raises(CompileError) as caught:
        compile_source(from_text(f"X_i = {written}\nY_i = Z_i X_0\n"))
    found = [item.hint for item in caught.value.diagnostics if item.code == "RF104"]
    assert found == [f"write {text}" for text in [*meant, "Z_i*X_0"]]
