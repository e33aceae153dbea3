"""The curves of a run as a picture."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from io import BytesIO
from typing import Any

from recform.files import Json


def curves(title: str, lines: Sequence[Json]) -> bytes:
    """Loss and accuracy by epoch, as an SVG: the same bytes for the same numbers.

    Args:
        title: of the picture.
        lines: of `metrics.jsonl`.
    """
    import matplotlib

    style: dict[Any, Any] = {
        "svg.hashsalt": "recform",
        "svg.fonttype": "none",
        "font.size": 9,
    }
    with matplotlib.rc_context(style), warnings.catch_warnings():
        # Letters that its font lacks are in the reader's; the text is written as text.
        warnings.simplefilter("ignore", UserWarning)
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        figure = Figure((8, 3.2), layout="constrained")
        FigureCanvasSVG(figure)
        # What is between dollars is no TeX.
        figure.suptitle(title, parse_math=False)
        epochs = [line["epoch"] for line in lines]
        for axes, kind in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
            # Colours of Okabe and Ito, which everybody can tell apart.
            for name, label, colour, form in (
                (kind, "training", "#0072B2", "-"),
                (f"validation_{kind}", "held out", "#D55E00", "--"),
            ):
                values = [line[name] for line in lines]
                if None not in values:
                    axes.plot(epochs, values, form, color=colour, label=label)
            axes.set_xlabel("epoch")
            axes.set_ylabel("loss, nats" if kind == "loss" else "accuracy")
            axes.grid(alpha=0.3)
            axes.legend(frameon=False)
        out = BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
        return out.getvalue()
