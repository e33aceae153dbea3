"""What the page shows of the formula in it: questions and answers in JSON.

The page runs recform in a worker, which hands its questions on to :meth:`Desk.answer`.
Everything that is shown is made by the same functions as for the terminal and for editors.
Offsets count as JavaScript does, in units of UTF-16.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from pathlib import PurePosixPath
from typing import Any, TypeAlias

from recform.compiler import Compiled, choose, emit_source
from recform.diagnostics import CompileError, Diagnostic, as_dict, render_text
from recform.diagram.request import Format, Subject
from recform.editor.checked import Checked, compiled
from recform.editor.colours import colours
from recform.editor.completion import complete
from recform.editor.document import Document, opened
from recform.editor.fixes import fixes
from recform.editor.hover import hover
from recform.operators import standard
from recform.render import Renderer, render, request
from recform.source import Source
from recform.syntax.uses import Held

Answer: TypeAlias = dict[str, Any]


class Desk:
    """The formula that lies on the desk, and the answers about it.

    Args:
        renderer: lays graphs out, since a page can run no program.
        files: the texts that `use` finds, by their names.
    """

    def __init__(self, renderer: Renderer, files: Mapping[str, str]) -> None:
        self._renderer = renderer
        self._files = files
        self._document = opened("formula.rf", "", None, standard())
        self._checked = Checked(self._document.source, ())
        # Numbers of paths have any number of digits.
        sys.set_int_max_str_digits(0)

    def answer(self, question: str) -> str:
        """The answer to a question; of a formula with mistakes, what they are.

        Args:
            question: JSON: an object, whose ``ask`` is the name of a question (such as
                ``picture``) and whose other members are its parameters.
        """
        asked = json.loads(question)
        about: Callable[..., Answer] = _QUESTIONS[asked.pop("ask")]
        try:
            found = about(self, **asked)
        except CompileError as error:
            found = {"diagnostics": self._told(error.diagnostics)}
        return json.dumps(found)

    # -- the text

    def _open(self, text: str, name: str) -> Answer:
        """Puts a text on the desk; its colours.

        Args:
            text: the formula.
            name: of its file, with its folder among those that `use` finds.
        """
        path = PurePosixPath(name)
        folder = Held(self._files, path.parent)
        good = self._document.good
        document = opened(path.name, text, folder, standard())
        self._document = Document(document.reading, good=good)
        self._checked = Checked(document.source, ())
        places = _units(document.source.text)
        return {
            "colours": [
                (places[item.start], places[item.end], item.kind)
                for item in colours(document)
            ]
        }

    def _check(self) -> Answer:
        """Compiles it: what is wrong, and the networks that it has."""
        reading = self._document.reading
        self._checked = compiled(reading.source, reading.folder)
        self._document = self._document.with_checked(self._checked)
        return {
            "diagnostics": self._told(self._checked.diagnostics),
            "networks": [item.name for item in self._checked.networks],
        }

    def _fixes(self) -> Answer:
        """Edits that mend mistakes, each with the number of its mistake."""
        reading, source = self._document.reading, self._document.source
        places = _units(source.text)
        found = fixes(
            reading,
            self._checked,
            0,
            len(source.text),
            lambda text: compiled(text, reading.folder),
        )
        return {
            "fixes": [
                {
                    "mends": self._checked.diagnostics.index(item.mends),
                    "title": item.title,
                    "start": places[item.edit.place.start],
                    "end": places[item.edit.place.end],
                    "text": item.edit.text,
                }
                for item in found
            ]
        }

    def _hover(self, at: int) -> Answer:
        """What is said of a place, as Markdown."""
        places = _units(self._document.source.text)
        found = hover(self._document, _offset(places, at))
        if found is None:
            return {"text": ""}
        start, end = found.place.start, found.place.end
        return {"text": found.text, "start": places[start], "end": places[end]}

    def _complete(self, at: int) -> Answer:
        """What may be written at a place."""
        places = _units(self._document.source.text)
        return {
            "proposals": [
                {
                    "label": item.label,
                    "sort": str(item.sort),
                    "detail": item.detail or str(item.sort),
                    "page": item.page,
                    "insert": item.insert or item.label,
                    "rank": item.rank,
                }
                for item in complete(self._document, _offset(places, at))
            ]
        }

    # -- what is made of it

    def _picture(
        self, network: str | None, form: str = "svg", **options: Any
    ) -> Answer:
        """A diagram, under the name of its format; of shapes that do not meet, too.

        Args:
            network: which, of a file with several.
            form: a format that is text.
            options: of :class:`recform.render.Request`.
        """
        asked = request(renderer=self._renderer, **options)
        subject: Subject
        if self._checked.partial is not None:
            subject = self._checked.partial
        else:
            subject = choose(self._networks(), network).graph
        return {form: render(subject, asked, Format(form)).decode()}

    def _code(self) -> Answer:
        """The generated module, as `recform compile` writes it."""
        return {"code": emit_source(list(self._networks()))}

    def _summary(self) -> Answer:
        """What `recform summary` prints."""
        from recform.report.printed import printed
        from recform.report.text import render

        found = (item.summary() for item in self._networks())
        return {"text": printed(render, found, colours=True)}

    def _paths(self) -> Answer:
        """What `recform analyze` prints."""
        from recform.analysis.model import analyse
        from recform.diagnostics import Diagnostics
        from recform.report.analysis_text import render
        from recform.report.printed import printed

        report = Diagnostics()
        found = [analyse(item.formula, report) for item in self._networks()]
        return {
            "text": printed(render, found, colours=True),
            "diagnostics": self._told(report),
        }

    def _derivation(self) -> Answer:
        """What `recform derive` prints."""
        from recform.report.derive import forward
        from recform.report.derive_back import backward

        reading = self._document.reading
        derived = forward(reading.source, reading.folder, {}, None, None)
        if derived is None:
            reports = [backward(item.formula).text() for item in self._networks()]
            return {"text": "\n\n".join(reports)}
        return {
            "text": "\n\n".join(report.text() for report in derived.reports),
            "diagnostics": self._told(derived.warnings),
        }

    # -- helpers

    def _networks(self) -> tuple[Compiled, ...]:
        """The networks of the text.

        Raises:
            CompileError: if it has mistakes.
        """
        if not self._checked.networks:
            raise CompileError(self._checked.diagnostics)
        return self._checked.networks

    def _told(self, diagnostics: Iterable[Diagnostic]) -> list[Answer]:
        """Mistakes: as JSON has them, and as the terminal shows them."""
        source = self._document.source
        places = _units(source.text)
        return [
            as_dict(item)
            | {"text": render_text([item]), "range": _range(item, source, places)}
            for item in diagnostics
        ]


_QUESTIONS: dict[str, Callable[..., Answer]] = {
    "open": Desk._open,
    "check": Desk._check,
    "fixes": Desk._fixes,
    "hover": Desk._hover,
    "complete": Desk._complete,
    "picture": Desk._picture,
    "code": Desk._code,
    "summary": Desk._summary,
    "paths": Desk._paths,
    "derivation": Desk._derivation,
}


def _range(
    item: Diagnostic, source: Source, places: list[int]
) -> tuple[int, int] | None:
    """Where a mistake is underlined; None if it is in another file, or in no place."""
    span = item.labels[0].span if item.labels else None
    if span is None or span.source is not source:
        return None
    return places[span.start], places[span.end]


def _units(text: str) -> list[int]:
    """How many units of UTF-16 stand before each letter, and before the end."""
    return [0, *accumulate(1 + (letter > "\uffff") for letter in text)]


def _offset(places: list[int], at: int) -> int:
    """The letter at a place that JavaScript counted."""
    return next((n for n, place in enumerate(places) if place >= at), len(places) - 1)
