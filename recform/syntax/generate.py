"""Makes the tables of the grammar with Lark: ``make grammar``.

Lark names its states as it comes upon them. Here they are counted from the first one, by
the names of symbols, so that the same grammar always makes the same file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from recform.syntax import lalr

if TYPE_CHECKING:
    from lark import Lark

#: Something inside of Lark, whose types don't tell all that is there: a rule, a lexer.
_Inner: TypeAlias = Any
#: What a state does on each symbol: an action, and the state or the rule that it is for.
_Row: TypeAlias = Mapping[str, tuple[_Inner, _Inner]]


def lark_of(grammar: str) -> Lark:
    """The parser that Lark itself makes.

    Raises:
        ImportError: without Lark, which only those need who change the grammar.
    """
    from lark import Lark

    return Lark(
        grammar,
        parser="lalr",
        lexer="contextual",
        propagate_positions=True,
        maybe_placeholders=True,
    )


def tables_of(grammar: str) -> lalr.Tables:
    """The tables of a grammar.

    Raises:
        ImportError: likewise.
    """
    from lark.lexer import PatternStr

    from recform.syntax.grammar import hash_of

    made = lark_of(grammar)
    table = made.parser.parser._parse_table
    start, end = table.start_states["start"], table.end_states["start"]
    states = _states(table.states, start)
    numbers = {state: number for number, state in enumerate(states)}
    rules = sorted(made.rules, key=_rule_key)
    places = {rule: number for number, rule in enumerate(rules)}
    lexers = _Lexers(made.parser.lexer)
    return lalr.Tables(
        grammar=hash_of(grammar),
        literals={
            item.name: item.pattern.value
            for item in sorted(made.terminals, key=lambda item: item.name)
            if isinstance(item.pattern, PatternStr)
        },
        patterns={
            item.name: item.pattern.to_regexp()
            for item in sorted(made.terminals, key=lambda item: item.name)
            if not isinstance(item.pattern, PatternStr)
        },
        ignored=frozenset(made.ignore_tokens),
        states=tuple(
            (
                lexers.number(made.parser.lexer.lexers[state]),
                _targets(table.states[state], numbers, places),
            )
            for state in states
        ),
        lexers=tuple(lexers.found),
        rules=tuple(map(_rule, rules)),
        end=numbers[end],
    )


def text_of(tables: lalr.Tables) -> str:
    """The file of tables: JSON, with a line for each entry."""
    parts = []
    for name, value in lalr.as_data(tables).items():
        if isinstance(value, list | tuple):
            lines = ",\n".join(_compact(item) for item in value)
            parts.append(f"{_compact(name)}: [\n{lines}\n]")
        else:
            parts.append(f"{_compact(name)}: {_compact(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _states(table: Mapping[int, _Row], start: int) -> list[int]:
    """All states, counted from the first one by the names of the symbols on the way."""
    found = {start: None}
    for state in (order := [start]):
        for _, (action, target) in sorted(table[state].items()):
            if action.name == "Shift" and target not in found:
                found[target] = None
                order.append(target)
    return order


def _targets(
    row: _Row, numbers: Mapping[int, int], places: Mapping[_Inner, int]
) -> dict[str, int]:
    return {
        symbol: numbers[target] if action.name == "Shift" else -1 - places[target]
        for symbol, (action, target) in sorted(row.items())
    }


class _Lexers:
    """The different lexers of the states, in the order in which they come."""

    def __init__(self, contextual: _Inner) -> None:
        self.found: list[lalr.Lexer] = []
        self.number(contextual.root_lexer)

    def number(self, lexer: _Inner) -> int:
        order = tuple(item.name for item in lexer.scanner.terminals)
        words = {
            kind: {item.pattern.value: item.name for item in other.scanner.terminals}
            for kind, other in sorted(lexer.callback.items())
        }
        made = lalr.Lexer(order, words)
        if made not in self.found:
            self.found.append(made)
        return self.found.index(made)


def _rule_key(rule: _Inner) -> tuple[str, list[str]]:
    return rule.origin.name, [symbol.name for symbol in rule.expansion]


def _rule(rule: _Inner) -> lalr.Rule:
    missing = [0]
    for absent in rule.options.empty_indices or [False] * len(rule.expansion):
        if absent:
            missing[-1] += 1
        else:
            missing.append(0)
    kept = []
    waiting = 0
    for place, symbol in enumerate(rule.expansion):
        waiting += missing[place]
        if rule.options.keep_all_tokens or not (symbol.is_term and symbol.filter_out):
            inlined = not symbol.is_term and symbol.name.startswith("_")
            kept.append((place, inlined, waiting))
            waiting = 0
    return lalr.Rule(
        origin=rule.origin.name,
        size=len(rule.expansion),
        name=rule.alias or rule.options.template_source or rule.origin.name,
        single=bool(rule.options.expand1 and not rule.alias),
        kept=tuple(kept),
        missing=waiting + missing[len(rule.expansion)],
    )


def main() -> None:
    """Writes the file of tables anew."""
    from recform.syntax.grammar import grammar_path, tables_path

    tables = tables_of(grammar_path().read_text(encoding="utf-8"))
    tables_path().write_text(text_of(tables), encoding="utf-8")


if __name__ == "__main__":
    main()
