"""Which form of a network is written: what the options of ``compile`` ask for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recform.diagnostics import refuse
from recform.memory import Memory

if TYPE_CHECKING:
    from recform.algebra.formula import Formula
    from recform.costs.planning import Budget


@dataclass(frozen=True)
class Target:
    """The form that is wanted of a network; the plain one, if nothing is said.

    Attributes:
        timm: whether the class gets the interface of timm's models.
        generation: whether it can go on by positions, and keeps what it has seen.
        inference: whether it is for inference: what is linear is one operator.
        memory: what is kept for the backward pass; None for what the file says.
        budget: what the most is that training may hold, which decides what each part of
            the network keeps.
    """

    timm: bool = False
    generation: bool = False
    inference: bool = False
    memory: Memory | None = None
    budget: Budget | None = None

    def keeps(self, formula: Formula) -> Memory:
        """What the network of a formula keeps for its backward pass."""
        return Memory.lean if self.budget else self.memory or formula.memory

    @property
    def options(self) -> str:
        """Of the command line, but for those that say what is kept."""
        return "".join(self._options())

    def _options(self) -> Iterator[str]:
        if self.timm:
            yield " --timm"
        if self.generation:
            yield " --for generation"
        if self.inference:
            yield " --for inference"

    def check(self) -> None:
        """Makes sure that what is asked for goes together.

        Raises:
            CompileError: for a budget beside a form for all parts (RF541), or a network for
                inference in another form (RF542).
        """
        told = self.memory not in (None, Memory.plain)
        if self.budget and told:
            refuse(
                "RF541",
                "a budget decides what each part keeps, and memory "
                f"{self.memory} says it for all",
                "leave out one of the two",
            )
        others = {
            "timm's interface": self.timm,
            "a pass by positions": self.generation,
            "a budget for training": self.budget is not None,
            f"the memory {self.memory} of a backward pass": told,
        }
        other = next((what for what, wanted in others.items() if wanted), None)
        if self.inference and other:
            refuse(
                "RF542",
                f"a network for inference has no other form, and {other} is one",
                "fold it for inference, or give it that form",
            )


#: Nothing is asked for.
PLAIN = Target()
