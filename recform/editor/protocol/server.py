"""`recform lsp`: the language server, which speaks to an editor over standard streams.

pygls has the protocol, and this file, `answers.py` and `translate.py` alone know it. A text
is compiled in a thread of its own, the newest version of it only; questions are answered from
what is known by then.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInvalidParams,
    JsonRpcParseError,
)
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol
from pygls.uris import to_fs_path

from recform.diagnostics import Diagnostics
from recform.editor.checked import Checked, check, compiled, written
from recform.editor.colours import KINDS
from recform.editor.document import Document, Refused, opened
from recform.editor.fixes import fixes
from recform.editor.protocol import answers
from recform.editor.protocol.translate import Translator
from recform.editor.protocol.worker import Worker
from recform.files import FORMULA
from recform.operators import plugins as user
from recform.operators.plugins import Plugin
from recform.source import Source
from recform.version import __version__

_Answer = Callable[[Translator, Any], Any]
#: So long a question waits for a compilation, in seconds.
_PATIENCE = 6.0
#: The question for a picture, which is no part of the protocol.
_PICTURE = "recform/picture"
#: What a client calls the language of a file, if it knows it.
_LANGUAGE = "recform"


def serve(plugins: Iterable[Plugin] = ()) -> None:
    """Answers a client on standard input and output until it says goodbye.

    Args:
        plugins: files or modules with operators of the user's own.

    Raises:
        CompileError: if a plugin cannot be loaded.
    """
    # What goes wrong is told to the client; tracebacks of pygls are for nobody.
    logging.getLogger("pygls").setLevel(logging.CRITICAL)
    server, stream = Server(tuple(plugins)), sys.stdout.buffer
    # What operators of the user's print is no part of the protocol.
    with redirect_stdout(sys.stderr):
        server.pygls.start_io(stdout=stream)


class _Protocol(LanguageServerProtocol):
    """The protocol; a question that cannot be read is answered, too, or a client waits."""

    def structure_message(self, data: dict[str, Any]) -> Any:
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            if "id" in data and "method" in data:
                self._send_response(data["id"], error=error.to_response_error())
            raise


class _Speaker(LanguageServer):
    """The server that reads and writes; what is no JSON gets an answer, too."""

    def report_server_error(self, error: Exception, source: Any) -> None:
        if not isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
            super().report_server_error(error, source)
            return
        answer = JsonRpcParseError(
            f"the message is no JSON: {error}"
        ).to_response_error()
        said = {"code": answer.code, "message": answer.message}
        self.protocol._send_data({"jsonrpc": "2.0", "id": None, "error": said})


class Server:
    """The open files of a client, and the answers to its questions.

    Attributes:
        pygls: the server that reads and writes messages.
    """

    def __init__(self, plugins: tuple[Plugin, ...]) -> None:
        report = Diagnostics()
        self._library = user.load(plugins, report)
        report.check()
        self._plugins = plugins
        self._documents: dict[str, Document] = {}
        self._waiting: dict[str, None] = {}
        self._settled: dict[str, asyncio.Future[None]] = {}
        #: Files of which the code was wrong, the last time that it was written.
        self._late: set[str] = set()
        self._busy: asyncio.Task[None] | None = None
        self._worker = Worker()
        self.pygls = _Speaker(
            "recform",
            __version__,
            text_document_sync_kind=types.TextDocumentSyncKind.Full,
            protocol_cls=_Protocol,
        )
        self._register()

    # -- open files

    def _opened(self, params: types.DidOpenTextDocumentParams) -> None:
        item = params.text_document
        path = to_fs_path(item.uri) if item.uri.startswith("file:") else None
        if not item.uri.endswith(FORMULA.ending) and item.language_id != _LANGUAGE:
            return  # editors that know no language of ours send all plain text
        name = Path(path).name if path else item.uri.rpartition("/")[2] or "formula.rf"
        folder = Path(path).parent if path else None
        self._documents[item.uri] = opened(
            name, item.text, folder, self._library, item.version
        )
        self._ask(item.uri)

    def _changed(self, params: types.DidChangeTextDocumentParams) -> None:
        uri, version = params.text_document.uri, params.text_document.version
        document = self._documents.get(uri)
        if document is not None and params.content_changes:
            text = params.content_changes[-1].text
            self._documents[uri] = document.written(text, version)
            self._ask(uri)

    def _saved(self, params: types.DidSaveTextDocumentParams) -> None:
        """Another file may use the one that was saved, and those are read from disk."""
        for uri, document in self._documents.items():
            if uri != params.text_document.uri:
                text, version = document.source.text, document.version
                self._documents[uri] = document.written(text, version)
                self._ask(uri)

    def _closed(self, params: types.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        if self._documents.pop(uri, None) is not None:
            self._settle(uri)
            self._publish(uri, None, [])

    # -- compilations

    def _ask(self, uri: str) -> None:
        """Has a file compiled, as it is when its turn comes."""
        self._settle(uri)
        self._settled[uri] = asyncio.get_running_loop().create_future()
        self._waiting[uri] = None
        if self._busy is None or self._busy.done():
            self._busy = asyncio.ensure_future(self._work())

    def _settle(self, uri: str) -> None:
        future = self._settled.pop(uri, None)
        if future is not None and not future.done():
            future.set_result(None)

    async def _work(self) -> None:
        while self._waiting:
            uri = next(iter(self._waiting))
            del self._waiting[uri]
            document = self._documents.get(uri)
            if document is None:
                continue
            try:
                await self._compile(uri, document)
            except Exception as error:
                self._log(error)
                self._settle(uri)

    async def _compile(self, uri: str, document: Document) -> None:
        """Tells what the compiler says of a file, and then what is wrong in its code.

        The second takes as long as the first, and has seldom something to tell. Where it
        had the last time, nothing is told before it, so that no mistake comes and goes.
        """
        folder = document.reading.folder
        job = partial(compiled, document.source, folder, self._plugins)
        first = await self._worker.run(job)
        if not self._found(uri, first):
            return
        if uri not in self._late:
            self._tell(uri)
        last = await self._worker.run(partial(written, first))
        if not self._found(uri, last):
            return
        if last is not first or uri in self._late:
            self._tell(uri)
        (self._late.discard if last is first else self._late.add)(uri)
        self._settle(uri)
        self._refresh()

    def _found(self, uri: str, checked: Checked) -> bool:
        """Keeps what was found; whether the text still is the one that was read."""
        document = self._documents.get(uri)
        if document is None:
            return False
        document = self._documents[uri] = document.with_checked(checked)
        return document.checked is checked

    def _tell(self, uri: str) -> None:
        """Tells what is known to be wrong with a file."""
        document = self._documents[uri]
        if document.checked is not None:
            say = self._translator(document, uri)
            shown = [say.diagnostic(item) for item in document.checked.diagnostics]
            self._publish(uri, document.version, shown)

    def _publish(
        self, uri: str, version: int | None, found: list[types.Diagnostic]
    ) -> None:
        params = types.PublishDiagnosticsParams(uri, found, version)
        self.pygls.text_document_publish_diagnostics(params)

    def _refresh(self) -> None:
        """Has the client ask again for what stands beside the text, if it can."""
        known = self.pygls.client_capabilities.workspace
        if known is not None and known.inlay_hint and known.inlay_hint.refresh_support:
            self.pygls.workspace_inlay_hint_refresh(None)
        if known is not None and known.code_lens and known.code_lens.refresh_support:
            self.pygls.workspace_code_lens_refresh(None)

    # -- questions

    def _register(self) -> None:
        feature = self.pygls.feature
        feature(types.TEXT_DOCUMENT_DID_OPEN)(self._told(self._opened))
        feature(types.TEXT_DOCUMENT_DID_CHANGE)(self._told(self._changed))
        feature(types.TEXT_DOCUMENT_DID_SAVE)(self._told(self._saved))
        feature(types.TEXT_DOCUMENT_DID_CLOSE)(self._told(self._closed))
        completion = types.CompletionOptions(trigger_characters=["(", "<", "=", ">"])
        legend = types.SemanticTokensLegend(list(KINDS), [])
        renaming = types.RenameOptions(prepare_provider=True)
        for name, options, answer in (
            (types.TEXT_DOCUMENT_HOVER, None, answers.hovered),
            (types.TEXT_DOCUMENT_COMPLETION, completion, answers.completions),
            (types.TEXT_DOCUMENT_DEFINITION, None, answers.definitions),
            (types.TEXT_DOCUMENT_REFERENCES, None, answers.references),
            (types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT, None, answers.highlights),
            (types.TEXT_DOCUMENT_PREPARE_RENAME, None, answers.renameable),
            (types.TEXT_DOCUMENT_RENAME, renaming, answers.renamed),
            (types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, None, answers.symbols),
            (types.TEXT_DOCUMENT_FORMATTING, None, answers.canonical),
            (types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL, legend, answers.tokens),
        ):
            feature(name, options)(self._at_once(answer))
        feature(types.TEXT_DOCUMENT_INLAY_HINT)(self._when_compiled(answers.hints))
        feature(types.TEXT_DOCUMENT_CODE_LENS)(self._when_compiled(answers.lenses))
        actions = types.CodeActionOptions([types.CodeActionKind.QuickFix])
        feature(types.TEXT_DOCUMENT_CODE_ACTION, actions)(
            self._when_compiled(self._actions, in_worker=True)
        )
        drawn = self._when_compiled(answers.picture, in_worker=True)

        async def pictured(params: Any) -> Any:
            return await drawn(answers.PictureParams.of(params))

        feature(_PICTURE)(pictured)

    def _told(self, listen: Callable[[Any], None]) -> Callable[[Any], None]:
        """What a client tells, without an answer."""

        def handler(params: Any) -> None:
            self._safely(listen, params)

        return handler

    def _at_once(self, answer: _Answer) -> Callable[[Any], Any]:
        """An answer from what is known now."""

        def handler(params: Any) -> Any:
            say = self._saying(params)
            return None if say is None else self._safely(answer, say, params)

        return handler

    def _when_compiled(
        self, answer: _Answer, *, in_worker: bool = False
    ) -> Callable[[Any], Any]:
        """An answer from what is known once the text is compiled."""

        async def handler(params: Any) -> Any:
            waiting = self._settled.get(params.text_document.uri)
            if waiting is not None:
                await asyncio.wait([waiting], timeout=_PATIENCE)
            say = self._saying(params)
            if say is None:
                return None
            asked = partial(self._safely, answer, say, params)
            return await self._worker.run(asked) if in_worker else asked()

        return handler

    def _saying(self, params: Any) -> Translator | None:
        uri = params.text_document.uri
        document = self._documents.get(uri)
        return None if document is None else self._translator(document, uri)

    def _translator(self, document: Document, uri: str) -> Translator:
        encoding = self.pygls.workspace.position_encoding or "utf-16"
        return Translator(document, uri, str(getattr(encoding, "value", encoding)))

    def _safely(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function returns; None if it fails, which the client's log tells.

        Raises:
            JsonRpcInvalidParams: if what was asked for is refused, with the reason.
        """
        try:
            return function(*arguments)
        except Refused as error:
            raise JsonRpcInvalidParams(str(error)) from None
        except Exception as error:
            self._log(error)
            return None

    def _log(self, error: Exception) -> None:
        text = f"a fault of recform, please report it: {type(error).__name__}: {error}"
        kind = types.MessageType.Error
        self.pygls.window_log_message(types.LogMessageParams(kind, text))

    def _actions(
        self, say: Translator, params: types.CodeActionParams
    ) -> list[types.CodeAction]:
        document = say.document
        if document.checked is None:
            return []
        start, end = say.offset(params.range.start), say.offset(params.range.end)

        def tried(source: Source) -> Checked:
            return check(source, document.reading.folder, self._plugins)

        found = fixes(document.reading, document.checked, start, end, tried)
        return [say.action(fix) for fix in found]
