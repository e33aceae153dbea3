"""`recform/picture`: what an editor draws beside a formula."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pygls.exceptions import JsonRpcException

import recform
from tests.editor.client import Client

ONE = "network One\nX_i = X_<i-1> + W_i*X_<i-1>\n"
TWO = "network Two\nX_i = relu(W_i*X_<i-1>)\n"
#: Grids of two sizes side by side.
APART = "stages 16 x 2, 32 x 2 / 2\nX_i = W_i*concat(X_<0..i-1>)\n"


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Client() as found:
        yield found
        assert not found.logged


def ask(client: Client, uri: str, **wanted: Any) -> Any:
    client.settled(uri)
    params = {"textDocument": {"uri": uri}, **wanted}

    async def question() -> Any:
        ask = client.lsp.protocol.send_request_async
        return await ask("recform/picture", params)

    return client.wait(question())


def refused(client: Client, uri: str, **wanted: Any) -> str:
    with pytest.raises(JsonRpcException) as error:
        ask(client, uri, **wanted)
    return str(error.value)


def test_a_picture_is_that_of_render(client: Client, tmp_path: Path) -> None:
    uri = (tmp_path / "net.rf").as_uri()
    client.write(uri, ONE + TWO)
    for name in ("One", "Two"):
        for view in ("step", "network", "unrolled", "paths"):
            asked = {"view": view, "theme": "dark"}
            found = ask(client, uri, network=name, **asked)
            compiled = recform.compile(ONE + TWO, name)
            assert b64decode(found.data) == compiled.picture(**asked), (name, view)
            assert (found.network, found.old) == (name, False)
    assert found.networks == ["One", "Two"]
    assert found.views == ["step", "network", "paths", "unrolled"]
    assert found.title == "Two: routes over 4 blocks"
    # Half-written, it shows what there was; a network that is gone gives way to the first.
    client.write(uri, ONE + "Y_i = ")
    found = ask(client, uri, network="Two")
    assert (found.network, found.old) == ("Two", True)
    client.write(uri, ONE)
    found = ask(client, uri, network="Two")
    assert (found.network, found.networks, found.old) == ("One", ["One"], False)
    assert b64decode(ask(client, uri, format="pdf").data).startswith(b"%PDF")


def test_shapes_that_do_not_meet_are_drawn(client: Client, tmp_path: Path) -> None:
    uri = (tmp_path / "apart.rf").as_uri()
    client.write(uri, APART)
    assert [item.code for item in client.settled(uri)] == ["RF401"]
    assert b"#c8001e" in b64decode(ask(client, uri, theme="light").data)


def test_what_cannot_be_drawn_is_refused(client: Client, tmp_path: Path) -> None:
    uri = (tmp_path / "net.rf").as_uri()
    client.write(uri, "X_i = ")
    assert refused(client, uri) == (
        "there is no picture as long as the formula does not compile"
    )
    client.write(uri, ONE)
    assert "'side'" in refused(client, uri, view="side")
    assert "'bmp'" in refused(client, uri, format="bmp")
