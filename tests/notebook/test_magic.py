"""``%%rf``, run by a kernel of Jupyter as notebooks are."""

from __future__ import annotations

import re
from typing import Any

import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

import recform
from recform.notebook import page

FORMULA = "param classes = 10\nX_i = X_<i-1> + W_i*X_<i-1>\n"
#: With a name, the same in a cell as anywhere.
NAMED = f"network A\n{FORMULA}"
CELLS = {
    "load": "%load_ext recform",
    "made": f"%%rf net --set classes=7 --view network\n{NAMED}",
    "read": "print(net.settings, net.formula.source.name)",
    "used": "%%writefile ops.rf\nW = conv(5, c, stride=s)\n",
    # With the mark of byte order of a file that was copied.
    "user": '%%rf user\n\ufeffuse "ops.rf"\nX_i = W_i*X_<i-1>\n',
    "marked": f"\ufeff%%rf marked\n{NAMED}",
    "wrong": "%%rf net\nX_i = X_<i-1> + cnov*X_<i-1>\n",
    "kept": "print(net.settings, user.name, marked.name)",
    "name": f"%%rf class\n{FORMULA}",
    "set": f"%%rf --set classes=many\n{FORMULA}",
    "view": f"%%rf --view side\n{FORMULA}",
    "quote": f'%%rf "net\n{FORMULA}',
    "spaces": f'%%rf --plugin "my operators.py"\n{FORMULA}',
    "several": f"%%rf\nnetwork A\n{FORMULA}network B\n{FORMULA}",
    "one": f"%%rf two --network B\nnetwork A\n{FORMULA}network B\n{FORMULA}",
    "itself": "two",
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What each cell gives."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = new_notebook(cells=[new_code_cell(text) for text in CELLS.values()])
    NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    return {
        name: cell.outputs for name, cell in zip(CELLS, notebook.cells, strict=True)
    }


def printed(outputs: list[Any]) -> str:
    # A kernel may hand on what a cell prints in pieces.
    assert {item.output_type for item in outputs} == {"stream"}
    return "".join(str(item.text) for item in outputs)


def test_a_formula_becomes_a_variable(outputs: dict[str, list[Any]]) -> None:
    assert outputs["load"] == []
    (shown,) = outputs["made"]
    assert shown.output_type == "display_data"
    compiled = recform.compile(f"\n{NAMED}", classes=7)
    drawn = page.bundle(compiled, "network")
    assert shown.data["text/plain"] == drawn["text/plain"]
    assert shown.data["image/svg+xml"] == drawn["image/svg+xml"]
    # The name of the file is in the head of its code, and so in the seal.
    ours, theirs = (
        re.sub(r"sealed:  \w+", "", data["text/html"]) for data in (shown.data, drawn)
    )
    assert ours == theirs.replace("formula&gt;", "cell&gt;")
    assert printed(outputs["read"]) == "(('classes', '7'),) <cell>\n"


def test_other_files_are_those_beside_the_notebook(
    outputs: dict[str, list[Any]],
) -> None:
    (shown,) = outputs["user"]
    assert shown.data["text/plain"] == "Cell: X_i = W_i*X_<i-1>"


def test_mistakes_are_shown_and_the_cell_fails(outputs: dict[str, list[Any]]) -> None:
    shown, failed = outputs["wrong"]
    assert shown.output_type == "display_data"
    assert shown.data["text/plain"].startswith("error[RF201]: the name 'cnov'")
    assert '<mark><span class="n">cnov</span></mark>' in shown.data["text/html"]
    # As the notebook counts the lines of the cell.
    assert 'aria-label="&lt;cell&gt;, line 2, column 17"' in shown.data["text/html"]
    assert failed.output_type == "error"
    assert failed.traceback == ["The formula does not compile: see above."]
    assert printed(outputs["kept"]) == "(('classes', '7'),) Cell A\n"


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("name", "UsageError: 'class' cannot be the name of a variable"),
        ("set", "UsageError: --set: 'many' is not a number, true or false"),
        (
            "view",
            "argument --view: invalid choice: 'side' (choose from "
            "'step', 'network', 'paths', 'unrolled')",
        ),
        ("quote", "UsageError: '\"net': No closing quotation"),
    ],
)
def test_options_are_checked(
    outputs: dict[str, list[Any]], cell: str, said: str
) -> None:
    assert said in printed(outputs[cell])


def test_a_name_with_spaces_stands_in_quotes(outputs: dict[str, list[Any]]) -> None:
    shown, _ = outputs["spaces"]
    assert "the plugin my operators.py cannot be used" in shown.data["text/plain"]


def test_one_of_several(outputs: dict[str, list[Any]]) -> None:
    assert "error[RF" in outputs["several"][0].data["text/plain"]
    (shown,) = outputs["itself"]
    assert shown.output_type == "execute_result"
    (made,) = outputs["one"]
    assert shown.data == made.data and shown.data["text/plain"].startswith("B: ")
