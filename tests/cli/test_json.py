"""`--json`: one object of one form, whatever the command, whatever happens."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import recform
from recform import cli
from recform.cli.app import app
from tests.cli.test_outputs import COMMANDS, prepared

SCHEMA = json.loads((Path(cli.__file__).parent / "answer.schema.json").read_text())
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "integer": (int,),
    "number": (int, float),
}

#: What goes on until it is ended, or speaks another protocol, has no `--json`.
ANSWERING = sorted({*COMMANDS} - {"lsp", "playground"})


def faults(value: Any, rule: Any, at: str = "$") -> list[str]:
    """What of a value the schema forbids: the keywords that our schema has."""
    if "$ref" in rule:
        return faults(value, SCHEMA["$defs"][rule["$ref"].rpartition("/")[2]], at)
    known = {
        *("$schema", "title", "description", "$defs", "type", "const", "enum"),
        *("pattern", "required", "properties", "additionalProperties", "items"),
        *("minItems", "anyOf", "allOf", "if", "then"),
    }
    assert rule.keys() <= known, rule.keys() - known
    found = []
    types = rule.get("type", [])
    types = [types] if isinstance(types, str) else types
    fits = any(
        isinstance(value, _TYPES[name])
        and (name == "boolean" or not isinstance(value, bool))
        for name in types
    )
    if types and not fits:
        return [f"{at} is {value!r}, no {types}"]
    if "const" in rule and value != rule["const"]:
        found.append(f"{at} is {value!r}, not {rule['const']!r}")
    if "enum" in rule and value not in rule["enum"]:
        found.append(f"{at} is {value!r}, none of {rule['enum']}")
    if "pattern" in rule and not re.search(rule["pattern"], value):
        found.append(f"{at} is {value!r}")
    if isinstance(value, dict):
        inner = rule.get("properties", {})
        found += [
            f"{at}.{k} is missing" for k in rule.get("required", ()) if k not in value
        ]
        if rule.get("additionalProperties") is False:
            found += [f"{at}.{key} is not known" for key in value if key not in inner]
        for key, item in value.items():
            found += faults(item, inner.get(key, {}), f"{at}.{key}")
    if isinstance(value, list):
        if len(value) < rule.get("minItems", 0):
            found.append(f"{at} has {len(value)} items")
        for number, item in enumerate(value):
            found += faults(item, rule.get("items", {}), f"{at}[{number}]")
    if "anyOf" in rule:
        tries = [faults(value, one, at) for one in rule["anyOf"]]
        found += [] if not all(tries) else min(tries, key=len)
    for one in rule.get("allOf", ()):
        found += faults(value, one, at)
    if "if" in rule and not faults(value, rule["if"], at):
        found += faults(value, rule["then"], at)
    return found


def asked(*arguments: str) -> tuple[dict[str, Any], Any]:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    made = json.loads(result.stdout)
    assert faults(made, SCHEMA) == []
    assert made["status"] == result.exit_code
    assert made["ok"] == (result.exit_code == 0)
    assert made["recform"] == recform.__version__
    assert result.stderr == "" or made["command"] in ("compile", "verify")
    return made, result


@pytest.mark.parametrize("name", ANSWERING)
def test_every_command(name: str, tmp_path: Path) -> None:
    given, _ = prepared(name, tmp_path, options=False)
    made, result = asked(name, *given)
    assert made["command"] == name
    assert made["result"] is not None
    assert result.exit_code == (1 if name == "equiv" else 0)  # the two differ


@pytest.mark.parametrize("name", sorted({*ANSWERING} - {"fmt", "runs", "transplant"}))
def test_every_command_with_an_error(name: str, tmp_path: Path) -> None:
    (tmp_path / "bad.rf").write_text("X_i = X_<i-1> + foo*X_<i-1>")
    bad = str(tmp_path / "bad.rf")
    given = {"explain": ["RF9"], "diff": [bad, bad], "equiv": [bad, bad]}.get(
        name, [bad]
    )
    made, _ = asked(name, *given)
    (found,) = made["diagnostics"]
    assert made["status"] == 1
    if name != "explain":
        assert (found["code"], found["file"]) == ("RF201", bad)
        assert [found[key] for key in ("line", "column", "start", "end")] == [
            1,
            17,
            16,
            19,
        ]


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_wrong_usage(name: str) -> None:
    made, _ = asked(*filter(None, [name]), "--nonsense")
    assert (made["command"], made["status"], made["result"]) == (name, 2, None)
    assert [item["code"] for item in made["diagnostics"]] == ["RF909"]


def test_a_value_that_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.rf").write_text("X_i = X_<i-1> + W_i*X_<i-1>")
    made, _ = asked("analyze", str(tmp_path / "net.rf"), "--swap", "3")
    assert made["diagnostics"][0]["message"] == (
        "Invalid value for --swap: '3' is not J,K"
    )


def test_warnings_and_several_networks(tmp_path: Path) -> None:
    text = (
        "stages 4 x 2\nU = bn\nnetwork A\nX_i = X_<i-1>\nnetwork B\nX_i = W_i*X_<i-1>"
    )
    (tmp_path / "two.rf").write_text(text)
    made, _ = asked("summary", str(tmp_path / "two.rf"))
    assert [item["name"] for item in made["result"]] == ["A", "B"]
    assert {item["severity"] for item in made["diagnostics"]} == {"warning"}
    made, _ = asked("summary", str(tmp_path / "two.rf"), "--network", "B")
    assert made["result"]["name"] == "B"
    # Schema and all, also of a network that computes nothing.
    made, _ = asked("summary", str(tmp_path / "two.rf"), "--memory", "--dtype", "bf16")
    assert [item["memory"]["dtype"] for item in made["result"]] == ["bf16", "bf16"]


def test_what_is_written_to_a_file_is_not_in_the_answer(tmp_path: Path) -> None:
    (tmp_path / "net.rf").write_text("stages 4 x 2\nX_i = W_i*X_<i-1>")
    file, out = str(tmp_path / "net.rf"), tmp_path / "net.py"
    made, _ = asked("compile", file, "-o", str(out))
    assert made["result"] == {
        "networks": ["Net"], "output": str(out), "source": None, "stale": None,
    }  # fmt: skip
    assert asked("compile", file)[0]["result"]["source"] == out.read_text()
    assert (
        asked("compile", file, "--check", "-o", str(out))[0]["result"]["stale"] is False
    )
    out.write_text("old")
    stale, _ = asked("compile", file, "--check", "-o", str(out))
    assert (stale["result"]["stale"], stale["status"]) == (True, 1)
    assert out.read_text() == "old"
    made, _ = asked("render", file, "--to", "png")
    assert made["diagnostics"][0]["code"] == "RF909"
    picture = asked("render", file, "--to", "mermaid")[0]["result"]["picture"]
    assert picture.startswith("flowchart")


def test_the_schema_refuses_what_is_wrong() -> None:
    good = {"schema": 1, "command": "check", "recform": "1", "ok": True, "status": 0,
            "diagnostics": [], "result": {"files": []}}  # fmt: skip
    assert faults(good, SCHEMA) == []
    for key, value in [
        ("schema", 2), ("command", "chek"), ("ok", 1), ("status", "0"),
        ("diagnostics", [{"code": "RF1"}]), ("result", {"file": []}), ("more", 1),
    ]:  # fmt: skip
        assert faults({**good, key: value}, SCHEMA)
    assert faults({key: value for key, value in good.items() if key != "ok"}, SCHEMA)
    assert {
        item["if"]["properties"]["command"]["const"] for item in SCHEMA["allOf"]
    } == {*ANSWERING}
