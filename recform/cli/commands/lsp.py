"""``recform lsp``: the language server for editors."""

from __future__ import annotations

from recform.cli import common


def command() -> None:
    """Serve an editor: speak the language server protocol on standard streams."""
    from recform.diagnostics import refuse
    from recform.files import reason
    from recform.modules import need

    need("pygls", "the language server", "RF546", "pip install 'recform[lsp]'")
    from recform.editor.protocol.server import serve

    try:
        serve(common.plugins())
    except OSError as error:
        refuse("RF006", f"standard input cannot be read: {reason(error)}")
