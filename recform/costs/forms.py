"""What a network keeps in another form: a tape becomes the tape of a leaner pass.

The rules are those of the code that runs (`again.py` and `lean.py` in `blocks/support`): which
tensors the backward pass makes again, of what, and from when to when they are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from recform.blocks import Amount
from recform.costs.backwards import as_run, run_back
from recform.costs.notes import Note, Room
from recform.costs.tape import NOTHING, Buffer, Operation, Tape, but
from recform.memory import Memory

#: As in `Again`: what so many steps in a row lead to is kept, in a lean pass and where
#: products run again too.
DEEPEST = {Memory.lean: 16, Memory.checkpoint: 128}


def under(tape: Tape, forms: Sequence[Memory]) -> Tape:
    """The tape of a network that keeps less.

    Args:
        tape: of the plain network.
        forms: what is kept of each unit: what stands before the blocks, each block, and
            what stands behind them.
    """
    if Memory.reversible not in forms:
        return Forming(forms).tape(tape)
    forms = as_run(tape, forms)
    return run_back(Forming(forms).tape(tape), forms)


def steps(tape: Tape) -> list[tuple[bool, bool, int]]:
    """What a lean pass knows of what each operation makes, in the end of the forward pass.

    Of operations that know as much as others before them, those behind do too: whether it
    keeps the tensor, and what the operation has inside; and how many steps lead to it, as
    far as they count.
    """
    lean = Forming((Memory.lean,) * tape.units)
    lean.forward(tape)
    return [lean.known(number, op) for number, op in tape.numbered()]


def regions(forms: Sequence[Memory]) -> list[int]:
    """For each unit the number of its region: no tensor is made again of another one's.

    Units of one form in a row are a region, but one that runs again is its own.
    """
    found: list[int] = []
    for number, form in enumerate(forms):
        joined = number and form is forms[number - 1] is not Memory.checkpoint
        found.append(found[-1] if joined else (found[-1] + 1 if found else 0))
    return found


class Forming:
    """Follows a forward pass, and from where it is the backward pass.

    Args:
        forms: what is kept of each unit.
    """

    def __init__(self, forms: Sequence[Memory]) -> None:
        self._forms = forms
        self._regions = regions(forms)
        self._tape = Tape()
        self._notes: dict[int, Note] = {}
        #: Of each tensor the notes of earlier regions.
        self._earlier: dict[int, Note] = {}
        #: What each operation has inside that can be made again.
        self._inner: dict[int, Note] = {}
        #: What the gradient of each operation so far asks for.
        self._asked: list[list[Note]] = []

    def forward(self, tape: Tape) -> None:
        """Follows the forward pass, or goes on with it."""
        self._tape = tape
        done = len(self._asked)
        buffers = tape.buffers
        if not done:
            for number, b in buffers.items():
                if b.born < 0 or b.earlier:
                    kept = b.born < 0 or (b.before and not b.alone)
                    note = Note(b.amount, self._size(b.amount), b.named)
                    note.outside, note.kept = b.born < 0 or b.given, kept
                    self._notes[number] = note
        for number, op in enumerate(tape.operations[done:], tape.first + done):
            buffer = buffers[op.makes]
            size = self._size(buffer.amount)
            note = Note(buffer.amount, size, buffer.named)
            note.outside = note.kept = buffer.given
            self._notes[op.makes] = note
            self._asked.append([])
            self._forward(number, op)

    @property
    def last(self) -> int:
        """The number of the operation that is next."""
        return self._tape.last

    def _size(self, amount: Amount) -> int:
        """To compare it with others."""
        return amount.held(self._tape.batch, self._tape.size)

    def known(self, number: int, operation: Operation) -> tuple[bool, bool, int]:
        """As of :func:`steps`."""
        own = self._notes[operation.makes]
        inner = self._inner.get(number)
        deep = min(own.deep, DEEPEST[Memory.lean] + 1)
        return own.kept, inner is not None and inner.kept, deep

    def tape(self, tape: Tape) -> Tape:
        """The tape of a pass that keeps less.

        Args:
            tape: of the plain one; or after that, one that begins likewise and goes on.
        """
        if self._asked:
            for notes in (self._notes, self._earlier, self._inner):
                for note in notes.values():
                    note.anew()
        self.forward(tape)
        for number, asked in enumerate(self._asked, tape.first):
            for note in asked:
                note.needs(number)
        operations = [
            self._backward(number, operation)
            for number, operation in reversed([*tape.numbered()])
        ]
        buffers = {n: self._buffer(n, b) for n, b in tape.buffers.items()}
        return replace(tape, operations=operations[::-1], buffers=buffers)

    def _buffer(self, number: int, buffer: Buffer) -> Buffer:
        note = self._notes.get(number)
        if note is None or buffer.before:
            # What is made behind is before this in the backward pass.
            alone = buffer.alone and not (note and note.kept)
            return but(buffer, kept=None, alone=alone)
        there = self._earlier.get(number, note).there
        kept, again = note.last if note.kept else None, (there,) if there else ()
        same = kept == buffer.kept and again == buffer.again
        return buffer if same else but(buffer, kept=kept, again=again)

    def _form(self, operation: Operation) -> Memory:
        """What is kept of an operation; of one between blocks that run backwards all."""
        form = self._forms[operation.unit]
        between = operation.between and form is Memory.reversible
        return Memory.plain if between else form

    # -- forward

    def _forward(self, number: int, operation: Operation) -> None:
        form, region = self._form(operation), self._regions[operation.unit]
        own = self._notes[operation.makes]
        own.region = region
        if operation.unheld:
            own.named = -1
        if form is Memory.reversible:
            return
        for buffer in operation.asks:
            if buffer != operation.makes:
                note = self._noted(buffer, region)
                if operation.exact:
                    note.keep()
                self._want(note, number, form)
        cheap = form is Memory.checkpoint or (form is Memory.lean and operation.cheap)
        if cheap and not operation.changed_in_place:
            self._note(number, operation, own, form)
        if operation.makes in operation.asks:
            self._want(own, number, form)

    def _noted(self, buffer: int, region: int) -> Note:
        """The note of a tensor; another region makes one of its own."""
        note = self._notes[buffer]
        if note.region != region and not note.kept:
            self._earlier.setdefault(buffer, note)
            note = Note(note.amount, note.size, note.named, region=region)
            self._notes[buffer] = note
        return note

    def _note(self, number: int, operation: Operation, own: Note, form: Memory) -> None:
        """Notes how what an operation makes is made again."""
        region, notes = own.region, self._notes
        # Most of a long list are kept already.
        inputs = tuple(
            note if note.kept or note.region == region else self._noted(read, region)
            for read, note in zip(
                operation.reads, map(notes.__getitem__, operation.reads), strict=True
            )
        )
        fixed = all(note.outside for note in inputs) and not operation.aided
        deep = 1 + max((note.deep for note in inputs), default=-1)
        inside = _rest(operation.inside, operation.stays)
        narrow = operation.cheap and operation.stays != NOTHING
        if narrow:
            inside = _narrowed(operation)  # What stays stands for all of it.
        if inside != NOTHING:
            size = self._size(inside)
            inner = self._inner[number] = Note(inside, size, number, region=own.region)
            if narrow:
                inner.made = number
            elif not fixed:
                inner.make(number, inputs, deep)
            self._want(inner, number, form)
            if narrow or not operation.cheap:
                inputs = (*inputs, inner)
        if not fixed:
            own.make(number, inputs, deep)
            for note in inputs:
                note.users += 1

    def _want(self, note: Note, by: int, form: Memory) -> None:
        if form is Memory.plain and not note.kept:
            note.keep()
        note.want(by, DEEPEST.get(form, 0))
        self._asked[-1].append(note)

    # -- backward

    def _backward(self, number: int, operation: Operation) -> Operation:
        """The operation with what its forward and its backward pass have besides."""
        watched = self._form(operation) in (Memory.lean, Memory.checkpoint)
        if watched and operation.watched != NOTHING:
            notes = map(self._notes.__getitem__, operation.reads)
            gone = sum((note.amount for note in notes if not note.kept), NOTHING)
            workspace = operation.workspace + _rest(operation.watched, gone)
            operation = but(operation, workspace=workspace)
        return self._asking(number, operation)

    def _asking(self, number: int, operation: Operation) -> Operation:
        form, asked = self._form(operation), self._asked[number - self._tape.first]
        nothing = not asked and operation.inside == NOTHING
        # In a plain pass all that is asked for is kept.
        if nothing or form in (Memory.plain, Memory.reversible):
            return operation
        room = Room()
        for note in asked:
            self._value(note, number, room)
            note.given += 1
            if note.given == note.asks and note.since is not None:
                note.there = number, note.since, note.often
                note.since = None
        inside, more, waits = operation.inside, NOTHING, 0
        stays = operation.stays
        if form is Memory.checkpoint:
            stays = _rest(stays, operation.fixed)
        inner = self._inner.get(number)
        if inner is not None:
            inside = stays
            if inner.kept:
                inside += inner.amount
            elif inner.there is not None:
                waits = inner.there[1] - number
                more += NOTHING if waits else inner.amount
        else:
            again = operation.cheap or form is Memory.checkpoint
            left = stays if again else operation.lean
            more += _rest(inside, left)
            inside = left
        if (inside, more, waits) == (operation.inside, NOTHING, 0) and not room.again:
            return operation
        more += self._gathered(number, operation)
        whole = _narrowed(operation)
        return but(
            operation,
            inside=inside,
            # What is kept as something smaller stands beside that, while it is needed.
            workspace=whole + inside if whole != NOTHING else operation.workspace,
            workspace_back=operation.workspace_back + more,
            # What is there from then on counts by itself.
            remaking=more + Amount(once_bytes=room.most - room.now),
            waiting=inner.amount if inner and waits else NOTHING,
            waits=waits,
            again=tuple(room.again),
        )

    def _value(self, note: Note, number: int, room: Room) -> bool:
        """Has a tensor; whether nobody else has it then."""
        if note.kept or note.working or note.since is not None:
            return False
        assert note.made is not None
        operation = self._tape.operations[note.made - self._tape.first]
        narrow = _narrowed(operation) != NOTHING
        own: list[Note] = []
        parts = [part for part in note.inputs if not part.kept]
        for item in sorted(parts, key=lambda part: part.turn):
            if self._value(item, number, room):
                item.working = True
                own.append(item)
        writes = operation.cheap and operation.stays == NOTHING
        over = writes and any(item.size == note.size for item in own)
        # By what is kept of it, it does without what it makes besides.
        inside = self._size(operation.inside)
        besides = 0 if narrow else max(0, self._size(operation.workspace) - inside)
        room.take(0 if over else note.size, besides)
        for item in own:
            item.working = False
            room.now -= item.size
        if over:
            room.now += note.size  # It is written over one of them.
        if not narrow or note is not self._inner.get(note.made):
            room.again.append(note.made)
        if note.given == note.asks:
            return True
        note.often = self._often(note.made, number)
        note.since = self._since(note.made, number)
        return False

    def _gathered(self, number: int, operation: Operation) -> Amount:
        """The gradients of the members before one, beyond what these kept and let go of."""
        if operation.gathers == NOTHING:
            return NOTHING
        first, last = self._row(number)
        made = {op.makes for op in self._tape.cut(first, last + 1)}
        notes = (self._notes[n] for n in made if self._tape.buffers[n].copies > 1)
        kept = sum(note.size for note in notes if note.kept)
        left = max(0, self._size(operation.gathers) - kept)
        return Amount(once_bytes=left * (operation.runs - 1))

    def _row(self, number: int) -> tuple[int, int]:
        """The first and the last one of the operations that run in a row with one."""
        at = self._tape.operations[number - self._tape.first]
        first = last = number
        while first > self._tape.first and _in_row(
            at, *self._tape.cut(first - 1, first)
        ):
            first -= 1
        while last + 1 < self._tape.last and _in_row(
            at, *self._tape.cut(last + 1, last + 2)
        ):
            last += 1
        return first, last

    def _since(self, made: int, number: int) -> int:
        """The operation from whose gradient on another one has what it asks for.

        Of operations that run in a row each has it in its turn, and the others meanwhile.
        """
        first, last = self._row(number)
        return number if made >= first else last

    def _often(self, made: int, number: int) -> int:
        """How many tensors of operations that run in a row another one has at once.

        One of the same row asks for its own, in its turn; what asks for all of them has
        them until the last is through.
        """
        if number <= self._row(made)[1]:
            return 1
        (operation,) = self._tape.cut(made, made + 1)
        return self._tape.buffers[operation.makes].copies


def _in_row(one: Operation, other: Operation) -> bool:
    """Whether operations that stand side by side run in a row, one after the other."""
    return one.runs == other.runs > 1 and one.unit == other.unit


def _narrowed(operation: Operation) -> Amount:
    """What an operation has inside and a pass keeps as something smaller: masks, places."""
    narrow = operation.cheap and operation.stays not in (NOTHING, operation.inside)
    return operation.inside if narrow else NOTHING


def _rest(whole: Amount, part: Amount) -> Amount:
    """What is left of an amount; nothing where a mask of bytes takes the place of numbers."""
    if whole == NOTHING:
        return whole
    return Amount(*(max(0, a - b) for a, b in zip(whole, part, strict=True)))
