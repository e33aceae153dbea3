"""The language server, asked by a client over the standard streams of a process."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.editor.client import Client

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NET = """\
param  classes = 10
stages 4 x 2, 8 x 2 / 2
SE(x, ratio=2) = x*sigmoid(G*x)
    where G = avgpool > linear(cin/ratio) > relu > linear(cin)
W = conv(3, c, stride=s) > bn > SE(ratio=4)
scalar g_i = 0.5 per channel
X_i = relu(X_<i-1> + g_i*W_i*X_<i-1>)
"""
LENS = (
    "order 1 · state: 1 tensor · 1,588 parameters · "
    "proved (4 blocks: 3 followed, 1 by induction)"
)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Client() as found:
        yield found
        assert not found.logged


class File:
    """A file of the client's, and questions about places in it, which are texts."""

    def __init__(self, client: Client, path: Path, text: str) -> None:
        self.client, self.uri, self.text = client, path.as_uri(), text
        self.identifier = types.TextDocumentIdentifier(self.uri)
        client.write(self.uri, text)

    def write(self, text: str) -> None:
        self.text = text
        self.client.write(self.uri, text)

    def position(self, place: str, behind: str = "") -> types.Position:
        """Where a text stands for the first time; or what is behind a part of it."""
        offset = self.text.index(place) + len(behind)
        before = self.text[:offset]
        column = len(before.rpartition("\n")[2].encode("utf-16-le")) // 2
        return types.Position(before.count("\n"), column)

    def shown(self, found: types.Range) -> str:
        lines = self.text.split("\n")
        assert found.start.line == found.end.line
        return lines[found.start.line][found.start.character : found.end.character]

    def ask(self, method: str, place: str, behind: str = "", **more: Any) -> Any:
        name = "".join(word.title() for word in method.split("_"))
        name = {"References": "Reference"}.get(name, name)
        kind = getattr(types, f"{name}Params")
        question = getattr(self.client.lsp, f"text_document_{method}_async")
        position = self.position(place, behind)
        here = {"text_document": self.identifier, "position": position}
        return self.client.wait(question(kind(**here, **more)))

    def hover(self, place: str, behind: str = "") -> str:
        found = self.ask("hover", place, behind)
        return found.contents.value if found is not None else ""

    def labels(self, place: str, behind: str = "") -> list[str]:
        found = self.ask("completion", place, behind)
        return [item.label for item in sorted(found, key=lambda item: item.sort_text)]

    def places(self, method: str, place: str, **more: Any) -> list[tuple[int, str]]:
        found = self.ask(method, place, **more)
        return [(item.range.start.line, self.shown(item.range)) for item in found]

    def whole(self, method: str) -> Any:
        """An answer about the whole file."""
        name = "".join(word.title() for word in method.split("_"))
        params = getattr(types, f"{name}Params")(text_document=self.identifier)
        full = "_full" if method == "semantic_tokens" else ""
        ask = getattr(self.client.lsp, f"text_document_{method}{full}_async")
        return self.client.wait(ask(params))

    def refused(self, place: str, new: str) -> str:
        with pytest.raises(JsonRpcException) as error:
            self.ask("rename", place, new_name=new)
        return str(error.value)

    def edited(self, edit: types.WorkspaceEdit) -> str:
        (edits,) = (edit.changes or {}).values()
        lines = self.text.split("\n")
        for item in reversed(edits):
            line, start, end = (
                item.range.start.line,
                item.range.start.character,
                item.range.end.character,
            )
            lines[line] = lines[line][:start] + item.new_text + lines[line][end:]
        return "\n".join(lines)

    def actions(self) -> list[types.CodeAction]:
        params = types.CodeActionParams(
            self.identifier, EVERYWHERE, types.CodeActionContext([])
        )
        return list(
            self.client.wait(self.client.lsp.text_document_code_action_async(params))
        )

    def hints(self) -> list[tuple[int, int, str]]:
        params = types.InlayHintParams(self.identifier, EVERYWHERE)
        found = self.client.wait(self.client.lsp.text_document_inlay_hint_async(params))
        return [(h.position.line, h.position.character, h.label) for h in found]

    def lenses(self) -> list[tuple[int, str]]:
        found = self.whole("code_lens")
        return [(item.range.start.line, item.command.title) for item in found or ()]


EVERYWHERE = types.Range(types.Position(0, 0), types.Position(9999, 0))


@pytest.fixture
def net(client: Client, tmp_path: Path) -> File:
    return File(client, tmp_path / "net.rf", NET)


def test_what_it_can(client: Client) -> None:
    known = client.capabilities
    for name in (
        *("hover", "completion", "definition", "references", "rename"),
        *("document_symbol", "document_formatting", "document_highlight"),
        *("semantic_tokens", "inlay_hint", "code_lens", "code_action"),
    ):
        assert getattr(known, f"{name}_provider"), name


def test_diagnostics(net: File) -> None:
    assert net.client.settled(net.uri) == []
    net.write(f"{NET}Y_i = Y_<i-1> + 2\n# \U0001f600\nV = conv(3, \U0001d4ae")
    codes = {item.code: item for item in net.client.settled(net.uri)}
    assert set(codes) == {"RF102"}
    net.write(NET.replace("relu(X", "rellu(X"))
    (found,) = net.client.settled(net.uri)
    assert (found.code, found.source, net.shown(found.range)) == (
        "RF202",
        "recform",
        "rellu",
    )
    assert found.severity is types.DiagnosticSeverity.Error
    assert found.message.endswith("hint: did you mean 'relu'?")
    net.write(f"{NET}U = conv(3)\n")
    (found,) = net.client.settled(net.uri)
    assert found.code == "RF222" and found.severity is types.DiagnosticSeverity.Warning
    assert found.tags == (types.DiagnosticTag.Unnecessary,)
    # This is found where the code is written, and not before.
    net.write(NET.replace("> bn >", "> class: bn >"))
    assert [item.code for item in net.client.settled(net.uri)] == ["RF219"]
    net.write(NET)
    assert net.client.settled(net.uri) == []


def test_columns_are_counted_as_the_client_does(net: File) -> None:
    """U+1D4AE is two units of UTF-16, one character, four bytes."""
    net.write('names W = "a\U0001d4ae", Q = "b"\n' + NET)
    found = [item for item in net.client.settled(net.uri) if "'Q'" in item.message]
    assert found[0].range.start.character == len('names W = "aXX", ')
    # A mark of byte order is a letter of the client's, and none of the formula's.
    net.write("\ufeffparam classes = 10\nX_i = V_i*X_<i-1>\n")
    assert net.client.settled(net.uri) == []
    net.write("\ufeffstages 8 x 2\n".replace("8", "8?"))
    (found,) = net.client.diagnostics(net.uri)
    assert (found.code, found.range.start.character) == ("RF101", len("Xstages 8"))


def test_quick_fixes(net: File) -> None:
    for wrong, line in {
        "W = cnov(3, c)": "W = conv(3, c)",
        "W = conv(3, c, strid=s)": "W = conv(3, c, stride=s)",
        "W = conv(3, c) -> bn": "W = conv(3, c) > bn",
        "Y = avgpool(kernel=2": "Y = avgpool(kernel=2)",
        "classes = 100": "param classes = 100",
        "stage 4 x 2": "stages 4 x 2",
        "def W = conv(3, c)": "W = conv(3, c)",
        "W = conv(1x3, c)": "W = conv((1, 3), c)",
        "W = conv(X, 3, c)": "W = conv(3, c)",
        "W = conv(3, c) > dropout(p=0.1)": "W = conv(3, c) > dropout(0.1)",
    }.items():
        rest = "X_i = X_<i-1> + W_i*X_<i-1>"
        net.write(f"{wrong}\n{rest}")
        actions = net.actions()
        assert [net.edited(item.edit) for item in actions] == [f"{line}\n{rest}"]
        assert actions[0].kind == types.CodeActionKind.QuickFix
    net.write("X_i = X_<i-1> + W_<i+1>*X_<i-1>")
    (action,) = net.actions()
    assert net.edited(action.edit) == "X_i = X_<i-1> + W_i*X_<i-1>"
    # A sign that is missing hides nothing; of an unknown name there is a choice.
    line = "X_i = \\k X_{i-1} + (1 - \\k) W_i X_{i-1}"
    for left, right in (("\\k", "X_{i-1} +"), ("(1 - \\k)", "W_i"), ("W_i", "X_{i-1}")):
        net.write(line)
        edits = [net.edited(action.edit) for action in net.actions()]
        assert f"scalar \\k = 0.5\n{line}" in edits
        line = line.replace(f"{left} {right}", f"{left}*{right}")
        assert line in edits
    net.write(line)
    assert [net.edited(action.edit) for action in net.actions()] == [
        f"scalar \\k = 0.5\n{line}",
        f"const \\k = 0.5\n{line}",
    ]
    net.write("X_i = X_<i-1> + mul(2, W_i*X_<i-1>)")
    assert [net.edited(action.edit) for action in net.actions()] == [
        "X_i = X_<i-1> + 2*W_i*X_<i-1>"
    ]
    net.write("X_i = X_<i-1> \\oplus W_i*X_<i-1>")
    assert [net.edited(action.edit) for action in net.actions()] == [
        "X_i = X_<i-1> + W_i*X_<i-1>"
    ]
    # The hint of this one is no replacement.
    net.write("X_i = X_<i-1> + 2^W_i*X_<i-1>")
    assert net.actions() == []


def test_hover(net: File) -> None:
    net.client.settled(net.uri)
    assert net.hover("W = ") == (
        "`W`: operator\n\n"
        "```rf\nW = conv(3, c, stride=s) > bn > SE(ratio=4)\n```\n\n"
        "- stage 1: 4 x 32 x 32 → 4 x 32 x 32, 165 parameters\n"
        "- stage 2: 4 x 32 x 32 → 8 x 16 x 16, 346 parameters"
    )
    assert net.hover("X_<i") == (
        "`X`: unknown\n\n```rf\nX_i = relu(X_<i-1> + g_i*W_i*X_<i-1>)\n```\n\n"
        "- stage 1: 4 x 32 x 32\n- stage 2: 8 x 16 x 16"
    )
    assert net.hover("g_i*").endswith(
        "Each block has its own, a number for each feature; starts at 0.5."
    )
    assert net.hover("conv").startswith("```rf\nconv(kernel, width=..., stride=1,")
    assert "Distance between two windows" not in net.hover("conv")
    assert net.hover("stride=") == (
        "`stride` of `conv`: distance between two windows\n\n"
        "A whole number of at least 1 (the stride)."
    )
    assert net.hover("stages") == (
        "```rf\nstages 64 x 2, 128 x 2 / 2\n```\n\n"
        "Width x blocks / stride of each stage."
    )
    assert net.hover("cin/") == "`cin`: the features of what comes into the flow"
    assert net.hover("ratio=4").startswith("`ratio`: argument")
    assert net.hover(" + ", " +") == ""
    net.write(NET.replace("conv", "cnov"))
    net.client.settled(net.uri)
    assert "`recform explain RF202` shows it mended." in net.hover("cnov")


def test_completion(net: File) -> None:
    assert "stages" in net.labels("stages")
    net.write(f"{NET}W2 = conv(3, ")
    last = "W2 = conv(3, "
    assert net.labels(last, last)[:6] == [
        *("bias=", "dilation=", "groups=", "kernel=", "padding=", "stride=")
    ]
    assert {"g", "X", "W", "SE", "bn", "c"} <= set(net.labels(last, last))
    last = "W2 = pad(1, mode="
    net.write(f"{NET}{last}")
    assert net.labels(last, last)[:4] == ["circular", "reflect", "replicate", "zeros"]
    last = "W2 = SE("
    net.write(f"{NET}{last}")
    assert net.labels(last, last)[0] == "ratio="
    last = "X_<"
    net.write(f"{NET}Y_i = {last}")
    assert net.labels(f"Y_i = {last}", f"Y_i = {last}")[:2] == ["0", "0..i-1"]
    net.write("scope ")
    assert net.labels("scope ", "scope ") == ["network", "stage"]
    net.write("memory ")
    assert net.labels("memory ", "memory ") == [
        "checkpoint",
        "lean",
        "plain",
        "reversible",
    ]
    net.write("# con")
    assert net.labels("# con", "# con") == []


def test_definition_and_references(net: File) -> None:
    assert net.places("definition", "W_i") == [(4, "W")]
    assert net.places("definition", "SE(ratio") == [(2, "SE")]
    assert net.places("definition", "ratio=4") == [(2, "ratio")]
    assert net.places("definition", "G*x") == [(3, "G")]
    assert net.places("definition", "relu") == []
    context = types.ReferenceContext(include_declaration=True)
    every = [(6, "X"), (6, "X"), (6, "X")]
    assert net.places("references", "X_i", context=context) == every
    assert net.places("document_highlight", "X_i") == every
    context = types.ReferenceContext(include_declaration=False)
    assert net.places("references", "ratio", context=context) == [
        (3, "ratio"),
        (4, "ratio"),
    ]


def test_another_file(client: Client, tmp_path: Path) -> None:
    other = tmp_path / "other.rf"
    other.write_text("W = conv(3, c, stride=s) > bn\n")
    net = File(client, tmp_path / "net.rf", 'use "other.rf"\nX_i = W_i*X_<i-1>\n')
    for place in ("W_i", "use"):
        (found,) = net.ask("definition", place)
        assert found.uri == other.as_uri()
        assert found.range.start == types.Position(0, 0)
    assert net.refused("W_i", "V").endswith("other.rf, too")
    assert client.settled(net.uri) == []
    # What is wrong in it is told where it is used, as soon as it is saved.
    other.write_text("W = cnov(3, c) > bn\n")
    saved = File(client, other, "W = cnov(3, c) > bn\n")
    params = types.DidSaveTextDocumentParams(saved.identifier)
    client.settled(saved.uri)
    client.tell(client.lsp.text_document_did_save, params)
    net.lenses()
    (found,) = client.settled(net.uri)
    assert (found.code, net.shown(found.range)) == ("RF202", 'use "other.rf"')
    assert found.related_information[0].location.uri == other.as_uri()


def test_rename(net: File) -> None:
    for place, new, pattern in (
        ("W = ", "Conv", r"\bW(?![a-z])"),
        ("X_i", "y", r"\bX(?=_)"),
        ("ratio", "share", r"\bratio\b"),
        ("G*x", "Gate", r"\bG(?![a-z])"),
        ("x, ratio", "z", r"\bx\b(?=[,*)])"),
        ("g_i", r"\gamma", r"\bg(?=_)"),
    ):
        expected = re.sub(pattern, lambda _, new=new: new, NET)
        assert net.edited(net.ask("rename", place, new_name=new)) == expected
    assert net.refused("W = ", "SE") == "there is another SE already"
    assert net.refused("W = ", "bn") == "bn is an operator of recform"
    assert net.refused("W = ", "i") == "i means something else in a formula"
    assert net.refused("W = ", "2") == "'2' is no name"
    assert "is no name of this file" in net.refused("relu", "Y")
    assert "there is no name" in net.refused(" + ", "Y")
    assert net.ask("prepare_rename", "W_i").placeholder == "W"
    # An operator without a definition is one by its upper case alone.
    net.write("X_i = X_<i-1> + V_i*X_<i-1>\n")
    assert "something else" in net.refused("V_i", "v")


def test_two_networks(net: File) -> None:
    """What each of them has is its own; what stands above is for both."""
    one = "X_i = X_<i-1> + W_i*X_<i-1>\n"
    net.write(f"W = conv(3, c)\nstages 4 x 2\nnetwork A\n{one}network B\n{one}")
    edit = net.ask("rename", "X_i", new_name="Y")
    assert net.edited(edit) == net.text.replace("X", "Y", 3)
    edit = net.ask("rename", "W = ", new_name="V")
    assert net.edited(edit) == net.text.replace("W", "V")
    assert [line for line, _ in net.lenses()] == [3, 5]
    found = net.whole("document_symbol")
    assert [item.name for item in found] == ["W", "stages", "A", "B"]
    assert [item.name for item in found[2].children] == ["X_i"]
    assert found[2].range.end == types.Position(3, len(one) - 1)


def test_symbols(net: File) -> None:
    found = net.whole("document_symbol")
    assert [(item.name, item.detail) for item in found] == [
        ("classes", "parameter"),
        ("stages", "keyword"),
        ("SE(x, ratio=2)", "operator"),
        ("W", "operator"),
        ("g", "learned scalar"),
        ("X_i", "unknown"),
    ]


def test_formatting(net: File) -> None:
    options = types.FormattingOptions(4, insert_spaces=True)
    params = types.DocumentFormattingParams(net.identifier, options)
    ask = net.client.lsp.text_document_formatting_async
    net.write("X_i=X_<i-1>+W_i*X_<i-1>")
    (edit,) = net.client.wait(ask(params))
    assert edit.new_text == "X_i = X_<i-1> + W_i*X_<i-1>\n"
    assert edit.range.end == types.Position(0, len(net.text))
    net.write(edit.new_text)
    assert not net.client.wait(ask(params))
    net.write("X_i = (")
    assert net.client.wait(ask(params)) is None


def test_colours(net: File) -> None:
    legend = net.client.capabilities.semantic_tokens_provider.legend.token_types
    net.write("scalar g_i = 0.5 # \U0001f600\nX_i = relu(g_i*W_i*X_<i-1>)\nY = W + (")
    data = net.whole("semantic_tokens").data
    found: dict[str, str] = {}
    line = column = 0
    for k in range(0, len(data), 5):
        down, right, length, kind, _ = data[k : k + 5]
        line, column = line + down, right + (0 if down else column)
        text = net.text.split("\n")[line].encode("utf-16-le")
        word = text[2 * column : 2 * (column + length)].decode("utf-16-le")
        found[word] = legend[kind]
    assert found == {
        "scalar": "keyword",
        "g": "macro",
        "_i": "parameter",
        "i-1": "parameter",
        "=": "operator",
        "*": "operator",
        "+": "operator",
        "0.5": "number",
        "# \U0001f600": "comment",
        "X": "variable",
        "W": "method",
        # By its looks: its line is half-written.
        "Y": "method",
        "relu": "function",
    }


def test_hints_and_lenses(net: File) -> None:
    flow = "W = conv(3, c, stride=s) > bn > SE(ratio=4)"
    columns = [flow.index(end) + len(end) for end in ("s)", "bn", "4)")]
    hints = [(4, column, "4 x 32 x 32") for column in columns]
    assert net.hints() == hints
    assert net.lenses() == [(6, LENS)]
    # Where the text is broken, what stood there moves with its lines.
    net.write(f"# more\n{NET}Y_i = (")
    assert net.hints() == [(line + 1, *rest) for line, *rest in hints]
    assert net.lenses() == [(7, LENS)]
    net.write(NET.replace("> bn", "> bn > ("))
    assert net.hints() == [] and net.lenses() == [(6, LENS)]


def test_half_written(net: File) -> None:
    """While a line is broken, what is known of the others is as it was."""
    net.client.settled(net.uri)
    net.write(NET.replace("relu(X_<i-1> +", "relu(X_<i-1> + +("))
    assert "165 parameters" in net.hover("W = ")
    assert net.places("definition", "W_i") == [(4, "W")]
    assert net.places("references", "G*x", context=types.ReferenceContext(True))
    net.write(NET.replace("SE(x, ratio=2) =", "SE(x, ratio=2"))
    assert net.hover("W = ").startswith("`W`: operator")
    # Names that only half-written statements declare.
    started = "const \\k = \nW = conv(3, c) > \nA_0, B_0 = split(\nX_i = X_<i-1> + W_i*"
    net.write(started)
    net.client.settled(net.uri)
    assert net.labels(started, started)[:5] == ["A", "B", "W", "X", "k"]
    assert net.places("definition", "W_i") == [(1, "W")]
    assert net.hover("X_<").startswith("`X`: unknown")
    for text in (
        "",
        "\n",
        "#",
        '"',
        "(",
        "_<",
        "X_i =",
        "use",
        'use "',
        "\x00",
        "\ufeff",
    ):
        net.write(text)
        net.client.settled(net.uri)
        assert net.hover(text) is not None
        assert net.labels(text, text) is not None
        assert net.hints() == []


def test_a_file_that_is_too_large(net: File) -> None:
    net.write("X_i = X_<i-1>\n" * 4000)
    assert [item.code for item in net.client.settled(net.uri)] == ["RF004"]
    assert net.hover("X_i") == ""


def test_a_file_of_something_else(client: Client, tmp_path: Path) -> None:
    net = File(client, tmp_path / "net.txt", NET)
    assert net.hover("W = ") == "" and net.lenses() == []


def test_a_text_that_is_no_file(client: Client) -> None:
    uri = "untitled:Untitled-1"
    client.write(uri, 'use "other.rf"\nX_i = X_<i-1> + W_i*X_<i-1>\n')
    assert [item.code for item in client.settled(uri)] == ["RF007"]


def edits(client: Client, folder: Path, number: int, seed: int) -> None:
    """Random edits of examples, and after each of them all questions."""
    draw = random.Random(seed)
    files = sorted(EXAMPLES.rglob("*.rf"))
    words = ["(", ")", ">", "_<", "i-1>", "\n", '"', "#", "X_i = ", "where ", "=", "L"]
    words += ["\U0001f600", "sum(k, 0, i-1, ", "network A\n", "conv(", ",", "\r\n", ""]
    context = types.ReferenceContext(include_declaration=True)
    for n in range(number):
        if n % 10 == 0:
            path = draw.choice(files)
            text = path.read_text()[: draw.choice((200, 2000))]
            net = File(client, folder / path.name, text)
        start = draw.randrange(len(text) + 1)
        end = min(len(text), start + draw.choice((0, 0, 1, 5, 80)))
        text = text[:start] + draw.choice(words) + text[end:]
        net.write(text)
        for method in ("hover", "completion", "definition", "document_highlight"):
            net.ask(method, text[start:])
        net.ask("references", text[start:], context=context)
        net.whole("semantic_tokens"), net.whole("document_symbol")
        try:
            net.ask("rename", text[start:], new_name="Fresh")
        except JsonRpcException as error:
            assert str(error), "a refusal has a reason"
        if n % 10 == 9:
            net.actions(), net.hints(), net.lenses(), net.client.settled(net.uri)
        assert client.logged == [], text


def test_random_edits(client: Client, tmp_path: Path) -> None:
    edits(client, tmp_path, 100, seed=0)


@pytest.mark.long
def test_many_random_edits(client: Client, tmp_path: Path) -> None:
    edits(client, tmp_path, 1000, seed=random.randrange(1 << 32))


def answered(*messages: dict[str, Any] | bytes) -> list[dict[str, Any]]:
    """What a server answers to messages; it gets status 0, and says nothing else."""
    said = b""
    for message in (
        {"id": 1, "method": "initialize", "params": {"capabilities": {}}},
        *messages,
        {"id": 2, "method": "shutdown"},
        {"method": "exit"},
    ):
        is_text = isinstance(message, bytes)
        data = message if is_text else json.dumps({"jsonrpc": "2.0"} | message).encode()
        said += b"Content-Length: %d\r\n\r\n%b" % (len(data), data)
    done = subprocess.run(
        [sys.executable, "-m", "recform", "lsp"],
        input=said,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    parts = re.split(rb"Content-Length: \d+\r\n(?:[^\r]+\r\n)*\r\n", done.stdout)
    return [json.loads(part) for part in parts if part]


def test_it_ends_well() -> None:
    """A client that says goodbye gets status 0, and nothing on standard error."""
    assert [item["id"] for item in answered()] == [1, 2]


def test_a_question_that_cannot_be_read_is_answered() -> None:
    place = {"line": -1, "character": 2**40}
    here = {"textDocument": {"uri": "file:///a.rf"}, "position": place}
    found = answered(
        {"id": 3, "method": "textDocument/hover", "params": here},
        {"id": 4, "method": "textDocument/hover", "params": 7},
    )
    errors = {item["id"]: item["error"]["code"] for item in found if "error" in item}
    assert errors.keys() == {3, 4}


def test_what_is_no_json_is_answered() -> None:
    """As JSON-RPC has it: an error without the id that nobody could read."""
    texts = b"{", b"no", b'{"id": 3', b"\xff\xfe{}"
    first, *found, last = answered(*texts)
    assert (first["id"], last["id"]) == (1, 2)
    assert [item["id"] for item in found] == [None] * len(texts)
    assert {item["error"]["code"] for item in found} == {-32700}


def test_without_the_extra(capsys: pytest.CaptureFixture[str]) -> None:
    from unittest.mock import patch

    from typer.testing import CliRunner

    from recform.cli.app import app

    with patch.dict("sys.modules", {"pygls": None}):
        result = CliRunner().invoke(app, ["lsp"])
    assert result.exit_code == 1
    assert "pip install 'recform[lsp]'" in result.stderr
