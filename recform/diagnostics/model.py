"""The parts of a diagnostic, and the collector that stages report into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Any, NoReturn

from recform.source import Span


class Severity(Enum):
    """How bad it is: an error stops the compiler, a warning doesn't."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Label:
    """A place in a file with a few words about it."""

    span: Span
    text: str = ""


@dataclass(frozen=True)
class Diagnostic:
    """One mistake, in the user's words.

    Attributes:
        code: its number in the catalogue, such as ``RF301``.
        message: what is wrong, in one sentence.
        labels: the places; the first one is the place of the mistake.
        hint: how to mend it, or an empty string.
        severity: error or warning.
        file: the file's name, for a mistake that has no place in it.
        notes: lines that say more, such as what differs.
    """

    code: str
    message: str
    labels: tuple[Label, ...] = ()
    hint: str = ""
    severity: Severity = Severity.ERROR
    file: str = ""
    notes: tuple[str, ...] = ()

    @property
    def mistake(self) -> tuple[str, object]:
        """What makes it the same mistake as another: its code, and its place."""
        return (self.code, self.labels[0].span if self.labels else self.message)


class CompileError(Exception):
    """The input has errors.

    Attributes:
        diagnostics: all of them, warnings included, in the order of their places.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        from recform.diagnostics.render import render_text

        return "\n" + render_text(self.diagnostics)

    def _render_traceback_(self) -> list[str]:
        """What IPython and notebooks show in place of a traceback."""
        return str(self).strip().splitlines()


class WrongArgument(CompileError, ValueError):
    """A function was given what it does not take (RF116)."""


class Reported(Exception):
    """A diagnostic has been made; what was being read is given up."""


class Diagnostics:
    """Collects diagnostics; of several of one code at one place the first is kept."""

    #: A file with more errors, or more warnings, is shown the first ones only.
    LIMIT = 100

    def __init__(self) -> None:
        self._items: list[Diagnostic] = []
        self._known: set[object] = set()
        self._counts = dict.fromkeys(Severity, 0)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self._items)

    def error(
        self,
        code: str,
        message: str,
        place: Span | None = None,
        label: str = "",
        *,
        hint: str = "",
        others: Iterable[Label] = (),
        file: str = "",
        notes: Iterable[str] = (),
    ) -> None:
        """Reports an error at a place (with a label under it), and further places."""
        labels = (*([Label(place, label)] if place is not None else []), *others)
        severity = Severity.ERROR
        self._add(Diagnostic(code, message, labels, hint, severity, file, tuple(notes)))

    def fail(
        self, code: str, message: str, place: Span, label: str = "", **more: Any
    ) -> NoReturn:
        """Reports an error after which nobody goes on with what is being read.

        Raises:
            Reported: always.
        """
        self.error(code, message, place, label, **more)
        raise Reported

    def warning(
        self,
        code: str,
        message: str,
        place: Span | None = None,
        label: str = "",
        *,
        hint: str = "",
        others: Iterable[Label] = (),
    ) -> None:
        """Reports something that compiles but is probably not meant."""
        labels = (*([Label(place, label)] if place is not None else []), *others)
        self._add(Diagnostic(code, message, labels, hint, Severity.WARNING))

    def _add(self, diagnostic: Diagnostic) -> None:
        count = self._counts[diagnostic.severity]
        if diagnostic.mistake not in self._known and count < self.LIMIT:
            self._known.add(diagnostic.mistake)
            self._counts[diagnostic.severity] += 1
            self._items.append(diagnostic)

    @property
    def has_errors(self) -> bool:
        """Whether anything worse than a warning was reported."""
        return self._counts[Severity.ERROR] > 0

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What compiles but is probably not meant."""
        return tuple(item for item in self if item.severity is Severity.WARNING)

    @property
    def is_full(self) -> bool:
        """Whether no further error would be shown."""
        return self._counts[Severity.ERROR] >= self.LIMIT

    def check(self, *, besides: str = "") -> None:
        """Ends a stage.

        Args:
            besides: the code of an error that the next stage can go on with.

        Raises:
            CompileError: if there was an error.
        """
        if any(x.severity is Severity.ERROR and x.code != besides for x in self):
            raise CompileError(sorted(self._items, key=_order))


class Unread(Exception):
    """What is read means nothing where it stands.

    Who reads raises it, and who asked tells it to a report, or looks for another reading.
    """

    def __init__(
        self,
        code: str,
        message: str,
        place: Span,
        hint: str = "",
        others: Iterable[Label] = (),
    ) -> None:
        super().__init__(message)
        self._said = (code, message, place)
        self._hint, self._others = hint, others

    def tell(self, report: Diagnostics) -> None:
        """Reports it."""
        report.error(*self._said, hint=self._hint, others=self._others)


def refuse(
    code: str,
    message: str,
    hint: str = "",
    *,
    file: str = "",
    notes: Iterable[str] = (),
) -> NoReturn:
    """Raises a CompileError of one diagnostic without a place."""
    report = Diagnostics()
    report.error(code, message, hint=hint, file=file, notes=notes)
    raise CompileError(report) from None


def _order(item: Diagnostic) -> tuple[str, int, str]:
    if not item.labels:
        return (item.file, -1, item.code)
    span = item.labels[0].span
    return (span.source.name, span.start, item.code)


def meant(word: str, candidates: Iterable[str], otherwise: str = "") -> str:
    """A hint: the candidate that the user may have meant, or something else."""
    guess = closest(word, candidates)
    return f"did you mean {guess!r}?" if guess else otherwise


def closest(word: str, candidates: Iterable[str]) -> str:
    """The candidate that the user may have meant, or an empty string."""
    pool = sorted(set(candidates))
    match = get_close_matches(word, pool, n=1, cutoff=0.6)
    if match:
        return match[0]
    folded = {candidate.lower(): candidate for candidate in pool}
    return folded.get(word.lower(), "")
