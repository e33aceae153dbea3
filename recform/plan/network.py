"""The plan of a network: its definitions, and what in them is what of the formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from recform.algebra.expr import Tensor
from recform.blocks.symbolic import Symbolic
from recform.graph.model import NetworkGraph
from recform.plan.columns import Given
from recform.plan.definitions import Class, Definition
from recform.plan.expressions import Expression
from recform.plan.namespace import Loops
from recform.plan.parts import PipelineCode
from recform.plan.places import Origin, Shared
from recform.readback.plan import PrintedStep


@dataclass(frozen=True)
class StepPlan:
    """A step as code.

    Attributes:
        printed: what in the code it is.
        modules: the expression of each operator and learned scalar of a block.
        inlined: the operators whose parts are the block's own.
        arguments: of the constructor, with the numbers of the blocks.
        free: parameters of the network that it passes on.
        made: for each segment what makes its blocks, where there is no class for them.
        flat: how many modules a block is, if it is a list of them.
        variables: the tensors that have one in its code, in the order of its statements.
        between: those that an operator makes whose parts are the step's own, and whether
            what comes into it has a name first, which then is that of what is between.
        said: coefficients that depend on the block, with the attributes for their parts.
    """

    printed: PrintedStep
    modules: Mapping[str, str]
    inlined: tuple[str, ...]
    arguments: tuple[Given, ...]
    free: tuple[str, ...]
    made: tuple[Expression, ...] = ()
    flat: int = 0
    variables: tuple[Tensor, ...] = ()
    between: Mapping[Tensor, bool] = field(default_factory=dict)
    said: Mapping[Symbolic, Symbolic] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the class or the function."""
        return self.printed.name


@dataclass(frozen=True)
class NetworkPlan:
    """A network as code.

    Attributes:
        graph: what it was made from.
        definitions: what its code consists of, in order; its own class is the last.
        steps: by the numbers of the recurrence's.
        stages: the attributes of the stages; none where the network is one row.
        pieces: those of stem, head and transitions that have a class, by where they are.
        shared: those of what all blocks share.
        loops: the variables of loops in it.
        single: whether its blocks take one tensor and return one, in an nn.Sequential.
        rows: the operators of the pieces that it runs itself, by where they are; where
            it is one row, those of all of it, with the head at the end.
        unnamed: tensors inside of definitions that have no variable in their classes.
        modules: those that modules of these make.
    """

    graph: NetworkGraph
    definitions: tuple[Definition, ...]
    steps: tuple[StepPlan, ...]
    stages: tuple[str, ...]
    pieces: Mapping[Origin, str]
    shared: Mapping[Shared, str]
    loops: Loops
    single: bool
    rows: Mapping[Origin, PipelineCode]
    unnamed: frozenset[Tensor]
    modules: frozenset[Tensor]

    @property
    def network(self) -> Class:
        """The class of the network itself."""
        made = self.definitions[-1]
        assert isinstance(made, Class)
        return made

    def having(self, network: Class) -> NetworkPlan:
        """The plan with another class of the network."""
        return replace(self, definitions=(*self.definitions[:-1], network))

    def changed(self, change: Callable[[Definition], Definition]) -> NetworkPlan:
        """The plan with each of its definitions in another form."""
        return replace(self, definitions=tuple(map(change, self.definitions)))
