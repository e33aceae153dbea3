"""Sorts the statements of a file by network and by kind, and adds the defaults."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import PurePath
from typing import NoReturn, TypeVar

from recform.blocks import Library, defaults, identifiers, support
from recform.diagnostics import CompileError, Diagnostics, Label, meant
from recform.outline.definitions import defined_name, is_definition
from recform.source import Source
from recform.syntax import nodes as n
from recform.syntax.parse import parse

_N = TypeVar("_N", bound=n.Node)

#: The statements for the adapter of terms whose grid is too coarse, and for the transition
#: into a stage with a finer grid.
RISE, LIFT = "adapter up", "transition up"


@dataclass
class Section:
    """The statements of one network, by kind; what the file lacks is a default.

    Attributes:
        name: of the network.
        library: the operators that it may name.
        single: statements that a network has once, by keyword.
        params, consts, scalars: declarations by name.
        contexts: further inputs by name.
        definitions: operators by name.
        equations: all other relations, in the order of the file.
        settings: ``names`` and ``init``.
        defaulted: keywords whose statement is a default.
    """

    name: str
    library: Library
    single: dict[str, n.Statement] = field(default_factory=dict)
    params: dict[str, n.Param] = field(default_factory=dict)
    consts: dict[str, n.Const] = field(default_factory=dict)
    scalars: dict[str, n.Scalar] = field(default_factory=dict)
    starts: dict[str, n.Scalar] = field(default_factory=dict)
    contexts: dict[str, n.Input] = field(default_factory=dict)
    definitions: dict[str, n.Relation] = field(default_factory=dict)
    equations: list[n.Relation] = field(default_factory=list)
    settings: dict[str, dict[str, n.Setting]] = field(
        default_factory=lambda: {"names": {}, "init": {}}
    )
    defaulted: set[str] = field(default_factory=set)

    def add_defaults(self, text: str) -> None:
        """Takes the statements of a text for the keywords that are still missing."""
        for item in default_statements(text):
            if isinstance(item, n.Param):
                self.params.setdefault(item.name, item)
                continue
            key = _keyword(item)
            if key not in self.single:
                self.single[key] = item
                self.defaulted.add(key)


#: The name of the source of what a file leaves out.
DEFAULTS = "<defaults>"


@cache
def default_statements(text: str) -> tuple[n.Statement, ...]:
    """The statements of a text of recform's own."""
    return parse(Source(DEFAULTS, text), Diagnostics()).statements


#: Most networks of a file.
MAX_NETWORKS = 64


def sections(
    file: n.File, source: Source, report: Diagnostics, only: str | None = None
) -> list[Section]:
    """One section a network; a file without a ``network`` statement has one.

    Args:
        file: the statements.
        source: the file that was asked for.
        report: gets RF110, RF209 and RF214.
        only: the network that is asked for, if one is; nobody looks at the others.

    Raises:
        CompileError: if there is no network of this name (RF502).
    """
    common: list[n.Statement] = []
    own: list[tuple[n.Network, list[n.Statement]]] = []
    for item in file.statements:
        if isinstance(item, n.Network):
            if item.span.source is source:
                own.append((item, []))
        elif own and item.span.source is source:
            own[-1][1].append(item)
        else:
            common.append(item)
    if not own:
        name = class_name(source.name)
        if only not in (None, name):
            no_network(only, [name], source, report)
        return [_section(Section(name, file.library), common, source, report)]
    if len(own) > MAX_NETWORKS:
        report.error(
            "RF110",
            f"a file has {MAX_NETWORKS} networks at most, and this one {len(own):,}",
            own[MAX_NETWORKS][0].span,
            hint="a `param` makes one network of those that differ in a number",
        )
        own = own[:MAX_NETWORKS]
    seen: dict[str, n.Network] = {}
    # Python reads letters such as ϵ as others.
    only = None if only is None else unicodedata.normalize("NFKC", only)
    named = [
        replace(network, name=unicodedata.normalize("NFKC", network.name))
        for network, _ in own
    ]
    for network in named:
        if network.name in identifiers.OF_FILES or not network.name.isidentifier():
            report.error(
                "RF209",
                f"{network.name!r} cannot be the name of a class in the generated module",
                network.span,
                hint=f"for example {class_name(network.name).removesuffix('Net')}Net",
            )
        if network.name in seen:
            report.error(
                "RF209",
                f"there are two networks {network.name!r}",
                network.span,
                others=[Label(seen[network.name].span, "the first one")],
            )
        seen[network.name] = network
    if only is not None and only not in seen:
        no_network(only, list(seen), source, report)
    return [
        _section(Section(network.name, file.library), [*common, *items], source, report)
        for network, (_, items) in zip(named, own, strict=True)
        if only in (None, network.name)
    ]


def no_network(
    name: str | None, known: list[str], source: Source, report: Diagnostics
) -> NoReturn:
    """Reports a network that is not there, or that none of several was named.

    Raises:
        CompileError: always (RF502).
    """
    report.error(
        "RF502",
        f"the file has no network {name!r}"
        if name is not None
        else "the file has several networks; name one",
        hint=meant(name or "", known, f"its networks: {', '.join(known)}"),
        file=source.name,
    )
    raise CompileError(report)


def class_name(file_name: str) -> str:
    """A class name from a file name: ``resnet18_s.rf`` gives ``Resnet18S``.

    Where a generated file has the name for something else, or may get a class of that
    name from an operator, ``Net`` stands behind it.
    """
    words = re.findall(r"[A-Za-z0-9]+", PurePath(file_name).stem)
    name = "".join(word[0].upper() + word[1:] for word in words)
    if not name:
        return "Network"
    if name in identifiers.OF_FILES or name.lower() in support.names():
        return f"{name}Net"
    return name if name[0].isalpha() else f"Net{name}"


def _section(
    section: Section, items: Iterable[n.Statement], source: Source, report: Diagnostics
) -> Section:
    collector = _Collector(section, source, report)
    for item in items:
        collector.add(item)
    return section


class _Collector:
    """Puts statements into a section; a file's own ones win over those it uses."""

    def __init__(self, section: Section, source: Source, report: Diagnostics) -> None:
        self._section = section
        self._source = source
        self._report = report

    def add(self, item: n.Statement) -> None:
        section = self._section
        match item:
            case n.Param():
                self._once(
                    section.params, item.name, item, f"the parameter {item.name}"
                )
            case n.Const():
                name = item.target.name
                self._once(section.consts, name, item, f"the constant {name}")
            case n.Input() if item.name:
                self._once(section.contexts, item.name, item, f"the input {item.name}")
            case n.Scalar() if _is_of_one_member(item.target):
                text = item.target.span.text
                self._once(section.starts, text, item, f"the start of {text}")
            case n.Scalar():
                name = item.target.name
                self._once(section.scalars, name, item, f"the scalar {name}")
            case n.Settings():
                for setting in item.settings:
                    self._once(
                        section.settings[item.about],
                        setting.name,
                        setting,
                        setting.name,
                    )
            case n.Relation():
                self._relation(item)
            case n.Network() | n.Use():
                pass
            case _:
                key = _keyword(item)
                self._once(section.single, key, item, f"the statement {key!r}")

    def _relation(self, item: n.Relation) -> None:
        if is_definition(item):
            name = defined_name(item)
            self._once(self._section.definitions, name, item, f"the operator {name}")
            return
        if item.where:
            self._report.error(
                "RF214",
                "`where` belongs to a definition, not to an equation of the network",
                item.where[0].span,
                hint="give it a line of its own: W = conv(3, c) > bn",
            )
        self._section.equations.append(item)

    def _once(self, table: dict[str, _N], key: str, item: _N, what: str) -> None:
        before = table.get(key)
        if before is not None and before.span.source is item.span.source:
            self._report.error(
                "RF209",
                f"{what} stands here a second time",
                item.span,
                others=[Label(before.span, "the first one")],
            )
            return
        table[key] = item


def _is_of_one_member(target: n.Reference) -> bool:
    """Whether this is ``a_<i,i>`` or ``a_<i,0>``: how one of the ``a_<i,k>`` starts."""
    if len(target.indices) != 2:
        return False
    member = target.indices[1]
    return not isinstance(member, n.Reference) or member.name == "i"


def _keyword(item: n.Statement) -> str:
    if isinstance(item, n.Pipeline):
        return item.role
    return type(item).__name__.lower()


def statement_text(text: str) -> n.Flow:
    """The flow of a default block."""
    statement = default_statements(f"stem {text}")[0]
    assert isinstance(statement, n.Pipeline)
    return statement.flow


def layout_defaults(layout: str) -> str:
    """The default statements for an input of this layout."""
    return {
        "image": defaults.IMAGE,
        "tokens": defaults.TOKENS,
        "vector": defaults.VECTOR,
        "ids": defaults.IDS,
    }[layout]
