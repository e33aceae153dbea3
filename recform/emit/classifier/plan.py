"""What makes a network an image classifier, and where its head is cut into parts.

timm's interface has a head in three parts: what it does to the image, the pooling with
what follows it, and a last linear layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sympy import sympify

from recform.algebra.definitions.body import Body
from recform.algebra.formula import Formula, Param
from recform.algebra.pipeline import Pipeline, Step
from recform.algebra.symbols import INCOMING, SCALE, STRIDE, WIDTH, parameter
from recform.algebra.tracing import arguments_of
from recform.blocks import Arguments, Layout, Shape
from recform.blocks.identifiers import TIMM_BASE
from recform.blocks.shape import Size
from recform.diagnostics import Diagnostics
from recform.graph.model import NetworkGraph, Piece
from recform.operators.window import pair
from recform.source import Span
from recform.writers.containers import is_nested
from recform.writers.pipelines import is_whole

#: The class that networks with the interface derive from.
BASE = TIMM_BASE
#: Keywords of the constructor that have a meaning of their own.
NUM_CLASSES, DROP_RATE = "num_classes", "drop_rate"
KEYWORDS = (NUM_CLASSES, "in_chans", "global_pool", DROP_RATE)
#: What `timm.create_model` keeps for itself, so that no class gets it.
_OF_TIMM = frozenset(
    (
        *(
            "pretrained",
            "pretrained_cfg",
            "pretrained_cfg_overlay",
            "pretrained_strict",
        ),
        *(
            "checkpoint_path",
            "cache_dir",
            "scriptable",
            "exportable",
            "no_jit",
            "pruned",
        ),
        *("features_only", "feature_cls", "feature_cfg", "out_indices", "img_size"),
        *("device", "dtype", "model_name", "variant"),
    )
)
#: The pooling of a head that knows only its own.
OWN = "head"
_POOLS = {"avgpool": "avg", "maxpool": "max", "globalpool": "avg"}

#: An operator of a pipeline, the shapes before and behind it, its arguments as numbers.
Row = tuple[Step, Shape, Shape, Arguments]


@dataclass(frozen=True)
class Head:
    """A head, cut into parts.

    Attributes:
        pipeline: its operators; sizes and rates that are keywords of the constructor
            are their symbols. A dropout in front of the classifier is left out where
            the classifier's container does not count it.
        images: how many operators come before the pooling.
        pooled: how many come up to the end of the pooling.
        pool: ``avg``, ``max``, or ``head`` for what has no other name.
        channels: of what is pooled; a keyword of the constructor is a symbol in it.
        grid: height and width of what is pooled.
        fixed: whether images must have the size that the file says.
        hidden: features that the classifier gets, in the same way.
        classes: how many there are if nobody says.
        rate: of the dropout in front of the classifier, if nobody says.
        drops: whether that dropout is still among the operators.
    """

    pipeline: Pipeline
    images: int
    pooled: int
    pool: str
    channels: Size
    grid: tuple[int, ...]
    fixed: bool
    hidden: Size
    classes: int
    rate: float
    drops: bool

    @property
    def plain(self) -> bool:
        """Whether the classifier follows a pooling that can be chosen."""
        return self.pool != OWN and self.pooled + 1 == len(self.pipeline.steps)

    @property
    def bare(self) -> bool:
        """Whether there are no layers between such a pooling and the classifier."""
        left = len(self.pipeline.steps) - self.pooled
        return self.pool != OWN and left == 1 + self.drops


def check(network: NetworkGraph, report: Diagnostics) -> None:
    """Reports (RF521) what keeps a network from being an image classifier."""
    formula = network.recurrence.formula
    name = formula.name
    if name == BASE:
        report.error(
            "RF209",
            f"the network is called {name}, and so is the class that it would derive from",
            file=formula.source.name,
            hint=f"network {name}Net",
        )
    if found := _not_of_images(network):
        why, span = found
        why = f"{name} is no image classifier: {why}"
        report.error("RF521", why, span, file=formula.source.name)
        return
    _check_head(network, report)
    _check_keywords(formula, report)


def _not_of_images(network: NetworkGraph) -> tuple[str, Span | None] | None:
    """What a network takes or makes that is no image, and the place that says it."""
    formula = network.recurrence.formula
    if formula.input.layout is not Layout.IMAGE:
        return f"its input, {formula.input}, is no image", None
    if formula.contexts:
        return f"it takes more than an image ({', '.join(formula.contexts)})", None
    for number, stage in enumerate(network.stages):
        if stage.shape.layout is not Layout.IMAGE:
            makes = f"{stage.shape.layout.value} ({stage.shape}), no images"
            return f"stage {number + 1} makes {makes}", formula.stages[number].span
    if network.final.layout is not Layout.IMAGE:
        return f"its head gets {network.final}, no image", formula.output_span
    return None


def _check_head(network: NetworkGraph, report: Diagnostics) -> None:
    formula = network.recurrence.formula
    steps = formula.head.steps
    shapes = [x for _, x, _, _ in walk(network.head, formula)]
    if steps and steps[-1].operator.name == "linear" and not shapes[-1].grid:
        return
    report.error(
        "RF521",
        f"{formula.name} is no image classifier: its head does not end in a linear "
        "layer on a vector",
        steps[-1].span if steps else formula.head.span,
        hint="head avgpool > linear(classes)",
        file=formula.source.name,
    )


def _check_keywords(formula: Formula, report: Diagnostics) -> None:
    """A parameter must not be called as a keyword that means something else."""
    last = formula.head.steps[-2:]
    meant = {
        NUM_CLASSES: [s.arguments.get("width") for s in last[-1:]],
        DROP_RATE: [s.arguments.get("rate") for s in last[:1]],
    }
    for param in formula.params:
        symbol = parameter(param.name)
        keyword = param.name in KEYWORDS and symbol not in meant.get(param.name, [])
        if param.free and (keyword or param.name in _OF_TIMM):
            report.error(
                "RF521",
                f"{param.name} is a keyword of timm's models with a meaning of its own",
                param.span,
                hint="give the parameter another name",
            )


def head_of(network: NetworkGraph) -> Head:
    """The head of a network that is an image classifier, cut into parts."""
    formula = network.recurrence.formula
    rows = list(walk(network.head, formula))
    steps = [step for step, _, _, _ in rows]
    shapes = [x for _, x, _, _ in rows]
    opened = [x for _, x, _, _ in walk(network.head, formula, opened=True)]
    images = max(n for n, x in enumerate(shapes) if x.layout is Layout.IMAGE)
    pooled = images + 1
    if steps[images].operator.name == "flatten" and images:
        images -= steps[images - 1].operator.name in _POOLS
    pool = _pool_of(rows[images])
    classes = rows[-1][3]["width"]
    steps[-1] = _with(steps[-1], "width", NUM_CLASSES)
    rate, drops = 0.0, False
    if len(steps) - pooled > 1 and steps[-2].operator.name == "dropout":
        rate = float(rows[-2][3]["rate"])
        drops = is_nested(steps[-2].label)
        if drops:
            steps[-2] = _with(steps[-2], "rate", DROP_RATE)
        else:
            del steps[-2]
    return Head(
        pipeline=replace(formula.head, steps=tuple(steps)),
        images=images,
        pooled=pooled,
        pool=pool,
        channels=opened[images].features,
        grid=tuple(int(size) for size in shapes[images].grid),
        fixed=pool == OWN and rows[images][3].get("size") is None,
        hidden=opened[-1].features,
        classes=int(shapes[-1].features if classes is None else classes),
        rate=rate,
        drops=drops,
    )


def _pool_of(row: Row) -> str:
    """What timm calls a pooling; that of a part of the grid has no name."""
    step, x, _, arguments = row
    kernel = arguments.get("kernel")
    whole = kernel is None and arguments.get("size") in (None, 1)
    if whole or (pair(kernel) == x.grid and arguments.get("padding") == 0):
        return _POOLS.get(step.operator.name, OWN)
    return OWN


def stem_parts(network: NetworkGraph) -> tuple[Piece, Piece | None]:
    """The stem up to its last layer, and the pooling behind it (which has no modules)."""
    formula, stem = network.recurrence.formula, network.stem
    rows = list(walk(stem, formula))
    cut = len(rows)
    while cut and _is_function(rows[cut - 1][0], rows[cut - 1][1], rows[cut - 1][3]):
        cut -= 1
    while cut < len(rows) and rows[cut][2].grid == rows[cut][1].grid:
        cut += 1
    if cut in (0, len(rows)) or is_whole(stem.pipeline):
        return stem, None
    steps = stem.pipeline.steps
    middle = rows[cut][1]
    text = f"{stem.pipeline.text}, up to its pooling"
    front = replace(stem.pipeline, steps=steps[:cut], text=text)
    back = replace(stem.pipeline, steps=steps[cut:])
    links = stem.trace.links
    begun = replace(stem.trace, output=middle, links=links[:cut])
    ended = replace(stem.trace, links=links[cut:])
    return (
        replace(stem, pipeline=front, trace=begun),
        replace(stem, pipeline=back, input=middle, trace=ended),
    )


def behind_level(network: NetworkGraph) -> int:
    """How many operators of the stem stand behind the level of features that it shows."""
    stem, every = stem_parts(network)[0], len(network.stem.pipeline.steps)
    shows = has_layers(stem, network.recurrence.formula)
    return every - len(stem.pipeline.steps) * shows


def has_layers(piece: Piece, formula: Formula) -> bool:
    """Whether a piece is more than functions: what it makes is worth to be shown."""
    return not all(_is_function(step, x, a) for step, x, _, a in walk(piece, formula))


def walk(piece: Piece, formula: Formula, *, opened: bool = False) -> Iterator[Row]:
    """The operators of a piece on their shapes, with keywords left open or not."""
    x = piece.input
    for step in piece.pipeline.steps:
        arguments = _filled(() if opened else formula.params, piece, step)
        y = step.operator.shape_of((x,), arguments)
        yield step, x, y, arguments
        x = y


def _filled(params: Iterable[Param], piece: Piece, step: Step) -> Arguments:
    """The arguments of an operator of a piece as numbers."""
    values: dict[Any, Any] = {
        WIDTH: piece.width,
        STRIDE: piece.stride,
        SCALE: 1 / sympify(piece.stride),
        INCOMING: piece.input.features,
        **{parameter(p.name): p.value for p in params if p.free},
    }
    return arguments_of(step, values)


def _is_function(step: Step, x: Shape, arguments: Arguments) -> bool:
    """Whether an operator has no module, nor a place in a container."""
    if isinstance(step.operator, Body) or is_nested(step.label):
        return False
    return not step.operator.written((x,), arguments).module


def _with(step: Step, argument: str, keyword: str) -> Step:
    values = {**step.arguments, argument: parameter(keyword)}
    return replace(step, arguments=Arguments(values))
