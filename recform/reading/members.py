"""Sums over earlier blocks whose terms hang on the block that adds them up as well.

Such a sum is no tensor that adds up from block to block: the members are kept, as a list,
and each block weighs them anew. What depends on the member alone is a member of the list,
computed once; all else is done to the members at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy

from recform.algebra.expr import (
    Apply,
    Concat,
    Filled,
    History,
    I,
    K,
    L,
    Learned,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
    subtensors,
)
from recform.algebra.lists import Dealt, Members, Over, list_of
from recform.algebra.multiples import scaled
from recform.algebra.operators import OperatorRef, Scalar
from recform.algebra.reindex import rebuilt
from recform.blocks.symbolic import Symbolic
from recform.reading.base import Value
from recform.reading.references import References
from recform.source import Span
from recform.syntax import nodes as n


@dataclass(frozen=True)
class Range:
    """What a sum runs over.

    Attributes:
        variable: its letter.
        first, last: the first and the last index.
        by_stage: whether of the blocks before the last one only the ends of stages count.
    """

    variable: str
    first: Symbolic
    last: Symbolic
    by_stage: bool = False


class Gathered(References):
    """Reads sums over the members of a list."""

    #: The sum whose body is read.
    _over: Range | None = None

    def _weighed(self, body: Tensor, over: Range, place: Span) -> Tensor:
        """A sum whose body hangs on the block that adds up.

        What is the same for all members stands in front of the sum; if nothing else hangs
        on the block, the sum adds up from block to block.
        """
        common, body = _outside(body)
        terms = _opened(body)
        if terms:
            sums = [self._weighed(term, over, place) for term in terms]
            for made in (*terms, *sums):
                self.spans.setdefault(made, place)
            return scaled(common, TensorSum(*sums))
        if not reads_block(body) and not over.by_stage:
            self._check_members(body, over, place)
            return scaled(common, History("sum", body, over.first, over.last))
        lifted = self._lifted(body, over, place)
        if list_of(lifted) is None:
            self.report.fail(
                "RF314",
                f"no tensor in this sum depends on {over.variable}",
                place,
                hint="a sum over all of history adds up what blocks made: Y_k, N_i*Y_k",
            )
        return scaled(common, Over("sum", lifted))

    def _lifted(self, tensor: Tensor, over: Range, place: Span) -> Tensor:
        """A body as what is made of all members at once."""
        place = self.spans.get(tensor, place)
        if not reads_member(tensor):
            return tensor
        # What the output reads of all blocks it makes itself, at once.
        late = over.last.has(L) and not isinstance(tensor, State)
        if not reads_block(tensor) and not (late and not _is_of_member(tensor)):
            self._check_members(tensor, over, place)
            kind = "stages" if over.by_stage else "list"
            made: Tensor = Members(History(kind, tensor, over.first, over.last))
        elif isinstance(tensor, Scaled):
            made = self._weighted(tensor, over, place)
        else:
            self._check_liftable(tensor, over, place)
            made = rebuilt(tensor, lambda part: self._lifted(part, over, place))
        self.spans.setdefault(made, place)
        return made

    def _weighted(self, tensor: Scaled, over: Range, place: Span) -> Tensor:
        """A number times something: that of a member goes into the list, if it can."""
        own, weights, common = _split(tensor.coefficient)
        inner = tensor.tensor
        if own != 1 and not reads_block(inner):
            inner, own = scaled(own, inner), sympy.S.One
        self._check_weights(own * weights, over, place)
        made = self._lifted(inner, over, place)
        if weights != 1 and not made.is_many:
            self.report.fail(
                "RF314",
                f"this weighs one tensor, which does not depend on {over.variable}",
                place,
                hint=f"a number for each {over.variable} weighs the members of the sum",
            )
        for factor in (weights, common):
            made = made if factor == 1 else Scaled(factor, made)
        return made

    def _check_weights(self, value: Symbolic, over: Range, place: Span) -> None:
        k = over.variable
        learned = value.atoms(Learned)
        if value.xreplace({item: sympy.Symbol("w") for item in learned}).has(K):
            self.report.fail(
                "RF314",
                f"{k} is a number here, beside what depends on the block",
                place,
                hint=f"weights that hang on both are learned: scalar a_<i,{k}> = 1/(i+1)",
            )
        if any(item.index.has(K) for item in learned):
            self.report.fail(
                "RF314",
                f"a scalar of block {k} scales what block i makes of the member",
                place,
                hint="scale the member itself: N_i*(b_k*Y_k)",
            )

    def _check_members(self, body: Tensor, over: Range, place: Span) -> None:
        """What a list holds are tensors of blocks."""
        if not any(
            isinstance(part, State | Apply) and part.index.has(K)
            for part in _open_parts(body)
        ):
            self.report.fail(
                "RF308",
                f"nothing that a block makes depends on {over.variable} here",
                place,
                hint=f"write Y_{over.variable} for what block {over.variable} made of Y",
            )

    def _check_liftable(self, tensor: Tensor, over: Range, place: Span) -> None:
        k = over.variable
        if isinstance(tensor, Apply) and tensor.index.has(K):
            self.report.fail(
                "RF314",
                f"the operator of block {k} is applied to what depends on block i",
                place,
                hint=f"an operator of block i takes every member: {tensor.operator}_i*Y_{k}",
            )
        if isinstance(tensor, Dealt) and reads_member(tensor.tensor):
            self.report.fail(
                "RF313",
                f"this depends on {k}, and its features are to be for each {k}",
                place,
                hint=f"one tensor of block i has a feature for each member: "
                f"A_<i,{k}>(X_<i-1>)*Y_{k}",
            )
        if isinstance(tensor, Concat | Filled):
            what = (
                "a concat" if isinstance(tensor, Concat) else "a number that is added"
            )
            self.report.fail(
                "RF314",
                f"{what} cannot hang on both {k} and the block",
                place,
                hint="give it to an unknown of the block first",
            )

    # -- weights

    def _member_scalar(self, expr: n.Reference) -> Value:
        """``a_<i,k>``: a number for each member of a sum."""
        name, over = expr.name, self._over
        last = n.bare(expr.indices[-1]) if len(expr.indices) == 2 else None
        if (
            over is None
            or not isinstance(last, n.Reference)
            or last.name != over.variable
        ):
            k = "k" if over is None else over.variable
            self.report.fail(
                "RF313",
                f"{name} has a number for each member of a sum",
                expr.span,
                hint=f"it stands in a sum over earlier blocks: "
                f"sum({k}, 0, i-1, {name}_<i,{k}>*Y_{k})",
            )
        index = self._index(expr.indices[0])
        if not index.has(I):
            self.report.fail(
                "RF313",
                f"block i has weights of its own: {name}_<i,{over.variable}>",
                expr.span,
                hint="those of another block are for another number of members",
            )
        if over.by_stage:
            self.report.fail(
                "RF313",
                f"{name} is for the members of a sum over all blocks, not by stage",
                expr.span,
                hint="weigh by softmax, or leave out by=stage",
            )
        ends = over.first, over.last - (index - I)
        if self.ends.setdefault(name, ends) != ends:
            self.report.fail(
                "RF313",
                f"{name} is for the members of two sums that differ in their range",
                expr.span,
                hint="give each sum weights of its own",
            )
        self.used.setdefault(name, expr.span)
        return Scalar(Learned(name, index, K))

    def _is_of_members(self, expr: n.Reference) -> bool:
        """Whether a tensor or an operator has the variable of the sum as second index."""
        last = n.bare(expr.indices[-1]) if len(expr.indices) == 2 else None
        return (
            self._over is not None
            and isinstance(last, n.Reference)
            and last.name == self._over.variable
            and (expr.name in self.names.unknowns or expr.name in self.names.operators)
        )

    def _dealt(self, expr: n.Reference) -> Value:
        """``Q_<i,k>``, ``A_<i,k>(X_<i-1>)``: the features of one tensor, one a member."""
        over = self._over
        assert over is not None
        value = self._reference(replace(expr, indices=expr.indices[:1]))
        if over.by_stage:
            self.report.fail(
                "RF313",
                f"{expr.name} is for the members of a sum over all blocks, not by stage",
                expr.span,
                hint="weigh by softmax, or leave out by=stage",
            )
        if isinstance(value, OperatorRef):
            return replace(value, dealt=True)
        assert isinstance(value, Tensor)
        return Dealt(value)

    def _softmax(self, expr: n.Call) -> Value:
        """``softmax(k, score)``: the share of each member of a sum."""
        arguments = self._arguments(expr)
        variable = arguments[0] if arguments else None
        over = self._over
        if (
            len(arguments) != 2
            or over is None
            or not isinstance(variable, n.Reference)
            or variable.name != over.variable
        ):
            k = "k" if over is None else over.variable
            self.report.fail(
                "RF313",
                "softmax gives each member of a sum its share",
                expr.span,
                hint=f"sum({k}, 0, i-1, softmax({k}, dot(q_i, Y_{k}))*Y_{k})",
            )
        score = self.value(arguments[1])
        if not isinstance(score, Tensor) or not reads_member(score):
            self.report.fail(
                "RF313",
                f"this score is no tensor that depends on {over.variable}",
                arguments[1].span,
                hint=f"dot(q_i, Y_{over.variable}) is a number a position",
            )
        return Over("softmax", score)

    def _arguments(self, expr: n.Call) -> list[n.Expr]:
        raise NotImplementedError


def _outside(body: Tensor) -> tuple[Symbolic, Tensor]:
    """What all members have in common in front of a body, and the body without it."""
    if not isinstance(body, Scaled):
        return sympy.S.One, body
    own, weights, common = _split(body.coefficient)
    return common, scaled(own * weights, body.tensor)


def _opened(body: Tensor) -> list[Tensor]:
    """``(a_<i,k> + Q_<i,k>)*Y_k`` as two terms, each of which is added up by itself.

    So no number is added to a tensor for each member. A body without such a sum is none.
    """
    factors = body.children if isinstance(body, Pointwise) else ()
    for place, factor in enumerate(factors):
        if isinstance(factor, TensorSum) and any(
            isinstance(term, Filled) and term.coefficient.has(K)
            for term in factor.children
        ):
            before, behind = factors[:place], factors[place + 1 :]
            return [_times(before, term, behind) for term in factor.children]
    return []


def _times(
    before: tuple[Tensor, ...], term: Tensor, behind: tuple[Tensor, ...]
) -> Tensor:
    """A product with a term of one of its factors in the place of that."""
    number = sympy.S.One
    if isinstance(term, Scaled | Filled):
        number = term.coefficient
    inner = term.tensor if isinstance(term, Scaled) else term
    own = () if isinstance(term, Filled) else (inner,)
    factors = (*before, *own, *behind)
    return scaled(number, factors[0] if len(factors) == 1 else Pointwise(*factors))


def _split(coefficient: Symbolic) -> tuple[Symbolic, Symbolic, Symbolic]:
    """The factors of a member alone, those of member and block, and those of no member."""
    own = weights = common = sympy.S.One
    for factor in sympy.Mul.make_args(coefficient):
        if not factor.has(K):
            common *= factor
        elif factor.has(I):
            weights *= factor
        else:
            own *= factor
    return own, weights, common


def _open_parts(tensor: Tensor) -> list[Tensor]:
    """A tensor and its parts; what stands in a history is of another variable."""
    return list(
        subtensors(
            tensor, lambda t: () if isinstance(t, History | Members) else t.children
        )
    )


def reads_block(tensor: Tensor) -> bool:
    """Whether a body hangs on the block that reads it, or on all members together."""
    return any(
        isinstance(part, Over | Members | Dealt)
        or (isinstance(part, History) and part.last.has(I))
        or (isinstance(part, State | Apply) and part.index.has(I))
        or (isinstance(part, Scaled | Filled) and part.coefficient.has(I))
        for part in _open_parts(tensor)
    )


def _is_of_member(tensor: Tensor) -> bool:
    """Whether a part of a body is made with what block k owns."""
    return any(
        (isinstance(part, Apply) and part.index.has(K))
        or (isinstance(part, Scaled | Filled) and part.coefficient.has(K))
        for part in _open_parts(tensor)
    )


def reads_member(tensor: Tensor) -> bool:
    """Whether a body hangs on the variable of its sum."""
    return any(
        isinstance(part, Dealt)
        or (isinstance(part, State | Apply) and part.index.has(K))
        or (isinstance(part, Scaled | Filled) and part.coefficient.has(K))
        for part in _open_parts(tensor)
    )
