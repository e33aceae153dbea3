"""A network with timm's interface: its plan, made of that of the plain one.

What the constructor asks for (classes, channels, a rate) is left open in the graph. The
plan is made of it as of any, with a head that the network runs itself; and then each of
the passes here gives the class one part of the interface.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from recform.algebra.formula import Formula
from recform.algebra.symbols import size
from recform.blocks import Shape
from recform.blocks.code import code
from recform.blocks.shape import known
from recform.classes.chain import is_chain
from recform.classes.network import plan_network
from recform.emit.classifier.base import base_attributes
from recform.emit.classifier.levels import (
    Levels,
    level_shapes,
    levels_of_stages,
    reduction,
)
from recform.emit.classifier.plan import (
    BASE,
    DROP_RATE,
    KEYWORDS,
    NUM_CLASSES,
    OWN,
    Head,
    has_layers,
    head_of,
    stem_parts,
)
from recform.emit.classifier.row import levels_of_row
from recform.emit.classifier.units import Units
from recform.graph.model import NetworkGraph, Piece
from recform.plan.definitions import (
    Assign,
    Attribute,
    Branch,
    Case,
    Class,
    Definition,
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
from recform.plan.expressions import Argument, Code, Make
from recform.plan.namespace import Namespace
from recform.plan.network import NetworkPlan
from recform.plan.places import HEAD, Kind
from recform.plan.policy import Policy
from recform.plan.rewrite import rewritten
from recform.writers.formula.workshop import Workshop
from recform.writers.initialise import rule_calls
from recform.writers.pipelines import applied, incoming, line_of
from recform.writers.setting import Setting

#: What timm calls by name, besides what the base class has; no module may hide it.
_PUBLIC = (*KEYWORDS, "group_matcher", "default_cfg", "pretrained_cfg")
#: What makes the last layer: a method, for it may be made anew.
_CLASSIFIER = Code(f"self._classifier({NUM_CLASSES})")


def plan_classifier(
    network: NetworkGraph, names: Namespace, prefix: str = ""
) -> NetworkPlan:
    """The plan of an image classifier; the arguments are those of `plan_network`.

    Raises:
        CompileError: RF219, if its names cannot be had; RF521, if they leave no levels.
    """
    head = head_of(network)
    stem, behind = stem_parts(network)
    policy = Policy(
        taken=(*_PUBLIC, *sorted(base_attributes())),
        apart=(Kind.HEAD,),
        form=lambda plan: _classifying(plan, head, stem, behind),
    )
    return plan_network(_opened(network, head, stem), names, prefix, policy)


def _opened(network: NetworkGraph, head: Head, stem: Piece) -> NetworkGraph:
    """The network, in which what timm's constructor asks for is open."""
    if is_chain(network.recurrence):
        stem = network.stem  # its pooling has a place in the row
    here = Setting.at((stem.input,), stem, network.recurrence.formula.tables)
    channels = incoming(stem.pipeline, here, "in_chans")
    image = stem.input.with_features(channels)
    return replace(
        network,
        stem=replace(stem, input=image),
        head=replace(network.head, pipeline=head.pipeline),
        output=network.output.with_features(size(NUM_CLASSES)),
    )


@dataclass(frozen=True)
class _Interface:
    """What the passes know of a network.

    Attributes:
        formula: of it.
        head: where its head is cut.
        start: where the head begins in its row, and ``units`` the modules of that.
        levels: of features.
        shapes: of what is shown at each level.
    """

    formula: Formula
    head: Head
    start: int
    units: Units
    levels: Levels
    shapes: list[Shape]


def _classifying(
    plan: NetworkPlan, head: Head, stem: Piece, behind: Piece | None
) -> NetworkPlan:
    """The plan of a network with the interface, made of that of a plain one.

    Args:
        plan: with a head that the network runs itself.
        head: where it is cut.
        stem: the stem, up to its pooling.
        behind: that pooling.
    """
    formula, network = plan.graph.recurrence.formula, plan.network
    row = plan.rows[HEAD]
    units = Units(row, formula.source.name)
    levels = _levels(plan, units, stem, behind)
    shapes = [stem.output, *level_shapes(plan.graph)][-len(levels.modules) :]
    start = len(row.parts) - len(head.pipeline.steps)
    interface = _Interface(formula, head, start, units, levels, shapes)
    for change in (_with_levels, _with_head, _with_classifier, _with_keywords):
        network = change(network, interface)
    return plan.having(network)


def _levels(
    plan: NetworkPlan, units: Units, stem: Piece, behind: Piece | None
) -> Levels:
    formula = plan.graph.recurrence.formula
    source = formula.source
    names = Namespace.attributes()
    for name in (*base_attributes(), *(item.name for item in plan.network.attributes)):
        names.take(name)
    if not plan.stages:
        return levels_of_row(units, len(stem.pipeline.steps), source, names)
    pooling: tuple[Statement, ...] = ()
    if behind is not None:
        here = Setting.at((behind.input,), behind)
        workshop = Workshop(formula, Namespace.module(), "")  # makes no class
        code = workshop.code(behind.pipeline, here, names)
        pooling = applied(code, line_of(behind.pipeline.span, source))
    shows_stem = has_layers(stem, formula)
    return levels_of_stages(plan, stem=shows_stem, behind=pooling, names=names)


# ------------------------------------------------------------------ one part each


def _with_levels(made: Class, interface: _Interface) -> Class:
    """The class, whose forward pass shows its levels, with what is known of them."""
    levels = interface.levels
    taps = {
        name.partition(".")[0]: Attribute(tap, Code("nn.Identity()"))
        for name, tap in zip(levels.modules, levels.taps, strict=True)
        if tap
    }
    attributes: list[Attribute] = []
    for item in made.attributes:
        attributes += [item, *([taps[item.name]] if item.name in taps else [])]
    matcher = Function(
        "group_matcher",
        (Parameter("coarse", "bool", "False"),),
        "dict[str, Any]",
        levels.depths,
        "Patterns that sort parameters by depth: stem, stages, blocks.",
    )
    info = Attribute("feature_info", Code(_feature_info(interface)), Role.DATA)
    return replace(
        made, attributes=(info, *attributes), methods=(levels.method, matcher)
    )


def _feature_info(interface: _Interface) -> str:
    image, head = interface.formula.input, interface.head
    rows = [
        f'{{"num_chs": {shape.features}, "reduction": {reduction(image, shape)}, '
        f'"module": "{name}"}}'
        for shape, name in zip(interface.shapes, interface.levels.shown_by, strict=True)
    ]
    if head.channels != interface.shapes[-1].features:
        rows[-1] = f'{rows[-1][:-1]}, "num_chs_norm": {code(head.channels)}}}'
    return f"[{', '.join(rows)}]"


def _with_head(made: Class, interface: _Interface) -> Class:
    """The class, whose head is the methods of the interface."""
    head, units, start = interface.head, interface.units, interface.start
    line = line_of(head.pipeline.span, interface.formula.source)
    images, stop = start + head.images, start + len(head.pipeline.steps) - 1
    finish = list(units.targets(start, images, apart=True))
    methods = []
    if finish:
        between, result = units.run(start, images, line)
        methods.append(_on_tensor("_finish", *between, Return(Code(result), line)))
    if not head.plain:
        first = images if head.pool == OWN else start + head.pooled
        pool = [] if head.pool == OWN else [Assign("x", Code("self._pool(x)"))]
        between, result = units.run(first, stop, line)
        if not head.drops:
            result = f"F.dropout({result}, self.drop_rate, self.training)"
        last = Return(Code(result), line)
        methods.append(_on_tensor("_pre_logits", *pool, *between, last))
    ends = tuple(target.name for target in finish if target.part.is_module)
    sizes = {"num_features": head.channels, "head_hidden_size": head.hidden}
    # What the constructor is given is no field of the class.
    told = tuple(
        Attribute(name, Code(code(value)), Role.DATA)
        for name, value in sizes.items()
        if not known(value)
    )
    fields = (
        *(
            Assign(name, Code(code(value)))
            for name, value in sizes.items()
            if known(value)
        ),
        Assign("_classifier_name", Code(f'"{units.last()}"')),
        *_tuple("_finish_names", ends),
        *_tuple("_order", interface.levels.order),
    )
    if head.pool == OWN:
        fields += _tuple("_pools", (OWN,))
    elif not head.bare:
        fields += _tuple("_pools", ("avg", "max"))
    shown, matcher = made.methods
    return replace(
        made,
        base=BASE,
        fields=fields,
        attributes=(*told, *made.attributes),
        methods=(shown, *methods, matcher),
    )


def _on_tensor(name: str, *body: Statement) -> Function:
    return Function(name, (Parameter("x", "Tensor"),), "Tensor", body)


def _tuple(name: str, words: tuple[str, ...]) -> tuple[Assign, ...]:
    """A field with words, if there are some."""
    items = ", ".join(f'"{word}"' for word in words)
    comma = "," if len(words) == 1 else ""
    return (Assign(name, Code(f"({items}{comma})")),) if words else ()


def _with_classifier(made: Class, interface: _Interface) -> Class:
    """The class, whose last layer is made by a method, which makes it anew as well."""
    last = interface.units.row.parts[-1]
    assert last.made is not None

    def called(node: object) -> object:
        # Not what is equal: layers in front of it may be.
        return _CLASSIFIER if node is last.made or node is last.layer else node

    *before, matcher = made.methods
    rules = interface.formula.init
    label = interface.formula.head.steps[-1].label.rpartition(".")[2]
    rule = rules.get(label or "linear", rules.get("linear"))
    methods: list[Function] = []
    hidden = code(interface.head.hidden)
    if last.made != Code(f"nn.Linear({hidden}, {NUM_CLASSES})"):
        # It is not as torch makes it from the two sizes alone.
        none = Case(f"{NUM_CLASSES} == 0", (Return(Code("nn.Identity()")),))
        layer = last.made
        if not known(interface.head.hidden):
            assert isinstance(layer, Code)
            text = layer.text.replace(f"({hidden}, ", "(self.head_hidden_size, ", 1)
            layer = replace(layer, text=text)
        both = (Branch((none,)), Return(layer))
        given = (Parameter(NUM_CLASSES),)
        methods.append(Function("_classifier", given, "nn.Module", both))
    if rule is not None and rule.rule != "torch":
        start = rule_calls(rule, "classifier.weight")
        methods.append(_reset(start))
    return replace(
        made,
        attributes=rewritten(made.attributes, called),
        methods=(*before, *methods, matcher),
    )


def _reset(start: tuple[Statement, ...]) -> Function:
    """The method that puts a new last layer in its place, and starts it."""
    pool = Parameter("global_pool", "str | None", "None")
    given = tuple(Argument(Code(name)) for name in (NUM_CLASSES, "global_pool"))
    body = (
        Do(Make("super().reset_classifier", given)),
        Assign("classifier", Code("self.get_classifier()")),
        Branch((Case("isinstance(classifier, nn.Linear)", start),)),
    )
    return Function("reset_classifier", (Parameter(NUM_CLASSES), pool), "None", body)


def _with_keywords(made: Class, interface: _Interface) -> Class:
    """The class, whose constructor has timm's keywords."""
    formula, head = interface.formula, interface.head
    read, channels = names_read(made.attributes), formula.input.features
    checks: tuple[Statement, ...] = ()
    if "in_chans" not in read:
        message = f'"the formula fixes in_chans at {channels}"'
        error = Raise(Code(f"ValueError({message})"))
        checks = (Branch((Case(f"in_chans != {channels}", (error,)),)),)
    pool = f'"{OWN}"' if head.pool == OWN else "global_pool"
    parameters = [
        Parameter(NUM_CLASSES, "int", str(head.classes)),
        Parameter("in_chans", "int", str(channels)),
        Parameter("global_pool", "str", f'"{head.pool}"'),
        Parameter(DROP_RATE, "float", repr(head.rate)),
    ]
    if head.pool == OWN:
        del parameters[2]
    own = (item for item in made.parameters if item.name not in KEYWORDS)
    given = (NUM_CLASSES, "in_chans", pool, DROP_RATE)
    return replace(
        made,
        given=tuple(Argument(Code(name)) for name in given),
        parameters=(*parameters, *own),
        checks=checks,
    )


# -------------------------------------------------------------------- the whole file


def undecayed(plans: Iterable[NetworkPlan]) -> list[NetworkPlan]:
    """The plans of a file's networks, each of which knows what in it is no weight.

    A class that several networks have stands in the plan of the first alone.
    """
    plans = list(plans)
    made = {item.name: item for plan in plans for item in plan.definitions}
    return [_told(plan, made) for plan in plans]


def _told(plan: NetworkPlan, made: Mapping[str, Definition]) -> NetworkPlan:
    used = [plan.network.name]
    for name in used:  # which grows
        used += [
            item for item in _called(made[name]) if item in made and item not in used
        ]
    held = tuple(
        f"{name}.{attribute.name}"
        for name, item in made.items()
        if name in used and isinstance(item, Class)
        for attribute in item.attributes
        if is_parameter(attribute)
    )
    fields = (*plan.network.fields, *_tuple("_undecayed", held))
    return plan.having(replace(plan.network, fields=fields))


def _called(made: Definition) -> list[str]:
    """The classes and functions that a definition calls."""
    found: list[str] = []

    def collected(node: object) -> object:
        if isinstance(node, Make):
            found.append(node.callee)
        return node

    rewritten(made, collected)
    return found
