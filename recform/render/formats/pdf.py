"""A picture as PDF with vector text, and the PDF as pixels for PNG."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from recform.diagram import text
from recform.diagram.theme import Theme, colour
from recform.render.picture import Picture, Shape, Words

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas


#: Most pixels of a side of a PNG.
MAX_PIXELS = 10_000


def write(picture: Picture, look: Theme) -> bytes:
    """The picture as a PDF of one page with vector text.

    The fonts are embedded where matplotlib is installed, which brings some that may be;
    otherwise the PDF names the standard fonts Times and Helvetica.
    """
    from reportlab.pdfgen.canvas import Canvas

    buffer = BytesIO()
    size = (picture.width, picture.height)
    # `invariant` leaves the date out: the same picture gives the same bytes.
    fonts = _embedded()
    first = fonts.get("Times-Roman", "Times-Roman")
    canvas = Canvas(
        buffer, pagesize=size, invariant=1, pageCompression=1, initialFontName=first
    )
    canvas.setTitle(picture.title)
    canvas.setSubject(picture.description)
    canvas.setAuthor("")
    canvas.setCreator("recform")
    canvas.translate(0, picture.height)
    for item in picture.items:
        for part in item.parts:
            if isinstance(part, Shape):
                _shape(canvas, part, look)
            else:
                _words(canvas, part, look, fonts)
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def png(picture: Picture, look: Theme, dpi: int) -> bytes:
    """The picture as PNG."""
    import pypdfium2

    document = pypdfium2.PdfDocument(write(picture, look))
    try:
        image = document[0].render(scale=dpi / 72).to_pil()
    finally:
        document.close()
    buffer = BytesIO()
    image.save(buffer, "PNG", dpi=(dpi, dpi), optimize=True)
    return buffer.getvalue()


def _shape(canvas: Canvas, shape: Shape, look: Theme) -> None:
    from reportlab.lib.colors import HexColor

    path = canvas.beginPath()
    for kind, points in shape.path:
        numbers = [n for x, y in points for n in (x, -y)]
        if kind == "M":
            path.moveTo(*numbers)
        elif kind == "L":
            path.lineTo(*numbers)
        elif kind == "C":
            path.curveTo(*numbers)
        else:
            path.close()
    if shape.fill:
        canvas.setFillColor(HexColor(colour(shape.fill, look)))
    if shape.line:
        canvas.setStrokeColor(HexColor(colour(shape.line, look)))
        canvas.setLineWidth(shape.width)
        canvas.setDash(list(shape.dashes))
    canvas.drawPath(path, stroke=bool(shape.line), fill=bool(shape.fill))


#: Which of matplotlib's fonts stands for which standard font.
_STAND_INS = {
    "Times-Roman": "STIXGeneral",
    "Times-Italic": "STIXGeneralItalic",
    "Helvetica": "DejaVuSans",
    "Helvetica-Oblique": "DejaVuSans-Oblique",
}


def _embedded() -> dict[str, str]:
    """Fonts that can be embedded, by the standard font that each stands for."""
    from importlib.util import find_spec

    from reportlab.pdfbase import pdfmetrics, ttfonts

    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        return {}
    folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
    files = {name: folder / f"{file}.ttf" for name, file in _STAND_INS.items()}
    if not all(file.is_file() for file in files.values()):
        return {}
    for name, file in _STAND_INS.items():
        if file not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(ttfonts.TTFont(file, str(files[name])))
    return _STAND_INS


def _words(canvas: Canvas, words: Words, look: Theme, fonts: dict[str, str]) -> None:
    from reportlab.lib.colors import HexColor
    from reportlab.pdfbase.pdfmetrics import stringWidth

    total = text.width(words.text, words.size, words.family)
    x, y = words.at
    x -= {"start": 0.0, "middle": total / 2, "end": total}[words.anchor]
    for run in words.text:
        size = words.size * (text.INDEX_SIZE if run.index else 1.0)
        drop = words.size * text.INDEX_DROP if run.index else 0.0
        standard = text.face(run, words.family)
        face = fonts.get(standard, standard)
        width = text.run_width(run, words.size, words.family)
        line = canvas.beginText(x, -(y + drop))
        line.setFont(face, size)
        line.setFillColor(HexColor(colour(words.ink, look)))
        if face != standard:
            # A stand-in takes the room that the standard font would.
            own = float(stringWidth(run.text, face, size))
            line.setHorizScale(100 * width / own if own else 100)
        line.textOut(run.text)
        canvas.drawText(line)
        x += width
