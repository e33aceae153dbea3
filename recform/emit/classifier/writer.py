"""Networks with timm's interface: the class of an image classifier."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from recform.algebra.symbols import STRIDE, WIDTH, size
from recform.blocks import Shape, identifiers
from recform.emit.chain import ChainWriter, is_chain
from recform.emit.classifier.head import write_head
from recform.emit.classifier.levels import LevelWriter, level_shapes, reduction
from recform.emit.classifier.plan import (
    BASE,
    DROP_RATE,
    KEYWORDS,
    NUM_CLASSES,
    OWN,
    has_layers,
    head_of,
    stem_parts,
)
from recform.emit.classifier.row import RowWriter
from recform.emit.initialise import rule_call
from recform.emit.names import claim_of
from recform.emit.namespace import Namespace
from recform.emit.network import NetworkWriter
from recform.emit.owned import BlockClasses
from recform.emit.pipelines import (
    PipelineCode,
    chain,
    marked,
    write_pipeline,
)
from recform.emit.stages import StageWriter
from recform.emit.text import Lines
from recform.graph.model import NetworkGraph, Piece

#: What timm calls by name, besides what the base class has; no module may hide it.
_PUBLIC = (*KEYWORDS, "group_matcher", "default_cfg", "pretrained_cfg")


@cache
def base_attributes() -> frozenset[str]:
    """What the base class and its methods call their own."""
    found = set()
    for node in ast.walk(ast.parse(base_class())):
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found |= {node.attr} if node.value.id == "self" else set()
    return frozenset(found)


def base_class() -> str:
    """The class that networks with the interface derive from."""
    text = (
        files("recform.emit.classifier")
        .joinpath("image_classifier.py")
        .read_text("utf-8")
    )
    return text[text.index("class ") :].rstrip() + "\n"


def without_unused(text: str, code: str) -> str:
    """The base class without what no network of the file calls."""
    if "self._through(" in code:
        return text
    start = text.index("    def _through(")
    return text[:start] + text[text.index("    def ", start + 1) :]


class ClassifierWriter(NetworkWriter):
    """Writes the classes of an image classifier.

    The arguments are those of a NetworkWriter.
    """

    base = BASE

    def __init__(
        self, network: NetworkGraph, names: Namespace, prefix: str = ""
    ) -> None:
        self._head = head_of(network)
        stem, self._behind = stem_parts(network)
        self._front = stem
        self._shows_stem = has_layers(stem, network.recurrence.formula)
        if is_chain(network.recurrence.formula):
            head = replace(network.head, pipeline=self._head.pipeline)
            network = replace(network, head=head)
        else:
            network = replace(network, stem=stem)
        super().__init__(network, names, prefix)
        for name in (*_PUBLIC, *sorted(base_attributes())):
            self._attributes.take(name)

    # -- the constructor

    def _returns(self) -> str:
        return NUM_CLASSES

    def _parameters(self, used: set[str]) -> list[str]:
        head = self._head
        result = [
            f"{NUM_CLASSES}: int = {head.classes}",
            f"in_chans: int = {self._formula.input.features}",
        ]
        if head.pool != OWN:
            result.append(f'global_pool: str = "{head.pool}"')
        result.append(f"{DROP_RATE}: float = {head.rate!r}")
        own = super()._parameters(used - {"in_channels", *KEYWORDS})
        return [*result, *own]

    def _begin(self, lines: Lines) -> None:
        pool = f'"{OWN}"' if self._head.pool == OWN else "global_pool"
        lines.statement(
            f"super().__init__({NUM_CLASSES}, in_chans, {pool}, {DROP_RATE})"
        )

    def _constructor(
        self, lines: Lines, pieces: Mapping[str, str], classes: BlockClasses
    ) -> set[str]:
        inner = Lines(offset=8)
        used = super()._constructor(inner, pieces, classes)
        self._stem_names = (
            [self._attribute["stem"]] if "stem" in self._attribute else []
        )
        if "stem" in self._inlined:
            self._stem_names = [name for name, _ in self._inlined["stem"].modules]
        shown = self._stem_names[-1:] if self._shows_stem else []
        self._join(lines, inner, used, [*shown, *self._stage_names])
        return used

    def _chain(self, lines: Lines) -> RowWriter | None:
        if not is_chain(self._formula):
            return None
        return RowWriter(
            self._head,
            len(self._front.pipeline.steps),
            self._network,
            lines,
            self._names,
            self._bodies,
            StageWriter(self._writers, self._single, self._loops),
            self._single,
        )

    def _row(self, lines: Lines, chain: ChainWriter) -> set[str]:
        assert isinstance(chain, RowWriter)
        inner = Lines(offset=8)
        used = super()._row(inner, chain)
        self._head_code = chain.head_code()
        self._join(lines, inner, used, [name for name, _ in chain.levels()])
        return used

    def _join(
        self, lines: Lines, inner: Lines, used: set[str], modules: list[str]
    ) -> None:
        """The body of the constructor: what timm asks, and the modules."""
        if "in_chans" not in used:
            channels = self._formula.input.features
            lines.add(f"if in_chans != {channels}:")
            with lines.indented():
                message = f'"the formula fixes in_chans at {channels}"'
                lines.add(f"raise ValueError({message})")
        lines.assign("self.feature_info", self._feature_info(modules))
        lines.extend(str(inner).rstrip("\n").split("\n"))

    def _feature_info(self, modules: list[str]) -> str:
        image = self._formula.input
        shapes = [self._front.output, *level_shapes(self._network)]
        levels = list(zip(shapes[-len(modules) :], modules, strict=True))
        rows = [
            f'{{"num_chs": {shape.features}, "reduction": {reduction(image, shape)}, '
            f'"module": "{name}"}}'
            for shape, name in levels
        ]
        if self._head.channels != levels[-1][0].features:
            rows[-1] = f'{rows[-1][:-1]}, "num_chs_norm": {self._head.channels}}}'
        return f"[{', '.join(rows)}]"

    def _inlines(self, role: str) -> bool:
        return role == "head" or super()._inlines(role)

    def _piece_shape(self, role: str, piece: Piece) -> Shape:
        shape = super()._piece_shape(role, piece)
        return shape.with_features(size("in_chans")) if role == "stem" else shape

    def _piece_values(self, role: str, piece: Piece) -> dict[str, Any]:
        values = super()._piece_values(role, piece)
        return {**values, "in_channels": "in_chans"} if role == "stem" else values

    # -- the head

    def _one_piece(
        self,
        lines: Lines,
        role: str,
        piece: Piece,
        pieces: Mapping[str, str],
        used: set[str],
        number: int = 0,
    ) -> None:
        if role == "head":
            self._write_head(lines, piece, used)
        else:
            super()._one_piece(lines, role, piece, pieces, used, number)

    def _write_head(self, lines: Lines, piece: Piece, used: set[str]) -> None:
        """The modules of the head, by their names or in a dictionary of their own."""
        wanted = self._formula.names.get("head", "head")
        claim = claim_of(self._formula, "head", "the head")
        attribute = "" if wanted == "." else self._attributes.claim(wanted, claim)
        scope = Namespace.attributes(identifiers.DICTIONARY)
        names = scope if attribute else self._attributes
        code = write_head(
            self._head, piece, attribute, names, self._attributes, self._bodies
        )
        used.update(code.parameters)
        for kept, argument in code.stored:
            lines.assign(f"self.{kept}", argument)
        if code.attribute:
            items = ", ".join(f'"{name}": {made}' for name, made in code.modules)
            lines.assign(f"self.{attribute}", f"nn.ModuleDict({{{items}}})")
        else:
            for name, made in code.modules:
                lines.assign(f"self.{name}", made)
        self._head_code = code

    # -- the methods

    def _attributes_of_class(self, lines: Lines) -> None:
        head, code = self._head, self._head_code
        lines.add(f"num_features = {head.channels}")
        lines.add(f"head_hidden_size = {head.hidden}")
        lines.add(f'_classifier_name = "{code.classifier}"')
        if code.finish_names:
            lines.assign("_finish_names", _tuple(code.finish_names))
        if head.pool == OWN:
            lines.assign("_pools", _tuple((OWN,)))
        elif not head.bare:
            lines.assign("_pools", _tuple(("avg", "max")))
        lines.blank()

    def _methods(self, lines: Lines, chain: ChainWriter | None) -> None:
        if isinstance(chain, RowWriter):
            chain.forward_levels(lines)
        else:
            self._levels(lines)
        self._finish(lines)
        self._pre_logits(lines)
        self._own_classifier(lines)
        self._group_matcher(lines, chain)

    def _levels(self, lines: Lines) -> None:
        behind = None
        if self._behind is not None:
            piece = self._behind
            table = {WIDTH: piece.width, STRIDE: piece.stride}
            spare = Namespace.attributes()
            code = write_pipeline(
                piece.pipeline, piece.input, table, spare, self._bodies
            )
            behind = piece, code
        LevelWriter(
            *self._forward_arguments(), shows_stem=self._shows_stem, behind_stem=behind
        ).write(lines)

    def _finish(self, lines: Lines) -> None:
        if self._head_code.finish.calls:
            lines.blank()
            lines.add("def _finish(self, x: Tensor) -> Tensor:")
            with lines.indented():
                self._calls(lines, self._head_code.finish, "{x}")

    def _pre_logits(self, lines: Lines) -> None:
        head = self._head
        if head.plain:
            return
        lines.blank()
        lines.add("def _pre_logits(self, x: Tensor) -> Tensor:")
        with lines.indented():
            if head.pool != OWN:
                lines.add("x = self._pool(x)")
            drop = "F.dropout({x}, self.drop_rate, self.training)"
            self._calls(lines, self._head_code.hidden, "{x}" if head.drops else drop)

    def _calls(self, lines: Lines, code: PipelineCode, around: str) -> None:
        statements, result = chain(code, "x", "x")
        mark = marked(self._head.pipeline.span, self._formula.source)
        for statement in statements:
            lines.statement(statement, mark)
        lines.returns(around.replace("{x}", result), mark)

    def _own_classifier(self, lines: Lines) -> None:
        """A last layer that is not as torch makes it from the two sizes alone."""
        made = self._head_code.classifier_made
        if made != f"nn.Linear({self._head.hidden}, {NUM_CLASSES})":
            lines.blank()
            lines.add(f"def _classifier(self, {NUM_CLASSES}: int) -> nn.Module:")
            with lines.indented():
                lines.add(f"if {NUM_CLASSES} == 0:")
                with lines.indented():
                    lines.add("return nn.Identity()")
                lines.returns(made)
        rule = self._formula.init.get("linear")
        if rule is None or rule.rule == "torch":
            return
        lines.blank()
        pool = "global_pool: str | None = None"
        parameters = ["self", f"{NUM_CLASSES}: int", pool]
        lines.signature("reset_classifier", parameters, "None")
        with lines.indented():
            lines.add(f"super().reset_classifier({NUM_CLASSES}, global_pool)")
            lines.add("classifier = self.get_classifier()")
            lines.add("if isinstance(classifier, nn.Linear):")
            with lines.indented():
                lines.statement(rule_call(rule, "classifier.weight"))

    def _group_matcher(self, lines: Lines, chain: ChainWriter | None) -> None:
        """Names of parameters by depth, for learning rates that decay with it."""
        lines.blank()
        parameters = ["self", "coarse: bool = False"]
        lines.signature("group_matcher", parameters, "dict[str, Any]")
        with lines.indented():
            lines.add(
                '"""Patterns that sort parameters by depth: stem, stages, blocks."""'
            )
            if isinstance(chain, RowWriter):
                items = ", ".join(
                    f'"{level}": {_any_of(names)}'
                    for level, names in chain.depths().items()
                )
                lines.returns(f"{{{items}}}")
                return
            coarse, fine = _patterns(
                self._stage_names,
                [
                    name
                    for role, name in self._attribute.items()
                    if "transition" in role
                ],
            )
            lines.add("if coarse:")
            with lines.indented():
                lines.assign("blocks: Any", coarse)
            lines.add("else:")
            with lines.indented():
                lines.assign("blocks", fine)
            stem = self._stem_names
            before = f'"stem": {_any_of(stem)}, ' if stem else ""
            lines.returns(f'{{{before}"blocks": blocks}}')


def _tuple(words: tuple[str, ...]) -> str:
    """Words as a tuple in Python."""
    items = ", ".join(f'"{word}"' for word in words)
    return f"({items},)" if len(words) == 1 else f"({items})"


def _any_of(names: list[str], rest: str = r"\b") -> str:
    """A pattern, as Python, for the parameters of some modules."""
    parents = {name.rpartition(".")[0] for name in names}
    parent = parents.pop() if len(parents) == 1 and len(names) > 1 else ""
    before = f"{parent}." if parent else ""
    escaped = [name.removeprefix(before).replace(".", r"\.") for name in names]
    either = escaped[0] if len(escaped) == 1 else f"(?:{'|'.join(escaped)})"
    above = before.replace(".", r"\.")
    return f'r"^{above}{either}{rest}"'


def _patterns(stages: list[str], transitions: list[str]) -> tuple[str, str]:
    """Patterns, as Python, for the parameters of stages, and for those of blocks."""
    if len(stages) == 1:
        return _any_of(stages), _any_of(stages, r"\.(\d+)")
    found = [re.fullmatch(r"(.*?)(\d+)(\D*)", name) for name in stages]
    around = {(match[1], match[3]) for match in found if match}
    if len(around) != 1 or not all(found):
        return _any_of(stages), _any_of(stages)
    ((before, after),) = around
    digits = r"(\d+)"
    number = digits + after.replace(".", r"\.")
    if not transitions:
        return _any_of([before], number), _any_of([before], rf"{number}\.(\d+)")
    change = transitions[0].rstrip("0123456789")
    block = _any_of([before], rf"{number}\.(\d+)")
    pairs = [f"({block}, None)", f"({_any_of([change], digits)}, None)"]
    return _any_of([before, change], digits), f"[{', '.join(pairs)}]"
