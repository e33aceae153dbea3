"""Who says what a network of the zoo has to be, and whether it is that."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from recform.report import TableRow, published, tabulate
from tests.compiled import networks
from tests.examples.timm_keys import OURS
from tests.examples.zoo_counts import COUNTS, preact_bottleneck

ZOO = Path(__file__).resolve().parents[2] / "examples" / "zoo"
#: Networks whose judge is another test, and what that finds.
TORCHVISION = (
    *("resnet18", "resnet34", "resnet50", "resnet101"),
    *("resnext50_32x4d", "wide_resnet50_2", "vgg16_bn", "densenet121"),
    *("mobilenet_v2", "shufflenet_v2_x1_0", "efficientnet_b0"),
    *("googlenet", "inception_v3", "vit_b_16"),
    *("regnet_x_400mf", "regnet_y_400mf", "convnext_tiny"),
    *("efficientnet_v2_s", "mnasnet1_0", "mobilenet_v3_small"),
)
TIMM = (
    *("seresnet50", "resnet50d", "resnetv2_50", "mobilenetv1_100"),
    *("efficientnet_drop_path", "inception_v4"),
)
#: Those of timm's networks whose keys have other names there (timm_keys.py).
RENAMED = tuple(OURS)
FOUND = "its weights load, outputs equal"
ELSEWHERE = {
    file: (judge, found)
    for judge, found, files in (
        ("torchvision", FOUND, TORCHVISION),
        ("timm", FOUND, TIMM),
        ("timm", f"{FOUND}; some keys are named differently", RENAMED),
        ("torchvision", f"{FOUND}; named as in the paper", ("squeezenet1_1",)),
    )
    for file in files
}
#: What a published figure leaves out, in parameters or multiply-adds, and in words.
LEFT_OUT = {
    "PreActResNet1001": (
        preact_bottleneck(111) - preact_bottleneck(111, normalised=False),
        "normalisations",
    ),
    "ShuffleNet1": (576 * 1000, "the classifier"),
    "ShuffleNet2": (800 * 1000, "the classifier"),
    "ShuffleNet3": (960 * 1000, "the classifier"),
    "ShuffleNet4": (1088 * 1000, "the classifier"),
    "ShuffleNet8": (1536 * 1000, "the classifier"),
}
#: Networks that the description in the paper does not bring to the printed figure.
UNMET = {"FractalNet20"}
#: A module that somebody else wrote counts for these.
WRITTEN_BY = {
    "MomentumResNet101": "torchvision's ResNet-101",
    "ResNetRS50": "timm's module",
    "ALBERTBase": "torch's layers",
    "SmolLM2": "transformers (its state_dict loads, logits equal)",
    "GPT2Small": "transformers (its weights load, logits equal); torch's layers",
}


@dataclass(frozen=True)
class Figure:
    """A published number, with the digits that are printed.

    Attributes:
        text: as it stands in the table, in the form ``10.2e6``.
        of: ``parameters`` or ``multiply-adds``.
    """

    text: str
    of: str

    @property
    def printed(self) -> str:
        """In millions, as papers print it."""
        return f"{self.text.partition('e')[0]}M"

    def agrees(self, value: float) -> bool:
        """Whether a number is this one, rounded to its digits."""
        mantissa, _, power = self.text.partition("e")
        digits = len(mantissa.partition(".")[2])
        return f"{value / 10 ** int(power):.{digits}f}" == mantissa


def figures() -> dict[tuple[str, str], Figure]:
    """What is printed of each network, by file and network."""
    found = {}
    with (ZOO / "published.csv").open() as lines:
        for row in csv.DictReader(lines):
            told = [
                Figure(row[key], key.replace("_", "-"))
                for key in ("parameters", "multiply_adds")
                if row[key]
            ]
            (found[row["file"], row["network"]],) = told
    return found


def rows() -> list[TableRow]:
    """All networks of the zoo, as ``recform summary --table`` has them."""
    found = [
        (path.stem, compiled.graph)
        for path in sorted(ZOO.glob("*.rf"))
        for compiled in networks(f"zoo/{path.name}")
    ]
    return tabulate(found, published((ZOO / "published.csv").read_text()))


def agrees(row: TableRow, figure: Figure) -> bool:
    """Whether a network has the published figure."""
    value = row.parameters if figure.of == "parameters" else row.multiply_adds
    return figure.agrees(value - LEFT_OUT.get(row.name, (0, ""))[0])


def judge(row: TableRow) -> str:
    """Who judges a network."""
    if row.file in ELSEWHERE:
        return ELSEWHERE[row.file][0]
    by = WRITTEN_BY.get(row.name, "count by hand")
    return by if row.published is None else f"{by}; {row.published.source}"


def result(row: TableRow, figure: Figure | None) -> str:
    """What the judge finds."""
    if row.file in ELSEWHERE:
        return ELSEWHERE[row.file][1]
    exact = row.parameters == COUNTS[row.file, row.name]()
    said = "parameters equal" if exact else "**parameters differ**"
    if figure is None:
        return said
    met = f"{figure.printed} {figure.of}"
    if not agrees(row, figure):
        return f"{said}; **not** the {met} printed"
    without = LEFT_OUT.get(row.name)
    return f"{said}; {met} printed" + (f", without {without[1]}" if without else "")


def table() -> str:
    """The table of docs/zoo.md."""
    lines = [
        "| file | network | judge | result | parameters | multiply-adds |",
        "|---|---|---|---|---:|---:|",
    ]
    known = figures()
    for row in rows():
        cells = (
            f"[{row.file}](../examples/zoo/{row.file}.rf)",
            row.name,
            judge(row),
            result(row, known.get((row.file, row.name))),
            f"{row.parameters:,}",
            f"{row.multiply_adds:,}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


__all__ = ["ELSEWHERE", "UNMET", "agrees", "figures", "rows", "table"]
