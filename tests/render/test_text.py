"""Typeset formulas: read back, they are the formula."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reportlab.pdfbase.pdfmetrics import stringWidth

from recform.diagram import metrics
from recform.diagram.text import formula, html, plain, tex, unicode, width, wrapped


@pytest.mark.parametrize(
    ("source", "shown", "latex"),
    [
        ("X_i", "X_i", "$X_{i}$"),
        ("W_<i-1>*X_<i-2>", "W_(i−1)·X_(i−2)", r"$W_{i-1}{\cdot}X_{i-2}$"),
        (r"W_{i-1} \cdot X_{i-2}", "W_(i−1)·X_(i−2)", r"$W_{i-1}{\cdot}X_{i-2}$"),
        ("relu(X_10)", "relu(X_(10))", "relu($X_{10}$)"),
        ("concat(X_<0..i-1>)", "concat(X_(0…i−1))", r"concat($X_{0\ldots i-1}$)"),
        ("alpha_i*U*X_0", "α_i·U·X_0", r"$\alpha_{i}{\cdot}U{\cdot}X_{0}$"),
        ("50%", "50%", r"50\%"),
        # Room around a product stays; G_i*Y_i reads as one thing.
        (
            "G_i*Y_i * U_i*Y_i",
            "G_i·Y_i · U_i·Y_i",
            r"$G_{i}{\cdot}Y_{i}$ ${\cdot}$ $U_{i}{\cdot}Y_{i}$",
        ),
        (r"T_i \odot X_i", "T_i · X_i", r"$T_{i}$ ${\cdot}$ $X_{i}$"),
        ("1 + alpha^2 - b^3", "1 + α² − b³", r"1 + $\alpha^2$ $-$ $b^3$"),
        ("2^20", "2^20", r"2\textasciicircum{}20"),
        ("X_<first-1>", "X_(first−1)", r"$X_{\mathrm{first}-1}$"),
    ],
)
def test_formulas(source: str, shown: str, latex: str) -> None:
    text = formula(source)
    assert plain(text) == shown
    assert tex(text) == latex


def test_low_letters_where_there_are_such() -> None:
    assert unicode(formula("W_<i-1>*X_<i-2>")) == "Wᵢ₋₁·Xᵢ₋₂"
    assert unicode(formula("X_<L-1>")) == "X_(L−1)"


def test_html_escapes() -> None:
    assert html(formula("a<b")) == "<I>a</I>&lt;<I>b</I>"


@given(st.text(max_size=40))
def test_any_text_is_typeset(source: str) -> None:
    """No letter is lost, whatever a file says, and LaTeX stays balanced."""
    text = formula(source)
    letters = [c for c in source if c.isalpha() and c.isascii()]
    kept = [c for run in text for c in run.text if c.isascii() and c.isalpha()]
    greek = sum(1 for run in text for c in run.text if "α" <= c <= "ω")
    assert kept == letters or greek or "\\cdot" in source
    written = tex(text).replace(r"\{", "").replace(r"\}", "")
    assert written.count("{") == written.count("}")


@given(st.text(alphabet="abc X_i+", max_size=60), st.integers(3, 20))
def test_wrapping_keeps_the_words(source: str, limit: int) -> None:
    text = formula(source)
    joined = " ".join(plain(line) for line in wrapped(text, limit))
    assert joined.split() == plain(text).split()


def test_widths_are_those_of_the_standard_fonts() -> None:
    # Adobe's metrics for Times: 722 and 278 thousandths; an index is 0.72 as large.
    assert width(formula("UR"), 10, "serif") == pytest.approx(7.22 + 6.67)
    assert width(formula("X_i"), 10, "serif") == pytest.approx(6.11 + 2.78 * 0.72)


@pytest.mark.parametrize(
    "face", ["Times-Roman", "Times-Italic", "Helvetica", "Helvetica-Oblique"]
)
def test_letters_are_as_wide_as_in_a_pdf(face: str) -> None:
    wide = {chr(code): metrics.width(chr(code), face) for code in range(0x2300)}
    in_pdf = {letter: round(stringWidth(letter, face, 1000)) for letter in wide}
    assert wide == in_pdf
