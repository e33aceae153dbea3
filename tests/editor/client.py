"""A client of the language server, over the standard streams of a process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from lsprotocol import types
from pygls.lsp.client import LanguageClient

from tests import warm

_T = TypeVar("_T")
#: So long an answer may take on a busy machine.
PATIENCE = 60.0


class Client:
    """Asks a server, and waits for the answers.

    Attributes:
        lsp: the client of pygls; its `..._async` methods ask.
        logged: what the server told its log: faults.
    """

    def __init__(self, *arguments: str) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.lsp = LanguageClient("tests", "1")
        self.logged: list[str] = []
        self._found: dict[str, types.PublishDiagnosticsParams] = {}
        self._news = threading.Condition()
        self._versions: dict[str, int] = {}
        self.lsp.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(self._heard())
        self.lsp.feature(types.WINDOW_LOG_MESSAGE)(self._log())
        program = str(warm.program("recform"))
        self.wait(self.lsp.start_io(program, "lsp", *arguments))
        answer = self.wait(
            self.lsp.initialize_async(
                types.InitializeParams(capabilities=types.ClientCapabilities())
            )
        )
        self.capabilities = answer.capabilities
        self.tell(self.lsp.initialized, types.InitializedParams())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.wait(self.lsp.shutdown_async(None))
        self.tell(self.lsp.exit, None)
        self.wait(self.lsp.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _heard(self) -> Any:
        def heard(params: types.PublishDiagnosticsParams) -> None:
            with self._news:
                self._found[params.uri] = params
                self._news.notify_all()

        return heard

    def _log(self) -> Any:
        def log(params: types.LogMessageParams) -> None:
            self.logged.append(params.message)

        return log

    def wait(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """The answer to a question."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result(PATIENCE)

    def tell(self, method: Any, params: Any) -> None:
        """Tells something to which there is no answer."""
        done = threading.Event()

        def said() -> None:
            method(params)
            done.set()

        self._loop.call_soon_threadsafe(said)
        assert done.wait(PATIENCE)

    def open(self, uri: str, text: str) -> None:
        self._versions[uri] = 1
        language = "plaintext" if uri.startswith("file:") else "recform"
        item = types.TextDocumentItem(uri, language, 1, text)
        self.tell(
            self.lsp.text_document_did_open, types.DidOpenTextDocumentParams(item)
        )

    def write(self, uri: str, text: str) -> None:
        """Another text of a file; the first one opens it."""
        if uri not in self._versions:
            self.open(uri, text)
            return
        self._versions[uri] += 1
        identifier = types.VersionedTextDocumentIdentifier(self._versions[uri], uri)
        change = types.TextDocumentContentChangeWholeDocument(text)
        self.tell(
            self.lsp.text_document_did_change,
            types.DidChangeTextDocumentParams(identifier, [change]),
        )

    def diagnostics(self, uri: str) -> list[types.Diagnostic]:
        """What is said of the newest text, once it is."""
        with self._news:
            found = self._news.wait_for(lambda: self._newest(uri), PATIENCE)
        assert found, "nothing is said of the newest text"
        return list(self._found[uri].diagnostics)

    def settled(self, uri: str) -> list[types.Diagnostic]:
        """The same, once the code is written, too: hints wait for that."""
        self.diagnostics(uri)
        here = types.TextDocumentIdentifier(uri)
        every = types.Range(types.Position(0, 0), types.Position(9999, 0))
        params = types.InlayHintParams(here, every)
        self.wait(self.lsp.text_document_inlay_hint_async(params))
        return self.diagnostics(uri)

    def _newest(self, uri: str) -> bool:
        known = self._found.get(uri)
        return known is not None and known.version == self._versions[uri]
