"""An analysis on the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from recform.analysis.jacobian.closed import Jacobian, Pieces
from recform.analysis.model import Analysis, FlowAnalysis
from recform.analysis.paths.distribution import TABLE, Distribution, Paths
from recform.analysis.stability.characteristic import Stability
from recform.analysis.stability.rounding import Errors
from recform.diagnostics import counted
from recform.recurrence.regimes import in_blocks, ranges
from recform.report.terminal import console_of
from recform.variance.variance import Growth, Moments

#: Tables of paths have at most so many rows; more are summed up.
ROWS = 40
#: Formulas that are longer than this are cut.
WIDE = 400
#: Whole numbers with more digits are rounded.
DIGITS = 15


#: What is printed: a line, which is indented and cut, or anything else as it is.
_Item: TypeAlias = str | Text | Table


def render(analysis: Analysis, console: Console | None = None) -> None:
    """Prints an analysis."""
    console = console_of(console)
    for item in _items(analysis):
        if isinstance(item, str):
            console.print(Text(f"  {_cut(item)}"), soft_wrap=True)
        else:
            console.print(item)


def _items(analysis: Analysis) -> Iterator[_Item]:
    yield Text(analysis.name, style="bold")
    for line in (*analysis.equations, *analysis.boundaries):
        yield Text(f"  {line}", style="cyan")
    yield from _reads(analysis)
    yield from _jacobians(analysis)
    for flow in analysis.flows:
        yield from _flow(flow, analysis)
    together = analysis.whole
    if together is not None:
        yield _heading("Paths through all stages")
        spread = "" if together.spread is None else f", spread {together.spread:.4g}"
        yield f"{whole(together.total)} in all{_mean(together)}{spread}"
    yield from _stability(analysis)
    yield from _invariants(analysis)
    yield from _inverse(analysis)
    for sentence in analysis.assumptions:
        yield Text(f"Assumed: {sentence}.")


def _heading(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _cut(text: str) -> str:
    return text if len(text) <= WIDE else text[: WIDE - 4].rsplit(" ", 1)[0] + " ..."


def _reads(analysis: Analysis) -> Iterator[_Item]:
    yield _heading("Which earlier blocks a block reads (0: the input)")
    several = len(analysis.reads) > 2
    for item in analysis.reads:
        blocks = in_blocks(item.blocks) if several else "block i"
        whom = blocks if item.blocks else "the output"
        yield f"{whom}: {', '.join(read.text() for read in item.reads) or 'none'}"


def _jacobians(analysis: Analysis) -> Iterator[_Item]:
    kept = "kept as letters" if analysis.asked.activations else "left out"
    yield _heading(f"Jacobian (operators linear, activations {kept})")
    if analysis.unlinear:
        yield f"none for any block: {analysis.unlinear}"
    for item in analysis.jacobians:
        if item.own is not None:
            yield from _pieces(item, item.own)
            continue
        yield item.recurrence.text()
        yield from (row.text() for row in item.written[1:])
        if item.closed is not None:
            yield f"for any i: {item.closed.text()}"
    if analysis.start:
        yield Text("By the input, from the boundary on:")
        yield from (row.text() for row in analysis.start)


def _pieces(item: Jacobian, own: Pieces) -> Iterator[str]:
    """What holds where, in a network some of whose blocks have their own equations."""
    for case in own.cases:
        yield f"for {case.where()}: {case.recurrence.text()}"
    if item.closed is not None and own.behind is not None:
        yield f"for any i, L-i = {own.behind} and more: {item.closed.text()}"
    for rows in own.written.values():
        yield from (row.text() for row in rows[1:])


# -- paths


def _flow(item: FlowAnalysis, analysis: Analysis) -> Iterator[_Item]:
    blocks = counted(item.flow.length, "block")
    where = "" if item.flow.name == "network" else f", {item.flow.name}"
    for found in item.paths:
        yield _heading(f"Paths from {found.origin} to the output, {blocks}{where}")
        yield from _paths(found, analysis.asked.gain)
    if item.uncounted:
        yield _heading(f"Paths to the output, {item.flow.length} blocks")
        yield f"not counted: {item.uncounted}"
    for deleted in item.ablations:
        yield (
            f"without block {deleted.blocks[0]}: {whole(deleted.left.total)} of "
            f"{whole(item.paths[0].net.total)} paths are left{_mean(deleted.left)}"
        )
    if item.swapped is not None:
        first, second = item.swapped.blocks
        # Blocks with other equations keep these, and give each other what they own.
        operators = "operators of " if analysis.own else ""
        yield (
            f"{operators}blocks {first} and {second} swapped: "
            f"{whole(item.swapped.both)} paths pass both in the other order, "
            f"{whole(item.swapped.one)} pass the other one, "
            f"{whole(item.swapped.left.total)} notice nothing"
        )


def _mean(found: Distribution) -> str:
    return "" if found.mean is None else f", mean length {found.mean:.4g}"


def _paths(found: Paths, gain: float) -> Iterator[_Item]:
    net = found.net
    summary = f"{whole(net.total)} in all"
    if net.mean is not None and net.spread is not None:
        summary += f"; mean length {net.mean:.4g}, spread {net.spread:.4g}"
    shares = net.weighted(gain)
    if shares:
        mean = sum(k * share for k, share in enumerate(shares))
        summary += f"; with a gain of {gain:g} a block, mean length {mean:.4g}"
    yield summary
    if found.cancels:
        yield f"{whole(found.raw.total)} before terms with opposite signs cancel"
    yield from _start(found)
    if 0 < len(net.counts) <= ROWS:
        yield _table(found, gain, shares)


def _table(found: Paths, gain: float, shares: Sequence[float]) -> Table:
    """A row for each length that any path has."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    raws = ["before cancelling"] if found.cancels else []
    for name in (
        "blocks passed",
        "paths",
        *raws,
        f"share, gain {gain:g}",
        "mean width",
    ):
        table.add_column(name, justify="right")
    table.add_column("through blocks", overflow="fold")
    for k, count in enumerate(found.net.counts):
        raw = found.raw.counts[k] if k < len(found.raw.counts) else 0
        if not count and not raw:
            continue
        width = found.widths[k] if k < len(found.widths) else None
        table.add_row(
            str(k),
            whole(count),
            *([whole(raw)] if found.cancels else []),
            f"{100 * shares[k]:.3g}%" if shares else "",
            "" if width is None else f"{width:.4g}",
            _through(found, k),
        )
    return table


def _start(found: Paths) -> Iterator[str]:
    """The effective depth, where it is not that of paths which all weigh the same."""
    if found.start is None:
        if found.length <= TABLE:
            yield f"not weighed as it starts: {found.unweighed}"
        return
    mean = found.start.mean
    if found.start.weights == tuple(map(float, found.net.counts)) or mean is None:
        return
    shortest, longest = found.start.ends
    yield (
        f"weighed as the network starts: effective depth {mean:.4g} (paths of "
        f"{shortest} to {longest} operators)"
    )


def _through(found: Paths, k: int) -> str:
    """The blocks that all paths of a length pass, or that they share equally."""
    if k >= len(found.through) or not k or not found.net.counts[k]:
        return ""
    row = found.through[k]
    count = found.net.counts[k]
    blocks = [found.first + 1 + n for n in range(len(row))]
    if min(row) < 0:
        return ""
    used = [(block, n) for block, n in zip(blocks, row, strict=True) if n]
    every = [block for block, n in used if n == count]
    if len(every) == len(used):
        return f"all: {ranges(every)}"
    most = max(n for _, n in used)
    if min(row) == most:
        return f"each block on {whole(most)}"
    often = [block for block, n in used if n == most]
    return f"most often {ranges(often)}, on {whole(most)}"


def whole(number: int) -> str:
    """A whole number: grouped, or rounded if it has very many digits."""
    if abs(number) < 10**DIGITS:
        return f"{number:,}"
    from decimal import Context, Decimal

    # A context of few digits; the conversion of the whole number would take long.
    bits = max(number.bit_length() - 200, 0)
    context = Context(prec=20, Emax=10**9, Emin=-(10**9))
    scale = context.power(Decimal(2), Decimal(bits))
    return f"{context.multiply(Decimal(number >> bits), scale):.4e}"


# -- the rest


def _stability(analysis: Analysis) -> Iterator[_Item]:
    found = analysis.stability
    yield _heading("Stability (equal blocks, every operator a number)")
    if found is None:
        yield f"no characteristic polynomial: {analysis.unlinear}"
    elif not analysis.own:
        yield from _equal_blocks(found, "")
    elif not analysis.regimes:
        yield "no two blocks in a row have the same equations"
    for regime in analysis.regimes:
        yield from _equal_blocks(regime.stability, f"{in_blocks(regime.blocks)}: ")
    for item in analysis.flows:
        where = "" if item.flow.name == "network" else f" of {item.flow.name}"
        both = [item.random, item.moments]
        for moments in both[: 1 if analysis.asked.gain == 1 else 2]:
            if moments is not None:
                yield from _moments(moments, where)
        if item.growth is not None:
            yield from _growth(item.growth, where)
        if item.unfollowed:
            yield f"variances are not followed: {item.unfollowed}"


def _equal_blocks(found: Stability, where: str) -> Iterator[str]:
    degree = sum(r.multiplicity for r in found.roots)
    shown = found.polynomial or (f"of degree {degree}" if degree else "large")
    yield f"{where}characteristic polynomial: {shown}"
    if found.unknown:
        yield f"{where}no roots: {found.unknown}"
        return
    varying = found.varying
    there = f", in block {varying.block}" if varying else ""
    zero = "all operators and gates zero" if found.gated else "all operators zero"
    yield f"{where}roots with {zero}{there}: {_roots(found)}"
    if varying and varying.growth is not None:
        yield (
            f"{where}with {zero} values become {varying.growth:.4g} times as "
            f"large at most over {varying.blocks} blocks"
        )
    if found.power:
        yield f"{where}a root is repeated: values grow like i^{found.power}"


def _roots(found: Stability) -> str:
    parts = []
    for root in found.roots:
        real, imaginary = root.value.real, root.value.imag
        text = (
            f"{real:.4g}" if abs(imaginary) < 1e-12 else f"{real:.4g}{imaginary:+.4g}i"
        )
        parts.append(
            text + (f" ({root.multiplicity} times)" if root.multiplicity > 1 else "")
        )
    return ", ".join(parts)


def _moments(found: Moments, where: str) -> Iterator[str]:
    yield (
        f"random blocks of gain {found.gain:g}: after {found.blocks} blocks{where} the "
        f"variance{', forward and backward,' * found.symmetric} is {_grown(found)}"
    )
    if found.gates:
        numbers = ", ".join(f"{name} = {value:.4g}" for name, value in found.gates)
        yield f"  with a number for each gate: {numbers}"
    last = f"block {found.blocks}, " if found.elsewhere else ""
    rows = [(last, share) for share in found.shares]
    rows += [
        (f"block {other.block}, ", share)
        for other in reversed(found.elsewhere)
        for share in other.shares
    ]
    for block, share in rows:
        gates = f" (its gates give {share.gates})" if share.gates else ""
        yield f"  {block}{share.term} has {_variance(share.variance)}{gates}"
    if found.gain != 1.0:
        return
    # A gain that keeps one variance need not keep another one.
    keeps = "keeps it at" if found.proportional else "makes it"
    if found.level:
        yield f"  any initial gain {keeps} 1"
    elif found.steady is not None:
        yield f"  an initial gain of {found.steady:.4g} {keeps} 1"
    else:
        line = f"  no initial gain above 0 {keeps} 1"
        if found.double is not None:
            line += f"; {found.double:.4g} {keeps} 2"
        if found.scale is not None:
            line += f"; all of a block multiplied by {found.scale:.4g} {keeps} 1"
        yield line


def _growth(found: Growth, where: str) -> Iterator[str]:
    yield (
        f"where norms work (variance 1 behind {', '.join(found.normed)}): after "
        f"{found.blocks} blocks{where} the variance is {_variance(found.variance)} "
        "for an input of variance 1"
    )
    for share in found.shares:
        yield f"  {share.term} has {_variance(share.variance)}"
    if found.last is not None:
        yield f"  the last block is {100 * found.last:.3g}% of the stream"


def _grown(found: Moments) -> str:
    if found.proportional:
        return f"{_variance(found.variance)} times what it was"
    return f"{_variance(found.variance)} for an input of variance 1"


def _variance(value: float) -> str:
    return "more than 1e308" if math.isinf(value) else f"{value:.4g}"


def _invariants(analysis: Analysis) -> Iterator[_Item]:
    yield _heading("Invariants")
    if not analysis.invariants:
        yield "no combination of the state stays constant"
    behind = f", behind block {analysis.own[-1]}" if analysis.own else ""
    for item in analysis.invariants:
        whom = (
            "whatever the operators compute"
            if item.nonlinear
            else "only if the operators are linear"
        )
        if not item.activations:
            whom += ", and only without the activations"
        yield f"{item.text()}: {whom}{behind}"
        if item.form is not None and not analysis.own:
            yield (
                f"  so it equals {item.equal_form()}: the same function, another network "
                "to train"
            )


def _inverse(analysis: Analysis) -> Iterator[_Item]:
    found = analysis.inverse
    yield _heading("Reversibility")
    if not found.exists:
        yield f"no inverse as a formula: {found.obstacle}"
        return
    for step in found.steps:
        note = f" (while {step.divisor} is not 0)" if step.divisor else ""
        yield step.text() + note
    yield _errors(found.lost, found.bound, analysis.asked.gain, analysis.alike)
    for blocks, why in (
        (analysis.borders, "change the shape, where terms are adapted"),
        (analysis.own, "have an equation of their own"),
    ):
        if blocks:
            yield f"not across blocks that {why}: {ranges(list(blocks))}"


def _errors(lost: Errors, bound: Errors, gain: float, depth: int) -> str:
    """How rounding errors grow."""
    if lost.blocks:
        if lost.over is None:
            return "how rounding errors grow depends on the block, and was not followed"
        text = f"rounding errors grow {lost.over:.3g} times at most over {lost.blocks} blocks"
        text += " with operators left out"
        if bound.over is not None:
            text += f"; {bound.over:.3g} times with a gain of {gain:g}"
        return text
    if lost.factor is None:
        return "rounding errors have no bound: a divisor starts at 0"
    text = f"rounding errors grow by {lost.factor:.4g} a block in the long run with"
    text += f" operators left out{_over(lost, depth)}"
    if bound.factor is not None:
        text += f"; by at most {bound.factor:.4g} with a gain of {gain:g}"
        text += _over(bound, depth)
    return text


def _over(growth: Errors, depth: int) -> str:
    """What a growth comes to over all blocks, as a power of ten."""
    power = growth.largest(depth)
    if power <= 1e-9:
        return ""
    times = f"{10**power:.3g}" if power < 6 else f"10^{power:.0f}"
    return f" (at most {times} times over {counted(depth, 'block')})"
