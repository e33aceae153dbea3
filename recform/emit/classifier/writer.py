"""Networks with timm's interface: the class of an image classifier."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from recform.algebra.symbols import size
from recform.blocks import identifiers
from recform.classes.chain import ChainWriter, is_chain
from recform.classes.network import NetworkWriter
from recform.classes.steps.owned import BlockClasses
from recform.classes.steps.stages import StageWriter
from recform.emit.classifier.base import base_attributes
from recform.emit.classifier.head import write_head
from recform.emit.classifier.levels import LevelWriter, Shown, level_shapes, reduction
from recform.emit.classifier.patterns import any_of, patterns
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
from recform.graph.model import NetworkGraph, Piece
from recform.plan.definitions import (
    Assign,
    Attribute,
    Branch,
    Case,
    Class,
    Do,
    Function,
    Parameter,
    Raise,
    Return,
    Role,
    Statement,
    is_parameter,
    names_read,
)
from recform.plan.expressions import Argument, Code, Container, Holds, Item, Make
from recform.plan.namespace import Namespace
from recform.plan.network import NetworkPlan
from recform.plan.places import HEAD, STEM, Kind, Origin
from recform.writers.initialise import rule_calls
from recform.writers.names import claim_of, is_inline
from recform.writers.pipelines import PipelineCode, chain
from recform.writers.setting import Setting

#: What timm calls by name, besides what the base class has; no module may hide it.
_PUBLIC = (*KEYWORDS, "group_matcher", "default_cfg", "pretrained_cfg")


def plan_classifier(
    network: NetworkGraph, names: Namespace, prefix: str = ""
) -> NetworkPlan:
    """The plan of an image classifier; the arguments are those of `plan_network`.

    Raises:
        CompileError: RF219, if its names cannot be had; RF521, if they leave no levels.
    """
    return ClassifierWriter(network, names, prefix).plan()


class ClassifierWriter(NetworkWriter):
    """Makes the plan of an image classifier.

    The arguments are those of a NetworkWriter.
    """

    def __init__(
        self, network: NetworkGraph, names: Namespace, prefix: str = ""
    ) -> None:
        self._head = head_of(network)
        stem, self._behind = stem_parts(network)
        self._front = stem
        self._shows_stem = has_layers(stem, network.recurrence.formula)
        self._order: tuple[str, ...] = ()
        if is_chain(network.recurrence.formula):
            head = replace(network.head, pipeline=self._head.pipeline)
            network = replace(network, head=head)
        else:
            network = replace(network, stem=stem)
        super().__init__(network, names, prefix)
        for name in (*_PUBLIC, *sorted(base_attributes())):
            self._attributes.take(name)

    def plan(self) -> NetworkPlan:
        """The network, which knows of its parameters which ones are no weights."""
        made = super().plan()
        held = tuple(
            f"{definition.name}.{attribute.name}"
            for definition in made.definitions
            if isinstance(definition, Class)
            for attribute in definition.attributes
            if is_parameter(attribute)
        )
        if not held:
            return made
        field = Assign("_undecayed", _tuple(held))
        network = replace(made.network, fields=(*made.network.fields, field))
        return replace(made, definitions=(*made.definitions[:-1], network))

    # -- the constructor

    def _returns(self) -> str:
        return NUM_CLASSES

    def _class(self, classes: BlockClasses) -> Class:
        made = super()._class(classes)
        pool = f'"{OWN}"' if self._head.pool == OWN else "global_pool"
        given = (NUM_CLASSES, "in_chans", pool, DROP_RATE)
        levels = Attribute("feature_info", Code(self._feature_info()), Role.DATA)
        return replace(
            made,
            base=BASE,
            given=tuple(Argument(Code(name)) for name in given),
            fields=tuple(self._fields()),
            checks=self._checks(made),
            attributes=(levels, *self._with_taps(made.attributes)),
        )

    def _with_taps(self, attributes: Iterable[Attribute]) -> Iterator[Attribute]:
        """Attributes, and behind the last of a level the module that shows it."""
        behind = {
            name.partition(".")[0]: tap
            for name, tap in zip(self._level_names, self._taps, strict=True)
            if tap
        }
        for attribute in attributes:
            yield attribute
            if attribute.name in behind:
                yield Attribute(behind[attribute.name], Code("nn.Identity()"))

    def _parameters(self, used: set[str]) -> Iterator[Parameter]:
        head = self._head
        yield Parameter(NUM_CLASSES, "int", str(head.classes))
        yield Parameter("in_chans", "int", str(self._formula.input.features))
        if head.pool != OWN:
            yield Parameter("global_pool", "str", f'"{head.pool}"')
        yield Parameter(DROP_RATE, "float", repr(head.rate))
        yield from super()._parameters(used - {"in_channels", *KEYWORDS})

    def _modules(
        self, stages: StageWriter, classes: BlockClasses
    ) -> Iterator[Attribute]:
        yield from super()._modules(stages, classes)
        self._stem_names = [self._pieces[STEM]] if STEM in self._pieces else []
        if STEM in self._inlined:
            self._stem_names = [name for name, _ in self._inlined[STEM].modules]
        shown = self._stem_names[-1:] if self._shows_stem else []
        self._level_names = [*shown, *self._stage_names]

    def _chain(self, stages: StageWriter) -> RowWriter:
        return RowWriter(
            self._head,
            len(self._front.pipeline.steps),
            self._network,
            self._workshop,
            stages,
            self._single,
        )

    def _row(self, chain: ChainWriter) -> tuple[Attribute, ...]:
        assert isinstance(chain, RowWriter)
        modules = super()._row(chain)
        self._head_code = chain.head_code()
        self._level_names = [level.module for level in chain.levels]
        self._taps = [
            "" if level.own else self._tap(n) for n, level in enumerate(chain.levels)
        ]
        self._order = chain.order(self._taps)
        return modules

    def _checks(self, made: Class) -> tuple[Statement, ...]:
        """What timm may ask for that the formula does not leave open."""
        if "in_chans" in names_read(made.attributes):
            return ()
        channels = self._formula.input.features
        message = f'"the formula fixes in_chans at {channels}"'
        error = Raise(Code(f"ValueError({message})"))
        return (Branch((Case(f"in_chans != {channels}", (error,)),)),)

    def _feature_info(self) -> str:
        modules = [
            tap or name for tap, name in zip(self._taps, self._level_names, strict=True)
        ]
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

    def _inlines(self, kind: Kind) -> bool:
        return kind is Kind.HEAD or super()._inlines(kind)

    def _incoming(self, stem: Piece) -> Any:
        return size("in_chans")

    # -- the head

    def _one_piece(self, origin: Origin, piece: Piece) -> Iterator[Attribute]:
        if origin == HEAD:
            return self._modules_of_head(piece)
        return super()._one_piece(origin, piece)

    def _modules_of_head(self, piece: Piece) -> Iterator[Attribute]:
        """The modules of the head, by their names or in a dictionary of their own."""
        wanted = str(self._formula.names.get("head", "head"))
        claim = claim_of(self._formula, "head", "the head")
        inline = is_inline(self._formula, "head")
        attribute = "" if inline else self._attributes.claim(wanted, claim)
        scope = Namespace.container(identifiers.DICTIONARY)
        names = scope if attribute else self._attributes
        code = write_head(
            self._head, piece, attribute, names, self._attributes, self._workshop
        )
        for kept, argument in code.stored:
            yield Attribute(kept, Code(argument), Role.KEPT)
        if code.attribute:
            items = tuple(Item(made, name) for name, made in code.modules)
            yield Attribute(attribute, Container(Holds.DICTIONARY, items))
        else:
            for name, made in code.modules:
                yield Attribute(name, made)
        self._head_code = code

    # -- the methods

    def _fields(self) -> Iterator[Assign]:
        head, code = self._head, self._head_code
        yield Assign("num_features", Code(str(head.channels)))
        yield Assign("head_hidden_size", Code(str(head.hidden)))
        yield Assign("_classifier_name", Code(f'"{code.classifier}"'))
        if code.finish_names:
            yield Assign("_finish_names", _tuple(code.finish_names))
        if self._order:
            yield Assign("_order", _tuple(self._order))
        if head.pool == OWN:
            yield Assign("_pools", _tuple((OWN,)))
        elif not head.bare:
            yield Assign("_pools", _tuple(("avg", "max")))

    def _methods_of_row(self, chain: ChainWriter) -> tuple[Function, ...]:
        assert isinstance(chain, RowWriter)
        levels = chain.depths().items()
        items = ", ".join(f'"{level}": {any_of(names)}' for level, names in levels)
        matcher = self._group_matcher((Return(Code(f"{{{items}}}")),))
        shown = chain.forward_levels(self._taps)
        return (shown, *self._parts_of_head(), matcher)

    def _methods(self) -> tuple[Function, ...]:
        transitions = [a for o, a in self._pieces.items() if o.kind is Kind.TRANSITION]
        coarse, fine, first = patterns(self._stage_names, transitions, self._owners())
        stem = [*self._stem_names, *first]
        before = f'"stem": {any_of(stem)}, ' if stem else ""
        matcher = self._group_matcher(
            (
                Branch(
                    (
                        Case("coarse", (Assign("blocks", Code(coarse), type="Any"),)),
                        Case("", (Assign("blocks", Code(fine)),)),
                    )
                ),
                Return(Code(f'{{{before}"blocks": blocks}}')),
            )
        )
        return (self._levels(), *self._parts_of_head(), matcher)

    def _owners(self) -> dict[str, int]:
        """What blocks share, with the number of the first stage that reads it."""
        found: dict[str, int] = {}
        for key, attribute in self._shared.items():
            found.setdefault(attribute, key.flow)
        return found

    def _levels(self) -> Function:
        behind = None
        if self._behind is not None:
            piece = self._behind
            code = self._workshop.code(
                piece.pipeline, Setting.at((piece.input,), piece)
            )
            behind = piece, code
        writer = LevelWriter(
            self._network,
            self._single,
            self._has(),
            stem=self._level_of_stem() if self._shows_stem else None,
            behind_stem=behind,
            tap=self._tap,
        )
        method = writer.write()
        self._taps = writer.taps
        return method

    def _level_of_stem(self) -> Shown:
        code = self._inlined.get(STEM)
        return Shown((), "x", own=code is None or code.ends_in_module)

    def _tap(self, level: int) -> str:
        """A new attribute: the module that shows a level that no other one makes."""
        return self._attributes.new(f"level{level}")

    def _parts_of_head(self) -> Iterator[Function]:
        head, code = self._head, self._head_code
        if code.finish.calls:
            yield _on_tensor("_finish", self._calls(code.finish, "{x}"))
        if not head.plain:
            pool = (Assign("x", Code("self._pool(x)")),) if head.pool != OWN else ()
            drop = "F.dropout({x}, self.drop_rate, self.training)"
            calls = self._calls(code.hidden, "{x}" if head.drops else drop)
            yield _on_tensor("_pre_logits", (*pool, *calls))
        yield from self._own_classifier()

    def _calls(self, code: PipelineCode, around: str) -> tuple[Statement, ...]:
        between, result = chain(code, ("x",), "x")
        line = self._workshop.line(self._head.pipeline.span)
        made = (Assign("x", Code(text), line) for text in between)
        return (*made, Return(Code(around.replace("{x}", result)), line))

    def _own_classifier(self) -> Iterator[Function]:
        """A last layer that is not as torch makes it from the two sizes alone."""
        made = self._head_code.classifier_made
        classes = Parameter(NUM_CLASSES)
        if made != Code(f"nn.Linear({self._head.hidden}, {NUM_CLASSES})"):
            none = (Return(Code("nn.Identity()")),)
            without = Branch((Case(f"{NUM_CLASSES} == 0", none),))
            both = (without, Return(made))
            yield Function("_classifier", (classes,), "nn.Module", both)
        rule = self._formula.init.get("linear")
        if rule is None or rule.rule == "torch":
            return
        pool = Parameter("global_pool", "str | None", "None")
        given = tuple(Argument(Code(name)) for name in (NUM_CLASSES, "global_pool"))
        start = Case(
            "isinstance(classifier, nn.Linear)",
            rule_calls(rule, "classifier.weight"),
        )
        body = (
            Do(Make("super().reset_classifier", given)),
            Assign("classifier", Code("self.get_classifier()")),
            Branch((start,)),
        )
        yield Function("reset_classifier", (classes, pool), "None", body)

    def _group_matcher(self, body: tuple[Statement, ...]) -> Function:
        """Names of parameters by depth, for learning rates that decay with it."""
        return Function(
            "group_matcher",
            (Parameter("coarse", "bool", "False"),),
            "dict[str, Any]",
            body,
            "Patterns that sort parameters by depth: stem, stages, blocks.",
        )


def _on_tensor(name: str, body: tuple[Statement, ...]) -> Function:
    return Function(name, (Parameter("x", "Tensor"),), "Tensor", body)


def _tuple(words: tuple[str, ...]) -> Code:
    """Words as a tuple in Python."""
    items = ", ".join(f'"{word}"' for word in words)
    return Code(f"({items},)" if len(words) == 1 else f"({items})")
