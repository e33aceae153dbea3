"""Plots of the paths: how many of each length, where they run, what they weigh."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from recform.analysis.model import Analysis
from recform.analysis.paths.distribution import Paths
from recform.diagnostics import Diagnostics

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The plots of a picture, row by row.
Grid: TypeAlias = Any
FORMATS = ("svg", "png", "pdf")
#: Nothing that differs from run to run goes into a file.
_METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "ModDate": None},
}


def plot(analyses: Sequence[Analysis], path: Path, report: Diagnostics) -> bytes:
    """The paths of networks as a picture; the ending of the name says which kind.

    Args:
        analyses: one row of the picture for each flow of each.
        path: where it is to go.
        report: gets RF604.

    Raises:
        CompileError: if the ending is not known, or matplotlib is not installed.
    """
    kind = kind_of(path, report)
    rows = [
        (analysis, found)
        for analysis in analyses
        for flow in analysis.flows
        for found in flow.paths
    ]
    if not rows:
        report.error(
            "RF604",
            "there are no paths to draw: " + analyses[0].flows[0].uncounted,
            file=path.as_posix(),
        )
        report.check()

    def paint(grid: Grid) -> None:
        for (analysis, found), axes in zip(rows, grid, strict=True):
            _numbers(found, analysis.name, axes[0])
            _weights(found, analysis.asked.gain, axes[1])
            _places(found, axes[2])

    return painted(kind, (11, 3.4 * len(rows)), (len(rows), 3), paint)


def kind_of(path: Path, report: Diagnostics) -> str:
    """The format of a plot, by the ending of its name.

    Raises:
        CompileError: RF604, if the ending is not known, or matplotlib is not installed.
    """
    kind = path.suffix.lstrip(".").lower()
    if kind not in FORMATS:
        report.error(
            "RF604",
            f"a plot ends in {', '.join('.' + name for name in FORMATS)}, not in "
            f"{path.suffix or 'nothing'!r}",
            file=path.as_posix(),
        )
        report.check()
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        report.error(
            "RF604",
            "plots are drawn by matplotlib, which is not installed",
            hint="pip install 'recform[analysis]'",
            file=path.as_posix(),
        )
        report.check()
    return kind


def painted(
    kind: str,
    inches: tuple[float, float],
    cells: tuple[int, int],
    paint: Callable[[Grid], None],
) -> bytes:
    """A picture with rows and columns of plots, the same on each run.

    Args:
        kind: its format.
        inches: its width and height.
        cells: how many rows and columns.
        paint: draws into them.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(
        {"svg.hashsalt": "recform", "svg.fonttype": "none", "pdf.fonttype": 42}
    ):
        figure = Figure(figsize=inches, layout="constrained")
        paint(figure.subplots(*cells, squeeze=False))
        stream = io.BytesIO()
        figure.savefig(stream, format=kind, dpi=150, metadata=_METADATA[kind])
    return stream.getvalue()


def _numbers(found: Paths, name: str, axes: Axes) -> None:
    """Numbers of paths; more than a few powers of ten are drawn by their logarithm."""
    series = [("paths", found.net.counts)]
    if found.cancels:
        series.append(("before cancelling", found.raw.counts))
    largest = max((abs(n) for _, counts in series for n in counts), default=0)
    by_logarithm = largest > 10**4
    for label, counts in series:
        places = range(len(counts))
        heights = [_power_of_ten(n) if by_logarithm else float(n) for n in counts]
        axes.plot(places, heights, marker="o", markersize=3, label=label)
    axes.set_title(f"{name}, from {found.origin}, {found.length} blocks")
    axes.set_xlabel("blocks passed")
    axes.set_ylabel("paths, power of ten" if by_logarithm else "paths")
    if len(series) > 1:
        axes.legend()


def _power_of_ten(number: int) -> float:
    return math.log10(abs(number)) if number else math.nan


def _weights(found: Paths, gain: float, axes: Axes) -> None:
    shares = found.net.weighted(gain)
    axes.bar(range(len(shares)), [100 * share for share in shares], width=1.0)
    axes.set_title(f"with a gain of {gain:g} a block")
    axes.set_xlabel("blocks passed")
    axes.set_ylabel("% of what arrives")


def _places(found: Paths, axes: Axes) -> None:
    """Which share of the paths of a length passes through a block."""
    axes.set_title("through which blocks")
    axes.set_xlabel("block")
    axes.set_ylabel("blocks passed")
    if not found.through:
        axes.text(0.5, 0.5, "too deep", ha="center", transform=axes.transAxes)
        return
    cells = [
        [n / count if count > 0 else 0.0 for n in row]
        for row, count in zip(found.through, found.net.counts, strict=True)
    ]
    last = found.first + len(cells[0]) if cells else found.first
    axes.imshow(
        cells,
        origin="lower",
        aspect="auto",
        vmin=0.0,
        vmax=1.0,
        cmap="Blues",
        interpolation="nearest",
        extent=(found.first + 0.5, last + 0.5, -0.5, len(cells) - 0.5),
    )
