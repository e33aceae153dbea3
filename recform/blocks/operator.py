"""What an operator declares: arguments, shape rule, cost rule, emitted code, source."""

from __future__ import annotations

from dataclasses import dataclass

from recform.blocks.acts import Inner
from recform.blocks.amount import Cost, Work
from recform.blocks.arguments import Argument, Arguments
from recform.blocks.code import divided
from recform.blocks.details import Detail, added_up, incoming
from recform.blocks.function import Function
from recform.blocks.shape import Layout, Order, Shape, Size
from recform.source import Span

#: The code that makes of each position the one before: where a network goes on by positions,
#: this is kept without a class of its own.
SHIFTED = "F.pad({x}, (0, 0, 1, -1))"


@dataclass(frozen=True)
class Memory:
    """What an operator keeps of the positions that it has seen, to go on with the next.

    Attributes:
        what: in words.
        features: how many numbers of each of these positions.
        positions: how many of the last ones; None for all.
    """

    what: str
    features: int
    positions: int | None = None


@dataclass(frozen=True)
class Emitted:
    """The code of a call.

    Attributes:
        call: an expression with ``{x}`` for the input (the name of each in braces, where
            there are several) and ``{m}`` for the module.
        module: the expression that makes the module (or an nn.Parameter), or an empty
            string for a function.
        layer: of a function, the module that does the same, for nn.Sequential; an empty
            string if there is none.
    """

    call: str
    module: str = ""
    layer: str = ""

    @property
    def sequential(self) -> str:
        """What stands for the call in nn.Sequential; an empty string if nothing can."""
        if self.module:
            return self.module if self.call == "{m}({x})" else ""
        return self.layer


@dataclass(frozen=True)
class Weights:
    """Weights that an ``init`` statement can start.

    Attributes:
        kind: the key in ``init``.
        modules: the classes that hold them, as the generated file names them.
        name: their attribute in these classes.
        flat: whether they have a single axis, so that rules which look at the numbers
            of inputs and outputs (kaiming, xavier) do not apply.
    """

    kind: str
    modules: tuple[str, ...]
    name: str = "weight"
    flat: bool = False


#: Stands in a hint for the operator as it is written.
CALL = "{call}"


class Misfit(Exception):
    """An operator cannot take this input or these arguments.

    Attributes:
        code: of the diagnostic.
        message: what is wrong, to follow the name of the operator.
        hint: how to mend it; :data:`CALL` in it is the operator as it is written.
        argument: the argument at fault, if it is one.
        operator: the name of the operator, where it is not the one that was called but
            one inside of it.
        place: where that one stands.
    """

    def __init__(
        self, code: str, message: str, hint: str = "", argument: str = ""
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.argument = argument
        self.operator: str | None = None
        self.place: Span | None = None


class Operator:
    """Base of the operators; one subclass an operator, made once and without state.

    A subclass sets the attributes and overrides the rules.
    """

    #: The name in formula files.
    name: str
    #: The tensors that it takes, in the order in which an equation gives them.
    inputs: tuple[str, ...] = ("x",)
    #: In the order in which they may be given without their names.
    arguments: tuple[Argument, ...] = ()
    #: The layouts that it takes, if it has one input and does not take all.
    takes: tuple[Layout, ...] = ()
    #: One line for the reference.
    about: str
    #: Where it comes from.
    source: str = ""
    #: The attribute under which its module is kept, if it has one.
    attribute: str = ""
    #: Whether it works on each number by itself, without parameters and without chance:
    #: such an operator can be used as a function in equations.
    elementwise: bool = False
    #: Whether torch can write what an elementwise operator makes over what it gets.
    overwrites: bool = False
    #: By how many positions an elementwise operator moves each token; zeros come in front.
    #: It is a linear map then, and no function of numbers.
    moves: int = 0
    #: What an elementwise operator computes (with its defaults); None if nobody said it.
    #: Then it is used all the same, and what would need it says so.
    function: Function | None = None
    #: Whether its weights make each feature of all features that come in (of one group,
    #: where it has groups).
    mixes: bool = False
    #: Whether what it makes has one variance, whatever that of its input.
    normalises: bool = False
    #: Whether it gathers statistics over its calls, by which it works in evaluation.
    gathers: bool = False
    #: Whether it is nothing in evaluation: what comes in, unchanged.
    absent: bool = False
    #: Whether it is an affine map of each feature in evaluation: a batch normalisation.
    folds: bool = False
    #: Whether such a map behind it can be part of its weight and of its bias, which it has
    #: if its argument ``bias`` says so.
    bears: bool = False
    #: Whether its code works on the last axis of tokens and vectors, whatever axes stand in
    #: front of it, and without chance: several tensors may then be stacked, and be one.
    stacks: bool = False
    #: How what it makes lies in memory, if not as that of most operators (`lies`); and
    #: whether it is a product of matrices, which copies tokens whose features lie apart.
    order: Order | None = None
    multiplies: bool = False
    #: Whether the streams that it makes of positions are a view: they lie side by side; and
    #: whether it puts streams side by side, so that what it makes of such is a view.
    deals: bool = False
    joins: bool = False
    #: Whether it is a product of matrices between streams, each of which has all examples
    #: side by side then: it copies those that lie otherwise, and so lie those that it makes.
    weaves: bool = False
    #: Whether it is from outside; none says so itself.
    foreign = False
    #: Whether it takes ids, which are names of tokens and no numbers to reckon with.
    takes_ids: bool = False
    #: What its weight is, if an operator of the stem and those of the head that say so have
    #: one tensor as theirs.
    shares: str = ""
    #: Whether it works on each position of tokens by itself.
    positionwise: bool = False
    #: Whether its weight has a row for each position: batch x positions x features.
    tabled: bool = False
    #: Classes in the place of those of `support` where a network goes on by positions;
    #: what they keep, they keep by the class `Past`.
    support_kept: tuple[str, ...] = ()
    #: Whether what its details tell is one thing, for which a picture has one box.
    single: bool = False
    #: What a call costs, where that is the same whatever comes in.
    costs: Cost = Cost()
    #: Which `init` settings its weights follow.
    weights: tuple[Weights, ...] = ()
    #: Source of classes that its module needs, each `class Name(nn.Module): ...`; the
    #: generated file holds those that it uses once, above its own classes.
    support: tuple[str, ...] = ()

    def shape(self, x: Shape, a: Arguments) -> Shape:
        """The shape of the output.

        Raises:
            Misfit: if the input does not fit (only tested for sizes that are numbers).
        """
        return _last(self.told((x,), a), x)

    def shared(self, x: Shape, a: Arguments) -> tuple[Size, ...]:
        """The sizes of the weight that is shared, where ``shares`` says that one is."""
        return ()

    def unpadded(self, a: Arguments) -> bool:
        """Whether a number that is added to a feature of its input is added everywhere.

        Zeros around a grid have none, so that what stands in front of the operator
        cannot be part of it. Only asked where it :attr:`bears` such maps.
        """
        return False

    def memory(self, x: Shape, a: Arguments) -> tuple[Memory, ...]:
        """What it keeps where a network goes on by positions; all sizes are numbers.

        Raises:
            Misfit: if a position depends on those behind it, or nobody says that it does
                not (RF227).
        """
        if self.moves or not (self.elementwise or self.positionwise):
            raise Misfit(
                "RF227",
                "looks at all positions at once, and those behind are not there yet",
                hint="its plugin may say `positionwise = True`, if it works on each "
                "position by itself, or what it keeps, in `memory`"
                if self.foreign
                else "with attention, attend and conv1d(..., causal=true) a "
                "position depends on those before it alone",
            )
        return ()

    def lies(self, x: Shape, made: Shape) -> Order | None:
        """How what it makes lies in memory: that of images as they do, unless it says so.

        Nothing, where that is as what it computes inside says.
        """
        if x.layout is Layout.IMAGE and made.layout is Layout.VECTOR:
            return self.order or Order.APART  # as its gradient does
        images = x.layout is made.layout is Layout.IMAGE
        alike = self.elementwise or self.absent or images
        return self.order or (Order.ALIKE if alike else Order.TOGETHER)

    def cost(self, x: Shape, a: Arguments) -> Cost:
        """What the call costs for one example; all sizes are numbers here."""
        return self._cost((x,), a)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        """The code, for sizes that may be symbols."""
        raise NotImplementedError

    def details(self, inputs: tuple[Detail, ...], a: Arguments) -> tuple[Detail, ...]:
        """What it computes one after the other, the last of it the result.

        Nothing if it is one thing, or if nobody says. Pictures of an operator that is
        opened are drawn of it; shape and cost follow from it, unless rules say them.

        Args:
            inputs: what comes in, with shapes where these are known.
            a: sizes may be symbols.
        """
        return ()

    # The compiler asks with all that comes in, whatever the number of inputs.

    def shape_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Shape:
        """The shape of the output, of the shapes of all inputs.

        Raises:
            Misfit: if an input does not fit.
        """
        (x,) = inputs
        if self.takes:
            require_layout(x, *self.takes)
        return self.shape(x, a)

    def memory_of(self, inputs: tuple[Shape, ...], a: Arguments) -> tuple[Memory, ...]:
        """What it keeps where a network goes on by positions, of all inputs.

        Raises:
            Misfit: as :meth:`memory`.
        """
        (x,) = inputs
        return self.memory(x, a)

    def cost_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Cost:
        """What the call costs, of the shapes of all inputs."""
        (x,) = inputs
        return self.cost(x, a)

    def works_of(self, inputs: tuple[Shape, ...], a: Arguments) -> tuple[Work, ...]:
        """What it computes, where that is one thing after the other; nothing if at once."""
        return ()

    def _cost(self, inputs: tuple[Shape, ...], a: Arguments) -> Cost:
        """What it costs if no rule of its own says it."""
        details, costs = self.told(inputs, a), self.costs
        if any(detail.does for detail in details):
            return added_up(details, self.inputs)
        if costs is Operator.costs and self.foreign:
            parameters = sum(detail.parameters for detail in details)
            return Cost(parameters, uncounted=(self.name,))
        return costs

    def told(
        self, inputs: tuple[Shape, ...] | None, a: Arguments
    ) -> tuple[Detail, ...]:
        """What it computes, of shapes; these are None where they are not known."""
        return self.details(incoming(self.inputs, inputs), a)

    @property
    def tells(self) -> bool:
        """Whether it tells what is in it, itself and not what it derives from."""
        return "details" in vars(type(self)) and not self.single

    @property
    def leaves(self) -> tuple[object, ...]:
        """What comes in, as those name it that :meth:`opened` gives."""
        return self.inputs

    def opened(self, inputs: tuple[Shape, ...], a: Arguments) -> tuple[Inner, ...]:
        """The operations of torch that it comes to, where plans may run some of them again.

        Nothing if it is one operation; else the last one makes what comes out.
        """
        acts = self.acts(inputs, a)
        return acts if len(acts) > 1 else ()

    def acts(self, inputs: tuple[Shape, ...], a: Arguments) -> tuple[Inner, ...]:
        """All operations of torch that its details tell."""
        return tuple(act for detail in self.told(inputs, a) for act in detail.does)

    def emit_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Emitted:
        """The code, of the shapes of all inputs."""
        (x,) = inputs
        return self.emit(x, a)

    def written(self, inputs: tuple[Shape, ...], a: Arguments) -> Emitted:
        """The code, in which sizes are divided with ``//`` and numbers with ``/``."""
        return self.emit_of(inputs, divided(self.arguments, a))


def declares(operator: Operator, name: str) -> bool:
    """Whether the class of an operator itself says that something holds.

    What derives from it may compute something else, and has to say it again.
    """
    return vars(type(operator)).get(name) is True


class Several(Operator):
    """Base of the operators of several inputs.

    A subclass names its ``inputs``, and overrides the rules that take all their shapes. In
    its code each input stands as its name in braces: ``{m}({q}, {k}, {v})``.
    """

    def shape_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Shape:
        """The shape of the output; that of the first input, unless a subclass says more.

        Raises:
            Misfit: if an input does not fit.
        """
        return _last(self.told(inputs, a), inputs[0])

    def memory_of(self, inputs: tuple[Shape, ...], a: Arguments) -> tuple[Memory, ...]:
        """What it keeps where a network goes on by positions."""
        return self.memory(inputs[0], a)

    def cost_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Cost:
        """What the call costs for one example."""
        return self._cost(inputs, a)

    def emit_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Emitted:
        """The code, for sizes that may be symbols."""
        raise NotImplementedError


def _last(details: tuple[Detail, ...], x: Shape) -> Shape:
    """The shape that comes out; that of what comes in, where details say none."""
    return (details[-1].shape if details else None) or x


#: What a function is asked about its code with: it is the same for all inputs.
FUNCTION_INPUT = Shape(Layout.VECTOR, 1)


def require_layout(x: Shape, *layouts: object, hint: str = "") -> None:
    """Raises a Misfit unless the input has one of the layouts.

    Args:
        x: the input.
        layouts: what the operator takes.
        hint: how to mend it, where that is not the same for all operators.
    """
    if x.layout not in layouts:
        *others, last = (_ARTICLE[str(layout.value)] for layout in layouts)  # type: ignore[attr-defined]
        wanted = f"{', '.join(others)} or {last}" if others else last
        raise Misfit(
            "RF405",
            f"takes {wanted}, but gets {_ARTICLE[x.layout.value]} ({x})",
            hint or _MENDS.get((x.layout, layouts[0])) or _MAKES.get(layouts[0], ""),
        )


#: What makes one of the other.
_MENDS: dict[tuple[object, object], str] = {
    (Layout.IMAGE, Layout.PIXELS): f"write pixels > {CALL}",
    (Layout.IMAGE, Layout.TOKENS): f"write tokens > {CALL}",
    (Layout.IMAGE, Layout.VECTOR): f"write avgpool > {CALL}",
    (Layout.TOKENS, Layout.IMAGE): "`image` makes an image of tokens",
    (Layout.PIXELS, Layout.IMAGE): f"write image > {CALL}",
    (Layout.PIXELS, Layout.TOKENS): f"write tokens > {CALL}",
    (Layout.PIXELS, Layout.VECTOR): f"write avgpool > {CALL}",
    (Layout.STREAMS, Layout.IMAGE): "`merge` and `read` make one tensor of streams",
    (Layout.STREAMS, Layout.TOKENS): "`merge` and `read` make one tensor of streams",
    (Layout.STREAMS, Layout.VECTOR): "`merge` and `read` make one tensor of streams",
    (Layout.TOKENS, Layout.IDS): "`input 64 of 256` takes ids: a number each, of 256",
    (Layout.VECTOR, Layout.IMAGE): "it belongs before what makes a vector of the image",
}

#: What makes one of anything.
_MAKES: dict[object, str] = {
    Layout.STREAMS: "make streams by `copies(n)` or `streams(n)`"
}

_ARTICLE = {
    "image": "an image (channels x height x width)",
    "pixels": "pixels (height x width x channels)",
    "tokens": "tokens (positions x features)",
    "vector": "a vector",
    "streams": "streams (streams x ... x features)",
    "ids": "ids (a number at each position)",
}
