"""An analysis on the terminal."""

from __future__ import annotations

import math

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from recform.analysis.jacobian.closed import Jacobian, Pieces
from recform.analysis.model import Analysis, FlowAnalysis
from recform.analysis.paths.distribution import TABLE, Distribution, Paths
from recform.analysis.stability.characteristic import Stability
from recform.analysis.stability.rounding import Errors
from recform.recurrence.regimes import in_blocks, ranges, runs
from recform.report.terminal import console_of
from recform.variance.variance import Growth, Moments

#: Tables of paths have at most so many rows; more are summed up.
ROWS = 40
#: Formulas that are longer than this are cut.
WIDE = 400
#: Whole numbers with more digits are rounded.
DIGITS = 15


def render(analysis: Analysis, console: Console | None = None) -> None:
    """Prints an analysis."""
    console = console_of(console)
    console.print(Text(analysis.name, style="bold"))
    for line in (*analysis.equations, *analysis.boundaries):
        console.print(Text(f"  {line}", style="cyan"))
    _reads(analysis, console)
    _jacobians(analysis, console)
    for flow in analysis.flows:
        _flow(flow, analysis, console)
    together = analysis.whole
    if together is not None:
        _heading("Paths through all stages", console)
        spread = "" if together.spread is None else f", spread {together.spread:.4g}"
        _line(f"{whole(together.total)} in all{_mean(together)}{spread}", console)
    _stability(analysis, console)
    _invariants(analysis, console)
    _inverse(analysis, console)
    for sentence in analysis.assumptions:
        console.print(Text(f"Assumed: {sentence}."))


def _heading(text: str, console: Console) -> None:
    console.print(Text(f"\n{text}", style="bold"))


def _line(text: str, console: Console) -> None:
    if len(text) > WIDE:
        text = text[: WIDE - 4].rsplit(" ", 1)[0] + " ..."
    console.print(Text(f"  {text}"), soft_wrap=True)


def _reads(analysis: Analysis, console: Console) -> None:
    _heading("Which earlier blocks a block reads (0: the input)", console)
    several = len(analysis.reads) > 2
    for item in analysis.reads:
        blocks = in_blocks(item.blocks) if several else "block i"
        whom = blocks if item.blocks else "the output"
        read = ", ".join(read.text() for read in item.reads) or "none"
        _line(f"{whom}: {read}", console)


def _jacobians(analysis: Analysis, console: Console) -> None:
    kept = "kept as letters" if analysis.asked.activations else "left out"
    _heading(f"Jacobian (operators linear, activations {kept})", console)
    if analysis.unlinear:
        _line(f"none for any block: {analysis.unlinear}", console)
    for item in analysis.jacobians:
        if item.own is not None:
            _pieces(item, item.own, console)
            continue
        _line(item.recurrence.text(), console)
        for row in item.written[1:]:
            _line(row.text(), console)
        if item.closed is not None:
            _line(f"for any i: {item.closed.text()}", console)
    if analysis.start:
        console.print("By the input, from the boundary on:")
        for row in analysis.start:
            _line(row.text(), console)


def _pieces(item: Jacobian, own: Pieces, console: Console) -> None:
    """What holds where, in a network some of whose blocks have their own equations."""
    for case in own.cases:
        _line(f"for {case.where()}: {case.recurrence.text()}", console)
    if item.closed is not None and own.behind is not None:
        _line(f"for any i, L-i = {own.behind} and more: {item.closed.text()}", console)
    for rows in own.written.values():
        for row in rows[1:]:
            _line(row.text(), console)


# -- paths


def _flow(item: FlowAnalysis, analysis: Analysis, console: Console) -> None:
    for found in item.paths:
        blocks = "block" if item.flow.length == 1 else "blocks"
        where = "" if item.flow.name == "network" else f", {item.flow.name}"
        _heading(
            f"Paths from {found.origin} to the output, {item.flow.length} {blocks}{where}",
            console,
        )
        _paths(found, analysis.asked.gain, console)
    if item.uncounted:
        _heading(f"Paths to the output, {item.flow.length} blocks", console)
        _line(f"not counted: {item.uncounted}", console)
    for deleted in item.ablations:
        _line(
            f"without block {deleted.blocks[0]}: {whole(deleted.left.total)} of "
            f"{whole(item.paths[0].net.total)} paths are left{_mean(deleted.left)}",
            console,
        )
    if item.swapped is not None:
        first, second = item.swapped.blocks
        # Blocks with other equations keep these, and give each other what they own.
        operators = "operators of " if analysis.own else ""
        _line(
            f"{operators}blocks {first} and {second} swapped: "
            f"{whole(item.swapped.both)} paths pass both in the other order, "
            f"{whole(item.swapped.one)} pass the other one, "
            f"{whole(item.swapped.left.total)} notice nothing",
            console,
        )


def _mean(found: Distribution) -> str:
    return "" if found.mean is None else f", mean length {found.mean:.4g}"


def _paths(found: Paths, gain: float, console: Console) -> None:
    net = found.net
    summary = f"{whole(net.total)} in all"
    if net.mean is not None and net.spread is not None:
        summary += f"; mean length {net.mean:.4g}, spread {net.spread:.4g}"
    shares = net.weighted(gain)
    if shares:
        mean = sum(k * share for k, share in enumerate(shares))
        summary += f"; with a gain of {gain:g} a block, mean length {mean:.4g}"
    _line(summary, console)
    if found.cancels:
        _line(
            f"{whole(found.raw.total)} before terms with opposite signs cancel", console
        )
    _start(found, console)
    if len(net.counts) > ROWS or not net.counts:
        return
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("blocks passed", justify="right")
    table.add_column("paths", justify="right")
    if found.cancels:
        table.add_column("before cancelling", justify="right")
    table.add_column(f"share, gain {gain:g}", justify="right")
    table.add_column("mean width", justify="right")
    table.add_column("through blocks", overflow="fold")
    for k, count in enumerate(net.counts):
        raw = found.raw.counts[k] if k < len(found.raw.counts) else 0
        if not count and not raw:
            continue
        row = [str(k), whole(count)]
        if found.cancels:
            row.append(whole(raw))
        width = found.widths[k] if k < len(found.widths) else None
        row += [
            f"{100 * shares[k]:.3g}%" if shares else "",
            "" if width is None else f"{width:.4g}",
            _through(found, k),
        ]
        table.add_row(*row)
    console.print(table)


def _start(found: Paths, console: Console) -> None:
    """The effective depth, where it is not that of paths which all weigh the same."""
    if found.start is None:
        if found.length <= TABLE:
            _line(f"not weighed as it starts: {found.unweighed}", console)
        return
    if found.start.weights == tuple(map(float, found.net.counts)):
        return
    mean = found.start.mean
    if mean is None:
        return
    shortest, longest = found.start.ends
    _line(
        f"weighed as the network starts: effective depth {mean:.4g} (paths of "
        f"{shortest} to {longest} operators)",
        console,
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


def _stability(analysis: Analysis, console: Console) -> None:
    found = analysis.stability
    _heading("Stability (equal blocks, every operator a number)", console)
    if found is None:
        _line(f"no characteristic polynomial: {analysis.unlinear}", console)
    elif not analysis.own:
        _equal_blocks(found, "", console)
    elif not analysis.regimes:
        _line("no two blocks in a row have the same equations", console)
    for regime in analysis.regimes:
        _equal_blocks(regime.stability, f"{in_blocks(regime.blocks)}: ", console)
    for item in analysis.flows:
        both = [item.random, item.moments]
        for moments in both[: 1 if analysis.asked.gain == 1 else 2]:
            if moments is not None:
                _moments(moments, item.flow.name, console)
        if item.growth is not None:
            _growth(item.growth, item.flow.name, console)
        if item.unfollowed:
            _line(f"variances are not followed: {item.unfollowed}", console)


def _equal_blocks(found: Stability, where: str, console: Console) -> None:
    degree = sum(r.multiplicity for r in found.roots)
    shown = found.polynomial or (f"of degree {degree}" if degree else "large")
    _line(f"{where}characteristic polynomial: {shown}", console)
    if found.unknown:
        _line(f"{where}no roots: {found.unknown}", console)
        return
    varying = found.varying
    there = f", in block {varying.block}" if varying else ""
    zero = "all operators and gates zero" if found.gated else "all operators zero"
    _line(f"{where}roots with {zero}{there}: {_roots(found)}", console)
    if varying and varying.growth is not None:
        _line(
            f"{where}with {zero} values become {varying.growth:.4g} times as "
            f"large at most over {varying.blocks} blocks",
            console,
        )
    if found.power:
        _line(f"{where}a root is repeated: values grow like i^{found.power}", console)


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


def _moments(found: Moments, name: str, console: Console) -> None:
    where = "" if name == "network" else f" of {name}"
    _line(
        f"random blocks of gain {found.gain:g}: after {found.blocks} blocks{where} the "
        f"variance{', forward and backward,' * found.symmetric} is " + _grown(found),
        console,
    )
    if found.gates:
        numbers = ", ".join(f"{name} = {value:.4g}" for name, value in found.gates)
        _line(f"  with a number for each gate: {numbers}", console)
    last = f"block {found.blocks}, " if found.elsewhere else ""
    rows = [(last, share) for share in found.shares]
    rows += [
        (f"block {other.block}, ", share)
        for other in reversed(found.elsewhere)
        for share in other.shares
    ]
    for block, share in rows:
        gates = f" (its gates give {share.gates})" if share.gates else ""
        _line(f"  {block}{share.term} has {_variance(share.variance)}{gates}", console)
    if found.gain != 1.0:
        return
    # A gain that keeps one variance need not keep another one.
    keeps = "keeps it at" if found.proportional else "makes it"
    if found.level:
        _line(f"  any initial gain {keeps} 1", console)
    elif found.steady is not None:
        _line(f"  an initial gain of {found.steady:.4g} {keeps} 1", console)
    else:
        more = "" if found.double is None else f"; {found.double:.4g} {keeps} 2"
        scale = (
            ""
            if found.scale is None
            else f"; all of a block multiplied by {found.scale:.4g} {keeps} 1"
        )
        _line(f"  no initial gain above 0 {keeps} 1{more}{scale}", console)


def _growth(found: Growth, name: str, console: Console) -> None:
    where = "" if name == "network" else f" of {name}"
    _line(
        f"where norms work (variance 1 behind {', '.join(found.normed)}): after "
        f"{found.blocks} blocks{where} the variance is {_variance(found.variance)} "
        "for an input of variance 1",
        console,
    )
    for share in found.shares:
        _line(f"  {share.term} has {_variance(share.variance)}", console)
    if found.last is not None:
        _line(f"  the last block is {100 * found.last:.3g}% of the stream", console)


def _grown(found: Moments) -> str:
    if found.proportional:
        return f"{_variance(found.variance)} times what it was"
    return f"{_variance(found.variance)} for an input of variance 1"


def _variance(value: float) -> str:
    return "more than 1e308" if math.isinf(value) else f"{value:.4g}"


def _invariants(analysis: Analysis, console: Console) -> None:
    _heading("Invariants", console)
    if not analysis.invariants:
        _line("no combination of the state stays constant", console)
    for item in analysis.invariants:
        whom = (
            "whatever the operators compute"
            if item.nonlinear
            else ("only if the operators are linear")
        )
        if not item.activations:
            whom += ", and only without the activations"
        behind = f", behind block {analysis.own[-1]}" if analysis.own else ""
        _line(f"{item.text()}: {whom}{behind}", console)
        if item.form is not None and not analysis.own:
            _line(
                f"  so it equals {item.equal_form()}: the same function, another network "
                "to train",
                console,
            )


def _inverse(analysis: Analysis, console: Console) -> None:
    found = analysis.inverse
    _heading("Reversibility", console)
    if not found.exists:
        _line(f"no inverse as a formula: {found.obstacle}", console)
        return
    for step in found.steps:
        note = f" (while {step.divisor} is not 0)" if step.divisor else ""
        _line(step.text() + note, console)
    depth = max(item.flow.length for item in analysis.flows)
    like = (block for block in range(1, depth + 1) if block not in analysis.own)
    depth = max((last - first + 1 for first, last in runs(like)), default=0)
    _line(_errors(found.lost, found.bound, analysis.asked.gain, depth), console)
    if analysis.borders:
        _line(
            "not across blocks that change the shape, where terms are adapted: "
            + ranges(list(analysis.borders)),
            console,
        )
    if analysis.own:
        _line(
            "not across blocks that have an equation of their own: "
            + ranges(list(analysis.own)),
            console,
        )


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
    text = f"rounding errors grow by {lost.factor:.4g} a block with operators left out"
    text += _over(lost.factor, depth)
    if bound.factor is not None:
        text += f"; by at most {bound.factor:.4g} with a gain of {gain:g}"
        text += _over(bound.factor, depth)
    return text


def _over(growth: float, depth: int) -> str:
    """What a growth comes to over all blocks, as a power of ten."""
    if growth <= 1 + 1e-9:
        return ""
    power = depth * math.log10(growth)
    times = f"{10**power:.3g}" if power < 6 else f"10^{power:.0f}"
    return f" ({times} times over {depth} blocks)"
