"""From a network to the bytes of a picture."""

from __future__ import annotations

from recform.algebra.formula import Formula
from recform.diagnostics import Diagnostics
from recform.diagram.model import Diagram, Direction, View
from recform.diagram.request import Format, Renderer, Request, Subject
from recform.diagram.theme import Style
from recform.graph.partial import Partial
from recform.render.formats import dot, mermaid, pdf, structure, svg, tikz
from recform.render.picture import in_serifs
from recform.render.placing import renderer
from recform.render.placing.fit import fitted
from recform.views import network, paths, step, unrolled
from recform.views.opened import Opening, openable

#: Most nodes of a picture in which operators are opened.
MAX_OPENED = 400
#: Of a PNG, if nobody says.
USUAL_DPI = 200
#: Most blocks that `--expand` draws one by one.
MAX_EXPANDED = 200


def diagram(subject: Subject, request: Request) -> Diagram:
    """What is drawn, before it has a place.

    Raises:
        CompileError: if the request is out of reason (RF612, RF613, RF661, RF665,
            RF666).
    """
    drawn = _diagram(subject, request)
    if len(drawn.clusters) > 1 and len(drawn.nodes) > MAX_OPENED and _opens(request):
        _refuse(
            "RF613",
            f"a picture with {len(drawn.nodes):,} nodes is too large",
            f"open less of it: {MAX_OPENED} nodes at most",
        )
    return drawn


def _diagram(subject: Subject, request: Request) -> Diagram:
    view = request.view
    down = view is View.network
    direction = request.direction or (Direction.down if down else Direction.right)
    opening = _opening(subject.recurrence.formula, request)
    if isinstance(subject, Partial):
        # What does not meet lies in one block: other views have nothing to mark.
        if view is View.network or subject.step is None:
            below = request.direction or Direction.down
            return network.of_partial(subject, below, opening)
        return step.of_partial(subject, direction, opening)
    blocks = sum(flow.length for flow in subject.recurrence.flows)
    if view is View.network:
        if request.expand and blocks > MAX_EXPANDED:
            _refuse(
                "RF661",
                f"{blocks:,} blocks are too many to draw one by one",
                f"leave --expand out: equal blocks become one node with ×N; "
                f"--expand draws {MAX_EXPANDED} blocks at most",
            )
        return network.of_network(subject, direction, opening, expand=request.expand)
    if view is View.paths:
        count = _blocks(request, paths.MAX_BLOCKS, paths.usual(subject))
        return paths.of_formula(subject, count, direction)
    if view is View.unrolled:
        count = _blocks(request, unrolled.MAX_BLOCKS, unrolled.usual(subject))
        return unrolled.of_pattern(subject, count, direction, opening)
    if request.block is None:
        return step.of_pattern(subject, direction, opening)
    where = step.locate(subject, request.block) if request.block > 0 else None
    if where is None:
        _refuse(
            "RF665",
            f"there is no block {request.block:,}",
            f"the network has blocks 1 to {blocks:,}",
        )
    assert where is not None
    return step.of_block(subject, where, direction, opening)


def write(drawn: Diagram, request: Request, form: Format) -> bytes:
    """A diagram in a format.

    Raises:
        CompileError: if it cannot be laid out, or a package is missing.
    """
    look = request.theme
    if form is Format.dot:
        return dot.write(drawn, look).encode()
    if form is Format.mermaid:
        return mermaid.write(drawn, look).encode()
    if form is Format.json:
        return structure.write(drawn).encode()
    found = renderer.find(request.renderer)
    try:
        return _drawn(drawn, request, form, found)
    except ModuleNotFoundError as missing:
        _refuse(
            "RF664",
            f"a {form.value} needs the package {missing.name}, which is not installed",
            f"pip install {missing.name}; --to dot, mermaid and json need no package",
        )
        raise


def _drawn(drawn: Diagram, request: Request, form: Format, found: Renderer) -> bytes:
    look = request.theme
    picture = fitted(drawn, request, found)
    if request.style is not Style.default:
        picture = in_serifs(picture)
    if form is Format.svg:
        return svg.write(picture, look).encode()
    if form is Format.tikz:
        return tikz.write(picture, look).encode()
    if form is Format.tex:
        return tikz.document(picture, look).encode()
    if form is Format.pdf:
        return pdf.write(picture, look)
    dpi = request.dpi or USUAL_DPI
    if max(picture.width, picture.height) * dpi / 72 > pdf.MAX_PIXELS:
        _refuse(
            "RF667",
            f"a PNG of {dpi} dpi would be more than {pdf.MAX_PIXELS:,} pixels long",
            "take a smaller --dpi, or -o OUT.svg",
        )
    return pdf.png(picture, look, dpi)


def _opens(request: Request) -> bool:
    return bool(request.open) or request.depth > 1


def _opening(formula: Formula, request: Request) -> Opening:
    """Which operators are opened.

    Raises:
        CompileError: if the network has none of such a name (RF612).
    """
    there = openable(formula)
    for name in request.open:
        if name not in there:
            known = ", ".join(there)
            _refuse(
                "RF612",
                f"there is no operator {name!r} to open",
                f"--open takes {known}" if known else "the equations apply no operator",
            )
    return Opening(request.open, request.depth)


def _blocks(request: Request, most: int, usual: int) -> int:
    count = usual if request.blocks is None else request.blocks
    if not 1 <= count <= most:
        _refuse(
            "RF666",
            f"the view {request.view.value} cannot show {count:,} blocks",
            f"--blocks takes 1 to {most}; --view network shows them all",
        )
    return count


def _refuse(code: str, message: str, hint: str) -> None:
    report = Diagnostics()
    report.error(code, message, hint=hint)
    report.check()
