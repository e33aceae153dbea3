"""How an answer on equality reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from recform.diagnostics import counted
from recform.equality.counterexample.example import Example
from recform.equality.verdict import ANY, DIFFERENT, LINEAR, OPEN, OwnDepth, Verdict


def lines(verdict: Verdict) -> list[str]:
    """For the terminal."""
    left, right = verdict.names
    result = [f"{left} and {right}: {_ANSWERS[verdict.answer]}"]
    if verdict.answer == LINEAR:
        result[0] += (
            ", and different for some others"
            if verdict.example
            else "; not known for others"
        )
    if verdict.begin and verdict.answer in (ANY, LINEAR):
        result[0] += ", from other start values"
    if verdict.frame and verdict.answer in (ANY, LINEAR):
        result[0] += ", but not all that stands around the equations"
    if verdict.answer == ANY:
        result.append("For any operators, linear or not, and any number of blocks.")
    if verdict.relations:
        result.append(
            "\nProof: this holds at every block, by induction"
            + (
                f" ({right} has the primes)"
                if any("'" in r for r in verdict.relations)
                else ""
            )
        )
        result += [f"  {line}" for line in verdict.relations]
        result.append(
            "Each equation is the same in both, by laws of numbers and functions."
            if verdict.by_laws
            else f"The first {verdict.checked} depths were compared one by one."
        )
    elif verdict.answer == ANY and not verdict.checked:
        result.append("Equations, start and output are the same.")
    for name, starts, numbered in zip(
        verdict.names, verdict.starts, verdict.numbered, strict=True
    ):
        if starts:
            what = "equations for single blocks" if numbered else "start"
            result.append(f"\nWith the {what} of {name}:")
            result += [f"  {line}" for line in starts]
    if verdict.answer in (ANY, LINEAR) and verdict.interior is False:
        result.append(
            "\nIt holds because of the start: between later blocks the paths differ, so "
            "these are two architectures."
        )
    if verdict.answer == OPEN:
        result.append(_open(verdict))
        if verdict.own is not None:
            result.append(_own_line(verdict.own))
    if verdict.example is not None:
        result += ["", *_example_lines(verdict, verdict.example)]
    result += ["", *_frame_lines(verdict)]
    if verdict.begin:
        result.append(
            "\nThey start from other values, which the answer leaves out: it is about "
            "functions of what is learned."
        )
        result += [f"  {change.text(verdict.names)}" for change in verdict.begin]
    result.append("\nTaken for granted:")
    result += [f"  {line}" for line in verdict.notes]
    return result


_ANSWERS = {
    ANY: "equal",
    LINEAR: "equal if operators are linear",
    DIFFERENT: "different",
    OPEN: "undecided",
}


def _frame_lines(verdict: Verdict) -> list[str]:
    if not verdict.frame:
        return ["Around the equations (stem, stages, blocks, head) nothing differs."]
    return [
        "Around the equations they differ, which the answer leaves out:",
        *(f"  {change.text(verdict.names)}" for change in verdict.frame),
    ]


def _example_lines(verdict: Verdict, found: Example) -> list[str]:
    kind = "matrices" if found.linear else "operators that are not linear"
    result = [
        f"With {counted(found.depth, 'block')} and {kind} (seed {found.seed}) the outputs are"
    ]
    for name, values in zip(verdict.names, found.outputs, strict=True):
        result.append(f"  {name}: {', '.join(values)}")
    if verdict.own is not None:
        result.append(_own_line(verdict.own))
    return result


def _own_line(own: OwnDepth) -> str:
    """What is known of networks as deep as those of the files."""
    depth = counted(own.blocks, "block")
    whose = f"the depth of {own.owner}" if own.owner else "the depth of both files"
    if own.same:
        return f"With {depth}, {whose}, they are equal for any operators."
    return f"They differ with {depth}, {whose}, too."


def _open(verdict: Verdict) -> str:
    if not verdict.checked and verdict.differs is None:
        return "What an operator of the equations does was not compared, and differs."
    if verdict.differs is None:
        return f"No depth up to {verdict.checked} tells them apart, and no proof was found."
    if verdict.example is None:
        # Normal forms that differ prove nothing: not every law of max is in them.
        return "Neither a proof was found nor numbers that tell them apart."
    return (
        "They differ for some operators that are not linear; for linear ones no proof "
        "was found."
    )


def as_dict(verdict: Verdict) -> Mapping[str, object]:
    """For ``--json``."""
    return {
        "networks": list(verdict.names),
        "answer": verdict.answer,
        "checked_depth": verdict.checked,
        "differs_at_depth": verdict.differs,
        "same_by_laws": verdict.by_laws,
        "relations": list(verdict.relations),
        "starts": [list(lines) for lines in verdict.starts],
        "same_paths_between_later_blocks": verdict.interior,
        "example": None if verdict.example is None else verdict.example.as_dict(),
        "own_depth": None
        if verdict.own is None
        else {
            "blocks": verdict.own.blocks,
            "of": verdict.own.owner or None,
            "same": verdict.own.same,
        },
        "frame": [asdict(change) for change in verdict.frame],
        "start_values": [asdict(change) for change in verdict.begin],
        "assumptions": list(verdict.notes),
    }
