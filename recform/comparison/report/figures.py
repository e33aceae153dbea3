"""The pictures of a report, as SVG that follows the reader's light or dark theme.

matplotlib draws them in the colours of the light theme; what it wrote gets these as
variables. Names of models stand beside what is drawn, and lines have dashes and points
forms, so that no colour has to be known.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recform.comparison.compare import Comparison
from recform.comparison.datasets import OverData
from recform.comparison.model import Curve, ModelFacts
from recform.comparison.seeds import OnData
from recform.diagram.theme import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GROUPS = tuple(f"group{number}" for number in range(1, 7))
_ROLES = ("ink", "muted", "cluster-line", *_GROUPS)
_LIGHT = {role: COLOURS[role][0] for role in _ROLES}
_DASHES = ("-", "--", "-.", ":")
_MARKS = "osD^vP*X"
_WIDTH = 7.6


def bars(found: Comparison, each: OnData) -> str:
    """Means with intervals, and each seed as a dot (Figures 5 and 6)."""
    names = [model.model for model in each.models]

    def draw(axes: Axes) -> None:
        for place, model in enumerate(each.models):
            colour = _LIGHT["group2" if place % 2 else "group1"]
            values = list(found.results.of(model.model, each.data).values())
            if model.interval is not None:
                low, high = model.interval
                axes.errorbar(
                    model.mean,
                    place,
                    xerr=[[model.mean - low], [high - model.mean]],
                    color=colour,
                    linewidth=2.2,
                    capsize=4,
                )
            axes.plot(values, [place + 0.22] * len(values), "o", ms=3, mfc="none",
                      mec=_LIGHT["muted"], ls="")  # fmt: skip
            axes.plot([model.mean], [place], _MARKS[place % 2], color=colour, ms=7)
        _named(axes, names)
        axes.set_xlabel(_measured(found))

    return _svg(_WIDTH, 0.9 + 0.36 * len(names), [draw])


def friedman_graph(over: OverData) -> str:
    """Mean ranks with bars as wide as CD (Figure 4)."""
    half = (over.distance or 0) / 2

    def draw(axes: Axes) -> None:
        for place, mean in enumerate(over.means):
            axes.plot(
                [mean - half, mean + half],
                [place, place],
                color=_LIGHT["group1"],
                lw=2.2,
            )
            axes.plot([mean], [place], "o", color=_LIGHT["ink"], ms=6)
        _named(axes, over.models)
        axes.set_xlabel("mean rank (1 is best)")

    return _svg(_WIDTH, 0.9 + 0.3 * len(over.models), [draw])


def critical_differences(over: OverData) -> str:
    """Demsar's diagram: models on a scale of ranks, bars join what is not told apart."""
    order = sorted(range(len(over.models)), key=lambda n: (over.means[n], n))
    means = [over.means[n] for n in order]
    joined = alike(means, over.distance if over.differ else None)
    half = (len(order) + 1) // 2
    low, high = math.floor(means[0]), math.ceil(means[-1])
    # Bars hang below the scale, a step each, and the names below the bars.
    top = 0.5 + 0.35 * len(joined)

    def draw(axes: Axes) -> None:
        ink, line = _LIGHT["ink"], {"color": _LIGHT["ink"], "linewidth": 1.0}
        for number, (first, last) in enumerate(joined):
            level = -0.4 - 0.35 * number
            ends = [means[first] - 0.04, means[last] + 0.04]
            axes.plot(ends, [level] * 2, color=_LIGHT["group2"], lw=4)
        for place, (model, mean) in enumerate(zip(order, means, strict=True)):
            left = place < half
            level = -top - 0.6 * (place if left else len(order) - 1 - place)
            end = low - 0.1 if left else high + 0.1
            axes.plot([mean, mean, end], [0, level, level], **line)  # type: ignore[arg-type]
            axes.plot([mean], [0], "o", color=ink, ms=3)
            name = _safe(over.models[model])
            label = f"{name} ({mean:.2f})" if left else f"({mean:.2f}) {name}"
            axes.annotate(
                label,
                (end, level),
                xytext=(-4 if left else 4, 0),
                textcoords="offset points",
                ha="right" if left else "left",
                va="center",
            )
        axes.set_xlim(low - 0.1, high + 0.1)
        axes.set_ylim(-top - 0.6 * half, 0)
        axes.set_yticks([])
        axes.set_xticks(range(low, high + 1))
        axes.xaxis.tick_top()
        for side in ("left", "right", "bottom"):
            axes.spines[side].set_visible(False)

    # Names stand on both sides of the scale.
    wide = max(0, max(len(_safe(name)) for name in over.models) - 12)
    return _svg(_WIDTH + 0.13 * wide, 0.5 + 0.3 * (top + 0.6 * half), [draw])


def alike(means: Sequence[float], distance: float | None) -> list[tuple[int, int]]:
    """Which ranks are not told apart: the first and the last of each group.

    Args:
        means: in their order.
        distance: what tells two apart; None is nothing does.
    """
    found: list[tuple[int, int]] = []
    for first, mean in enumerate(means):
        near = [
            n
            for n in range(first, len(means))
            if distance is None or means[n] - mean <= distance
        ]
        # A group within another one says nothing new.
        if len(near) > 1 and (not found or near[-1] > found[-1][1]):
            found.append((first, near[-1]))
    return found


@dataclass(frozen=True)
class Cost:
    """Something that a model costs.

    Attributes:
        label: of its axis.
        unit: behind its numbers.
        value: what it is of a model; None is not known.
    """

    label: str
    unit: str
    value: Callable[[ModelFacts], float | None]


_COSTS = (
    Cost("parameters", "", lambda item: item.parameters),
    Cost("multiply-adds", "", lambda item: item.multiply_adds),
    Cost("time of a step", "s", lambda item: item.seconds_per_step),
)


def cost_axes(known: Sequence[ModelFacts]) -> list[Cost]:
    """The costs that are known of two models or more."""
    return [
        cost
        for cost in _COSTS
        if sum(cost.value(item) is not None for item in known) > 1
    ]


def costs(found: Comparison, each: OnData, known: Sequence[ModelFacts]) -> str:
    """Mean scores against each cost."""
    from matplotlib import ticker

    # 11.2 M and 0.56 G; matplotlib has no types for it.
    thousands: Any = ticker.EngFormatter

    means = {model.model: model for model in each.models}

    def panel(axis: Cost) -> Callable[[Axes], None]:
        def draw(axes: Axes) -> None:
            for place, item in enumerate(known):
                cost = axis.value(item)
                if cost is None or item.name not in means:
                    continue
                model = means[item.name]
                colour = _LIGHT[_GROUPS[place % len(_GROUPS)]]
                spread = model.sd or 0
                axes.errorbar(cost, model.mean, yerr=spread, color=colour, capsize=3)
                axes.plot(
                    [cost], [model.mean], _MARKS[place % len(_MARKS)], color=colour
                )
                axes.annotate(item.name, (cost, model.mean), xytext=(6, 5),
                              textcoords="offset points", fontsize=8)  # fmt: skip
            axes.margins(x=0.3, y=0.2)
            axes.set_xlabel(axis.label)
            axes.xaxis.set_major_formatter(thousands(unit=axis.unit))
            axes.set_ylabel(_measured(found))
            _plain(axes)

        return draw

    panels = [panel(axis) for axis in cost_axes(known)]
    return _svg(_WIDTH, 3.0 * len(panels), panels)


def curves(models: Sequence[ModelFacts], name: str) -> str:
    """How a value went: the mean over seeds, and the range of all."""

    def draw(axes: Axes) -> None:
        place = 0
        for item in models:
            runs = [curve for curve in item.curves if curve.name == name]
            if not runs:
                continue
            epochs, low, mean, high = _over_runs(runs)
            style = {
                "color": _LIGHT[_GROUPS[place % len(_GROUPS)]],
                "ls": _DASHES[place % len(_DASHES)],
            }
            if len(runs) > 1:
                axes.fill_between(
                    epochs, low, high, color=style["color"], alpha=0.15, lw=0
                )
            axes.plot(epochs, mean, label=item.name, **style)  # type: ignore[arg-type]
            place += 1
        axes.set_xlabel("epoch" if place else "")
        axes.set_ylabel(name)
        axes.legend(frameon=False, fontsize=8)
        _plain(axes)

    return _svg(_WIDTH, 3.6, [draw])


def _over_runs(
    runs: Sequence[Curve],
) -> tuple[list[float], list[float], list[float], list[float]]:
    """The epochs that all runs have; of the values there the lowest, mean and highest."""
    tables = [dict(zip(run.epochs, run.values, strict=True)) for run in runs]
    epochs = sorted(set.intersection(*(set(table) for table in tables)))
    values = [[table[epoch] for table in tables] for epoch in epochs]
    return (
        epochs,
        [min(row) for row in values],
        [sum(row) / len(row) for row in values],
        [max(row) for row in values],
    )


# --------------------------------------------------------------------------- the form


def _named(axes: Axes, names: Sequence[str]) -> None:
    """A row a model, the first one on top."""
    axes.set_yticks(range(len(names)), labels=[_safe(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="x", color=_LIGHT["cluster-line"], linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    _plain(axes)


def _measured(found: Comparison) -> str:
    return ", ".join(filter(None, (found.results.measure, found.results.unit)))


def _plain(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _safe(name: str) -> str:
    """A name as it stands: matplotlib would take what is between dollars for TeX."""
    short = name if len(name) < 40 else f"{name[:38]}..."
    return short.replace("$", r"\$")


def _svg(width: float, height: float, panels: Sequence[Callable[[Axes], None]]) -> str:
    import matplotlib
    from matplotlib.figure import Figure

    ink = _LIGHT["ink"]
    names = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color",
             "ytick.color")  # fmt: skip
    settings: Any = {
        **matplotlib.rcParamsDefault,
        "svg.hashsalt": "recform",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 9,
        **dict.fromkeys(names, ink),
    }
    settings.pop("backend", None)
    settings.pop("interactive", None)
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # Letters that its font lacks are in the reader's; the text is written as text.
        warnings.simplefilter("ignore", UserWarning)
        figure = Figure(figsize=(width, height), layout="constrained")
        grid = figure.subplots(len(panels), 1, squeeze=False)
        for axes, draw in zip(grid[:, 0], panels, strict=True):
            draw(axes)
        stream = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    return _themed(stream.getvalue())


def _themed(text: str) -> str:
    """An SVG with the colours of roles as variables, and nothing around it."""
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    for role, colour in _LIGHT.items():
        text = text.replace(colour, f"var(--{role})")
    light = "".join(f"--{role}:{COLOURS[role][0]};" for role in _ROLES)
    dark = "".join(f"--{role}:{COLOURS[role][1]};" for role in _ROLES)
    style = (
        f"<style>:root{{{light}}}@media screen and (prefers-color-scheme:dark)"
        f"{{:root{{{dark}}}}}</style>"
    )
    head = text.index(">") + 1
    return f"{text[:head]}\n {style}{text[head:]}"
