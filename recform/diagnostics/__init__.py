"""Diagnostics: what is wrong with a formula file, where, and how to mend it.

A stage reports into a :class:`Diagnostics` and goes on as far as it can, so that one
run tells all the errors of a file; :meth:`Diagnostics.check` ends the stage.
"""

from recform.diagnostics.model import (
    CompileError,
    Diagnostic,
    Diagnostics,
    Label,
    Reported,
    Severity,
    Unread,
    WrongArgument,
    closest,
    meant,
    refuse,
)
from recform.diagnostics.render import as_dict, render_json, render_text
from recform.diagnostics.words import beyond, counted, large

__all__ = [
    "CompileError",
    "Diagnostic",
    "Diagnostics",
    "Label",
    "Reported",
    "Severity",
    "Unread",
    "WrongArgument",
    "as_dict",
    "beyond",
    "closest",
    "counted",
    "large",
    "meant",
    "refuse",
    "render_json",
    "render_text",
]
