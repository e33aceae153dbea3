"""Reads a statement by LALR(1) tables: tokens, then a tree of rules.

The tables are Lark's, made from ``grammars/recform.lark`` before recform is installed
(:mod:`recform.syntax.generate`); here they are only followed, so that nobody waits for
the analysis of a grammar that does not change. Trees and errors are those of Lark with a
contextual lexer, placeholders and positions; the tests hold the two side by side.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NoReturn, TypeAlias

#: The token behind the last one.
END = "$END"


class Token(str):
    """The characters of a token, and where they stand."""

    __slots__ = ("end_pos", "start_pos", "type")
    type: str
    start_pos: int
    end_pos: int

    @classmethod
    def at(cls, kind: str, text: str, start: int) -> Token:
        """A token of a kind that starts at an offset."""
        token = cls(text)
        token.type, token.start_pos, token.end_pos = kind, start, start + len(text)
        return token


@dataclass
class Tree:
    """A rule with what it was made of.

    Attributes:
        data: the name of the rule, or its alias.
        children: trees, tokens, and None for what is optional and not there.
        span: where the tree starts and ends, if it has a token.
        around: likewise of the rule that it stands for, with brackets that are no
            children of it.
    """

    data: str
    children: list[Node]
    span: tuple[int, int] | None = None
    around: tuple[int, int] | None = None


Node: TypeAlias = Tree | Token | None


class Unexpected(Exception):
    """The text is no statement.

    Attributes:
        at: where.
        token: what stands there; None if no token starts so.
        previous: the token before, where the one that is there fits nowhere behind it.
        expected: the kinds of tokens that could stand there.
    """

    def __init__(
        self,
        at: int,
        token: Token | None = None,
        previous: Token | None = None,
        expected: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(at)
        self.at, self.token, self.previous = at, token, previous
        self.expected = expected


@dataclass(frozen=True)
class Rule:
    """A rule of the grammar.

    Attributes:
        origin: what it makes.
        size: how many symbols it is made of.
        name: of the tree.
        single: whether an only child stands for the tree.
        kept: of each symbol that stays: its place, whether its children stay in its
            stead, and how many optional ones are missing in front of it.
        missing: how many are missing behind all of them.
    """

    origin: str
    size: int
    name: str
    single: bool
    kept: tuple[tuple[int, bool, int], ...]
    missing: int

    def tree(self, parts: list[Node]) -> Node:
        """The tree of this rule from those of its symbols."""
        children = self._children(parts)
        only = self.single and len(children) == 1
        made = children[0] if only else Tree(self.name, children)
        if isinstance(made, Tree):
            around = _around(parts)
            if around is not None:
                made.span = made.span or around
                made.around = around
        return made

    def _children(self, parts: list[Node]) -> list[Node]:
        children: list[Node] = []
        for place, inlined, missing in self.kept:
            children += [None] * missing
            part = parts[place]
            if not inlined:
                children.append(part)
            elif isinstance(part, Tree):
                # A long row is made one by one: it is taken, not copied each time.
                children = children + part.children if children else part.children
        children += [None] * self.missing
        return children


def _around(parts: list[Node]) -> tuple[int, int] | None:
    """From the first place of these to the last one."""
    spans = [
        (part.start_pos, part.end_pos) if isinstance(part, Token) else part.around
        for part in parts
        if part is not None
    ]
    known = [span for span in spans if span is not None]
    return (known[0][0], known[-1][1]) if known else None


@dataclass(frozen=True)
class Lexer:
    """The tokens that may come next.

    Attributes:
        order: their kinds, in the order in which they are tried.
        words: of a kind, the texts that are of another kind.
    """

    order: tuple[str, ...]
    words: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Tables:
    """A grammar as tables.

    Attributes:
        grammar: a hash of its text.
        literals: the kinds of tokens that are written in one way.
        patterns: regular expressions of the others.
        ignored: kinds of tokens that mean nothing.
        lexers: the first one has all tokens.
        rules: the rules.
        states: of each state, its lexer, and where each symbol leads: to a state, or
            with ``-1 - n`` back over rule ``n``.
        end: the state in which all has been read; the first state is 0.
    """

    grammar: str
    literals: Mapping[str, str]
    patterns: Mapping[str, str]
    ignored: frozenset[str]
    lexers: tuple[Lexer, ...]
    rules: tuple[Rule, ...]
    states: tuple[tuple[int, Mapping[str, int]], ...]
    end: int

    def parse(self, text: str) -> Tree:
        """The tree of a text.

        Raises:
            Unexpected: if the text is none of the language.
        """
        tree = _Run(self, text).tree()
        assert isinstance(tree, Tree)
        return tree

    def mistakes(
        self, text: str, missing: Callable[[Unexpected], str]
    ) -> tuple[list[Unexpected], Tree | None]:
        """All mistakes of a text, as far as it can be read; its tree, if that is to the end.

        Each has the token before it.

        Args:
            text: one that is none of the language.
            missing: the kind of token that a mistake is the lack of; it is read as if it
                were there. Behind any other, for which this is empty, nothing is read.
        """
        run, found = _Run(self, text), list[Unexpected]()
        while True:
            try:
                tree = run.tree()
                assert isinstance(tree, Tree)
                return found, tree
            except Unexpected as lost:
                before = run.tokens[-1] if run.tokens else None
                error = Unexpected(lost.at, lost.token, before, lost.expected)
                found.append(error)
                kind = missing(error)
                run.at = error.at  # The token that cannot stand here is read again.
                if not kind or not run.take(Token.at(kind, "", run.at)):
                    return found, None

    def tokens(self, text: str) -> list[Token]:
        """The tokens of a text, those that no tree keeps among them.

        Raises:
            Unexpected: if the text is none of the language.
        """
        run = _Run(self, text)
        run.tree()
        return run.tokens

    @cached_property
    def match(self) -> Mapping[str, Callable[[str, int], str | None]]:
        """What a token of each kind is, at a place of a text."""
        found: dict[str, Callable[[str, int], str | None]] = {}
        for kind, word in self.literals.items():
            found[kind] = lambda text, at, word=word: (  # type: ignore[misc]
                word if text.startswith(word, at) else None
            )
        for kind, pattern in self.patterns.items():
            found[kind] = lambda text, at, match=re.compile(pattern).match: (  # type: ignore[misc]
                hit.group() if (hit := match(text, at)) else None
            )
        return found


@dataclass
class _Run:
    """One text on its way through the tables."""

    tables: Tables
    text: str
    at: int = 0
    states: list[int] = field(default_factory=lambda: [0])
    parts: list[Node] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    last: Token = field(default_factory=lambda: Token.at(END, "", 0))

    def tree(self) -> Node:
        while True:
            token = self._next(self.last)
            if not self.take(token):
                raise Unexpected(token.start_pos, token, None, self._expected())
            if token.type == END:
                return self.parts[-1]
            self.tokens.append(token)

    def take(self, token: Token) -> bool:
        """Takes a token in; whether it can stand here."""
        self.last = token
        return _advance(self.tables, self.states, token.type, token, self.parts)

    def _next(self, last: Token) -> Token:
        """The next token that means something; at the end, one without text."""
        lexer = self.tables.lexers[self.tables.states[self.states[-1]][0]]
        while self.at < len(self.text):
            token = self._token(lexer)
            if token is None:
                self._lost(last)
            self.at = token.end_pos
            if token.type not in self.tables.ignored:
                return token
        end = Token.at(END, "", last.start_pos)
        end.end_pos = last.end_pos
        return end

    def _token(self, lexer: Lexer) -> Token | None:
        for kind in lexer.order:
            text = self.tables.match[kind](self.text, self.at)
            if text is not None:
                words = lexer.words.get(kind, {})
                return Token.at(words.get(text, kind), text, self.at)
        return None

    def _lost(self, last: Token) -> NoReturn:
        """No token that may come next starts here.

        Raises:
            Unexpected: with what starts here instead, if anything does.
        """
        expected = self._expected()
        previous = last if last.type != END else None
        every, at = self.tables.lexers[0], self.at
        while self.at < len(self.text):
            token = self._token(every)
            if token is None:
                break
            if token.type not in self.tables.ignored:
                raise Unexpected(token.start_pos, token, previous, expected)
            self.at = token.end_pos
        raise Unexpected(at, None, previous, expected)

    def _expected(self) -> frozenset[str]:
        kinds = self.tables.states[self.states[-1]][1]
        return frozenset(
            kind
            for kind in kinds
            if kind.isupper() and _advance(self.tables, [*self.states], kind)
        )


def _advance(
    tables: Tables,
    states: list[int],
    kind: str,
    token: Token | None = None,
    parts: list[Node] | None = None,
) -> bool:
    """Takes a token in: over rules that are complete, then to the next state.

    Args:
        tables: the grammar.
        states: the states that have been passed; changed, as far as it goes.
        kind: of the token.
        token: the token.
        parts: the trees that have been made so far; changed likewise.

    Returns:
        Whether the token can stand here.
    """
    while True:
        target = tables.states[states[-1]][1].get(kind)
        if target is None:
            return False
        if target >= 0:
            states.append(target)
            if parts is not None:
                parts.append(token)
            return True
        rule = tables.rules[-1 - target]
        first = len(states) - rule.size
        del states[first:]
        states.append(tables.states[states[-1]][1][rule.origin])
        if parts is not None:
            first = len(parts) - rule.size
            parts[first:] = [rule.tree(parts[first:])]
        if kind == END and states[-1] == tables.end:
            return True


def as_data(tables: Tables) -> dict[str, object]:
    """Tables as data for JSON."""
    return {
        "grammar": tables.grammar,
        "literals": dict(tables.literals),
        "patterns": dict(tables.patterns),
        "ignored": sorted(tables.ignored),
        "lexers": [[lexer.order, lexer.words] for lexer in tables.lexers],
        "rules": [
            [rule.origin, rule.size, rule.name, rule.single, rule.kept, rule.missing]
            for rule in tables.rules
        ],
        "states": tables.states,
        "end": tables.end,
    }


def from_data(data: Mapping[str, Any]) -> Tables:
    """The same back.

    Raises:
        LookupError, TypeError, ValueError: if they are not what :func:`as_data` makes.
    """
    return Tables(
        data["grammar"],
        data["literals"],
        data["patterns"],
        frozenset(data["ignored"]),
        tuple(Lexer(_strings(order), words) for order, words in data["lexers"]),
        tuple(Rule(*rule) for rule in data["rules"]),
        tuple((lexer, symbols) for lexer, symbols in data["states"]),
        data["end"],
    )


def _strings(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(items)
