"""Whether two networks are equal: for any operators, for linear ones, or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from recform.algebra.expr import Elementwise, I, State, subtensors
from recform.algebra.formula import Formula
from recform.algebra.ranged import in_force
from recform.algebra.typeset import added, plain
from recform.derivation.backward import network_of, seeds_of
from recform.derivation.words import has_free_letters
from recform.diagnostics import CompileError, Diagnostics
from recform.equality.alike import same_by_laws, same_equations
from recform.equality.around.beginnings import alone, start_changes
from recform.equality.around.frame import changes_shape, frame_changes, recurs_otherwise
from recform.equality.counterexample.example import example, weighs_members
from recform.equality.counterexample.program import untold
from recform.equality.depths import (
    MAX_DEPTH,
    differ_at,
    equal_so_far,
    first_difference,
    own_depth,
    smallest_example,
)
from recform.equality.induction import Proof, prove
from recform.equality.kept import Kept, Relation, first_block
from recform.equality.powers import is_partial
from recform.equality.verdict import ANY, DIFFERENT, LINEAR, OPEN, OwnDepth, Verdict
from recform.equality.weights import TooLarge, bounded, limited
from recform.linear.recurrence import linearise
from recform.recurrence.regimes import at_depth, own_blocks
from recform.series.automaton import equal
from recform.series.series import NotExact
from recform.series.show import PLAIN, term


@bounded
def compare(left: Formula, right: Formula) -> Verdict:
    """Compares two networks with the same operators, block by block.

    Raises:
        CompileError: if their operators or inputs have nothing to do with each other.
    """
    formulas = (left, right)
    _comparable(left, right)
    if unlike := recurs_otherwise(left, right):
        return _unlike(left, right, unlike)
    # Files of other depths may say the same in L.
    both = left.relative and right.relative
    other = at_depth(right, left.lengths[0]) if both else right
    if other is not None and same_equations(left, other):
        return _same(left, right)
    if other is not None and (called := same_by_laws(left, other)):
        alike = tuple(f"{mine}_i = {theirs}'_i" for theirs, mine in called.items())
        return replace(_same(left, right), by_laws=True, relations=alike)
    if left.relative or right.relative:
        return _depth_by_depth(left, right)
    depth = min(first_block(formulas), MAX_DEPTH)
    differs: dict[bool, int | None] = {}
    proofs: dict[bool, Proof | None] = {False: None, True: None}
    checked = 0
    for linear in (False, True):
        differs[linear], checked = first_difference(formulas, depth, linear=linear)
        if differs[linear] is None and checked == depth:
            proofs[linear] = _proof(formulas, depth, linear=linear)
        if proofs[linear] is not None:
            break
    shortest = differs.get(True) or differs[False]
    shown = None
    if shortest is not None:
        shown = smallest_example(
            formulas, shortest, depth, linear=bool(differs.get(True))
        )
        shortest = shortest if shown is None else shown.depth
    answer = OPEN
    if proofs[False] is not None:
        answer = ANY
    elif differs[True] is not None and shown is not None:
        answer = DIFFERENT
    elif proofs[True] is not None:
        answer = LINEAR
    found = proofs[False] or proofs[True]
    own = None
    smallest = differs[False]
    if answer == DIFFERENT and smallest is not None and shown is not None:
        own = own_depth(formulas, smallest, shown)
    elif answer == OPEN and smallest is None:
        own = equal_so_far(formulas, checked, whole=checked == depth)
    return replace(
        _same(left, right),
        answer=answer,
        checked=checked,
        differs=shortest,
        relations=() if found is None else relation_texts(found.relations),
        interior=_interior(left, right),
        example=shown,
        own=own,
    )


def _same(left: Formula, right: Formula) -> Verdict:
    """The verdict on two networks with the same equations."""
    first, second = (bool(own_blocks(f)) or f.relative for f in (left, right))
    return Verdict(
        names=(left.name, right.name),
        answer=ANY,
        starts=(_starts(left), _starts(right)),
        interior=True,
        frame=frame_changes(left, right),
        begin=start_changes(left, right),
        notes=_notes((left, right)),
        numbered=(first, second),
    )


def _unlike(left: Formula, right: Formula, operators: tuple[str, ...]) -> Verdict:
    """The verdict on networks of which positions do different things."""
    notes = (
        f"{name} recurs over positions, in another way in each: that was not compared"
        for name in operators
    )
    same = _same(left, right)
    return replace(same, answer=OPEN, interior=None, notes=(*same.notes, *notes))


def _depth_by_depth(left: Formula, right: Formula) -> Verdict:
    """The verdict where equations are said in L: no block is as the one before it.

    Nothing is proved then of all depths. They are compared up to those of the files, and
    on until each range has been in force.
    """
    blocks = left.lengths[0], right.lengths[0]
    checked, differs, shown = 0, None, None
    answer = OPEN
    waiting = set(left.ranges) | set(right.ranges)
    for depth in range(1, MAX_DEPTH + 1):
        if depth > max(blocks) and not waiting:
            break
        pair = at_depth(left, depth), at_depth(right, depth)
        if pair[0] is None or pair[1] is None:
            continue
        both = pair[0], pair[1]
        waiting -= in_force(both[0]) | in_force(both[1])
        if not differ_at(both, depth):
            checked = depth
            continue
        linear = differ_at(both, depth, linear=True)
        differs, shown = depth, example(both, depth, linear=linear)
        if linear and shown is not None:
            answer = DIFFERENT
        break
    own = None
    if blocks[0] == blocks[1] <= checked:
        own = OwnDepth(blocks[0], "", True)
    # One of them may have no network of the smaller depth.
    elif shown and all(at_depth(f, min(blocks)) for f in (left, right)):
        own = own_depth((left, right), shown.depth, shown)
    return replace(
        _same(left, right),
        answer=answer,
        checked=checked,
        differs=differs,
        interior=None,
        example=shown,
        own=own,
    )


def _comparable(left: Formula, right: Formula) -> None:
    """Refuses networks whose operators have no name in common."""
    report = Diagnostics()
    both = set(left.operators) & set(right.operators)
    if left.operators and right.operators and not both:
        report.error(
            "RF643",
            f"{left.name} and {right.name} have no operator in common: "
            f"{', '.join(left.operators)} there, {', '.join(right.operators)} here",
            right.equations[0].span,
            hint="operators are matched by name; give those that are the same one name",
        )
        raise CompileError(report)


@limited
def _proof(
    formulas: tuple[Formula, Formula], depth: int, *, linear: bool
) -> Proof | None:
    """A proof for all depths behind those that were compared one by one."""
    try:
        proof = prove(formulas, linear=linear)
    except (TooLarge, NotExact):
        return None
    return proof if proof.outputs and proof.first <= depth else None


def _interior(left: Formula, right: Formula) -> bool | None:
    """Whether later blocks have the same paths between them, whatever the start is."""
    series = []
    if len(left.equations) + len(right.equations) > 2:
        return None
    for formula in (left, right):
        report = Diagnostics()
        try:
            linear = linearise(formula, report, activations=False)
            name = formula.equations[-1].unknown
            series.append(network_of(linear).series(name, name, seeds_of(linear, name)))
        except CompileError:
            return None
    try:
        if equal(series[0], series[1]):
            return True
    except NotExact:
        return None
    return None if any(map(has_free_letters, series)) else False


def _starts(formula: Formula) -> tuple[str, ...]:
    texts = [b.text for b in formula.boundaries]
    texts += [r.text for r in formula.ranges if not formula.is_general(r)]
    return tuple(dict.fromkeys(texts))


def _notes(formulas: tuple[Formula, Formula]) -> tuple[str, ...]:
    scalars = any(formula.scalars for formula in formulas)
    matched = "operators and learned scalars" if scalars else "operators"
    notes = [f"{matched} of one name and block are the same in both"]
    notes += [
        f"{formula.name} alone has {', '.join(names)}: the same as nothing of the other"
        for formula, names in alone(*formulas)
    ]
    for why in untold(formulas):
        notes.append(f"{why}: it was taken for any function, and not tried on numbers")
    if same_equations(*formulas):
        return tuple(notes)
    notes.append("all tensors of the equations have one shape")
    if any(map(_is_partial, formulas)):
        notes.append(
            "there is a value wherever one is needed: below a line, under a root and in a "
            "logarithm"
        )
    if any(map(weighs_members, formulas)):
        notes.append(
            "sums over depth, dot and norm were compared as formulas, and not tried on "
            "numbers"
        )
    if any(map(changes_shape, formulas)):
        notes.append(
            "where a block changes the shape each term is adapted, so other terms have "
            "other adapters; these were left out"
        )
    return tuple(notes)


def _is_partial(formula: Formula) -> bool:
    """Whether something in its equations has no value for some numbers."""
    tensors = [p for t in (formula.output, *formula.rights) for p in subtensors(t)]
    functions = {p.function.function for p in tensors if isinstance(p, Elementwise)}
    return any(known is not None and is_partial(known) for known in functions)


def relation_texts(relations: Iterable[Relation]) -> tuple[str, ...]:
    """The relations that say something of the newest block, shortest first."""
    texts = [
        _relation(r) for r in relations if any(not k.fixed and not k.back for k in r)
    ]
    return tuple(sorted(dict.fromkeys(texts), key=lambda text: (len(text), text))[:8])


def _relation(relation: Relation) -> str:
    """``X_i = W_i*X_<i-1> + input``; a prime marks the second network."""
    solved = next(
        (
            k
            for k in relation
            if isinstance(k.tensor, State) and not k.fixed and not k.back
        ),
        max(relation, key=lambda k: (not k.fixed, -k.back)),
    )
    parts = [
        term(PLAIN, -weight / relation[solved], [_name(kept)])
        for kept, weight in reversed(list(relation.items()))
        if kept != solved
    ]
    return f"{_name(solved)} = {added(parts)}"


def _name(kept: Kept) -> str:
    tensor = kept.tensor.xreplace({I: I - kept.back})
    if kept.side:
        names = {
            part: State(f"{part.name}'", part.index) for part in tensor.atoms(State)
        }
        tensor = tensor.xreplace(names)
    return plain(tensor)
