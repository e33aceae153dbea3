"""Rows of operators, and what they are made of.

A link says how what it makes lies in memory. What a product of matrices copies of it, and
which arguments are one tensor, hang on what has been written before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from recform.algebra.reckoned import missing
from recform.blocks import Amount, Cost, Work
from recform.blocks.acts import Inner, Link, statements
from recform.costs.tape import GENERATOR, Held, Seen, Tape, but
from recform.costs.writer.operations import Operations, twice_in


class Writer(Operations):
    """Writes a tape.

    Attributes:
        gpu: whether it is of what a network does on a GPU.
        apart: whether operators are modules in a row, and what comes in has no name.
        left: what the last chain had a name for before it was through.
        out: what has the name of that until the first statement of the next one is.
        opens: whether the last chain began with what is several operations: what their
            gradients ask for is noted.

    Args:
        unnamed: tensors inside of definitions that have no variable.
        modules: those that modules of these make.
        gpu: whether it is of what a network does on a GPU.
        batch: how many examples there are at once; of one products copy nothing.
        size: bytes of a number.
    """

    def __init__(
        self,
        unnamed: frozenset[object],
        modules: frozenset[object],
        *,
        gpu: bool = False,
        batch: int = 2,
        size: int = 4,
    ) -> None:
        super().__init__(
            Tape(size=size, batch=batch, generator=0 if gpu else GENERATOR)
        )
        self.gpu = gpu
        self._unnamed, self._modules = unnamed, modules
        self.apart = False
        self.opens = False
        self.left: Held = ()
        self.out: Held = ()

    def chain(
        self,
        links: Sequence[Link],
        given: Held,
        owner: object,
        parts: Sequence[Held] = (),
    ) -> Held:
        """Operators one after the other; what comes in is held until they are through.

        Args:
            links: the operators.
            given: what comes in.
            owner: whose parameters they have.
            parts: of several inputs each.
        """
        x = named = given
        start, place, opens = self.here, 0, False
        self.tape.differs |= any(link.cost.gpu for link in links)
        links = [link.on_gpu if self.gpu else link for link in links]
        links = [link.in_half if self.tape.size < 4 else link for link in links]
        links = [link for link in links if not (self._alone and link.cost.folds)]
        for statement in statements(links, apart=self.apart):
            named = x
            for link in statement:
                argument = x
                copies = link.copies or (link.multiplies and self._dealt(x))
                if copies or self._has_to_copy(link, x):
                    x = self._operation(self._copy(x, copies), x, None)
                here = self.here
                here_owner = owner and (owner, place)
                place += 1
                inside = link.inside() if link.inside else ()
                if inside:
                    each = parts if here == start and parts else (x,)
                    held = dict(zip(link.takes, each, strict=True))
                    copied, x = x, self._opened(inside, held, here_owner)
                    opens |= here == start
                    self._lay(x, link.order, copied)
                    self.name((*argument, *copied))  # They are to the end of the call.
                    continue
                made = self._operation(
                    link, x, here_owner, twice_in(parts, x) if here == start else ()
                )
                if link.multiplies and argument is not x and not link.cost.unheld:
                    # Behind a copy torch adds the bias in place, but where it is watched.
                    op = self.tape.operations[-1]
                    self.tape.operations[-1] = but(op, watched=link.amount)
                if link.cost.saves_input and (link.multiplies or here > start):
                    self.keep(x, here)
                if link.cost.saves_output and link is not links[-1]:
                    self.keep(made, here)
                if argument is not x:  # of which there is a copy
                    self.name(argument)
                x = made
            self.name((*named, *self.out))
            self.out = ()
        self.opens = opens
        if not self.apart and (named is not given or self.here == start):
            self.name(given)
        self.left = named if named != given else ()
        return x

    def each(
        self,
        links: Sequence[Link],
        x: Held,
        owner: object,
        parts: Sequence[Held],
        count: int,
    ) -> Held:
        """Operators on one member after the other, each of which lets go of its own.

        Those that come into the network go apart: what is made of them alone is nothing
        that a pass makes again.
        """
        buffers, start = self.tape.buffers, self.here
        first = start
        groups = [x]
        if len(x) == count and len(parts) < 2:
            given = tuple(n for n in x if buffers[n].born < 0)
            groups = [tuple(n for n in x if n not in given), given]
        made: Held = ()
        for group in filter(None, groups):
            self._runs = count * len(group) // len(x)
            made += self.chain(links, group, owner, parts if group == x else ())
            if buffers[made[-1]].born >= start:
                self._pile(made[-1], start, group)
                if links[-1].cost.saves_output:
                    self.keep(made[-1:], self.here - 1)
            self._runs, start = 1, self.here
        if len(x) < count and self.here > first:
            self._stacks(first, x)
        return made

    def _stacks(self, first: int, x: Held) -> None:
        """Notes that gradients of the members of a stack are there beside that of it."""
        op = self.tape.operations[first]
        whole = sum((self.tape.buffers[number].amount for number in x), Amount())
        self.tape.operations[first] = but(op, sums=whole)

    def _pile(self, number: int, start: int, x: Held) -> None:
        """Has a row of operations make all of a tensor: they are there until the last is."""
        buffers, operations = self.tape.buffers, self.tape.operations
        last, runs = buffers[number], self._runs
        buffers[number] = but(last, amount=last.amount.times(runs), copies=1)
        before = last.amount.times(runs - 1)
        # Members of a list have a gradient each.
        stacked = (n for n in x if len(x) < runs and buffers[n].trained)
        learned = sum(buffers[n].amount.numbers for n in stacked)
        for place in range(start, last.born + 1):
            op = operations[place]
            piles = before if place < last.born else op.piles
            gathers = Amount(learned // runs) if place > start else op.gathers
            operations[place] = but(op, piles=piles, gathers=gathers)

    def together(self, x: Held) -> Held:
        """What is made of members, put together."""
        size = sum(self.tape.buffers[number].amount.numbers for number in x)
        cost = Cost(cheap=True, hands=True)
        return self.chain((Link(size, cost, (Work(size, size),)),), x, None)

    def reckoned(self, number: Sequence[Inner], known: dict[object, Held]) -> Held:
        """A number that is made of learned ones, of those that are known.

        One that is read again has a variable, as code has it, until here.
        """
        left = missing(number, known)
        made = {item.tensor for item in left}
        for item in number:
            if item.tensor in known and item.tensor not in made:
                self.name(known[item.tensor])
        self._opened(left, known, None)
        return known[number[-1].tensor] if number else ()

    def _opened(
        self, tensors: Sequence[Inner], held: dict[object, Held], owner: object
    ) -> Held:
        """What an operator computes, of what it takes."""
        made: Held = ()
        left: Held = ()
        runs, outside = self._runs, self._inside
        self._inside = owner or outside
        #: The parts that are read alone by what reads a view.
        seen: dict[object, tuple[tuple[object, int, object], ...]] = {}
        if self.gpu:
            tensors = [other for item in tensors for other in item.on_gpu]
        for number, item in self._as_run(tensors):
            start, self._runs = self.here, runs * item.runs
            parts = [held[read] for read in item.reads]
            reads = tuple(dict.fromkeys(n for part in parts for n in part))
            made = self.chain(
                item.links, reads, owner and (owner, item.module or number), parts
            )
            held[item.tensor] = made if item.links else Seen(made)
            if item.tensor not in self._modules:
                left = self.left or left
            more = (cut for read in item.reads for cut in seen.get(read, ()))
            cuts = (*item.cuts, *more)
            if self.here == start:
                seen[item.tensor] = cuts
            else:
                for ask in item.asks:
                    by = self.here - 1 if ask == item.tensor else start
                    self.keep(held[ask], by)
                if item.factor is not None:
                    factor = held[item.factor]
                    if any(self.tape.buffers[n].trained for n in {*reads} - {*factor}):
                        self.keep(factor, start)
                hands, slices = (
                    tuple(n for read in some for n in held[read])
                    for some in (item.hands, item.slices)
                )
                if hands or slices:
                    self.hand_on(hands, slices)
                self.cut(start, [(k, n, held[x]) for k, n, x in cuts])
            for name in item.names:
                if name not in self._unnamed:
                    self.name(held[name])
        self._runs, self._inside = runs, outside
        self.name(left)
        return made

    def _as_run(self, tensors: Sequence[Inner]) -> list[tuple[int, Inner]]:
        """What an operator computes, with its place, in the order in which code runs it.

        In one expression two factors are multiplied before the next one is computed; what
        has a variable is there before the expression.
        """
        named = {n for item in tensors for n in item.names} - self._unnamed
        places = {item.tensor: number for number, item in enumerate(tensors)}
        when: list[tuple[int, int]] = []
        for number, item in enumerate(tensors):
            terms, before = [*item.reads], item.tensor
            for other in tensors[number + 1 :] if item.meets else ():
                if not other.meets or other.reads[0] != before:
                    break
                terms += [n for n in other.reads[1:] if n in named]
                before = other.tensor
            at = max((when[places[n]][0] for n in terms if n in places), default=0)
            when.append((at if item.meets else number, number))
        order = sorted(range(len(tensors)), key=when.__getitem__)
        return [(number, tensors[number]) for number in order]

    def copied(self, x: Held) -> Held:
        """Copies of several examples, by which a product of matrices has rows."""
        return x if self._alone else self.chain((self._copy(x),), x, None)


class Works(Writer):
    """Writes down what is computed, and nothing of what is held meanwhile."""

    def name(self, held: Held) -> None:
        """Nothing: names only hold."""

    def keep(self, held: Held, by: int) -> None:
        """Nothing: what is kept is held."""

    def hand_on(self, held: tuple[object, ...], slices: Held = ()) -> None:
        """Nothing: there are no gradients."""

    def cut(self, start: int, parts: Iterable[tuple[object, int, Held]]) -> None:
        """Nothing, likewise."""

    def finish(self) -> Tape:
        """The tape, when all is written."""
        return self.tape
