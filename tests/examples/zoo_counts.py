"""How many parameters the networks of the zoo have, worked out from their papers.

Nothing here reads a formula file or calls the compiler: sums over layers as the papers
describe them, or a module that somebody else wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import nn


def conv(kernel: int, cin: int, cout: int, groups: int = 1) -> int:
    """A convolution without bias."""
    return kernel * kernel * cin * cout // groups


def norm(features: int) -> int:
    """Scale and shift of a normalisation."""
    return 2 * features


def linear(cin: int, cout: int) -> int:
    """A linear map with bias."""
    return cin * cout + cout


def held(module: nn.Module) -> int:
    """The parameters of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def highway(layers: int) -> int:
    """Layers of 50 units on 784 pixels: the first is plain, the others have a gate."""
    return linear(784, 50) + (layers - 1) * 2 * linear(50, 50) + linear(50, 10)


def widths(blocks: int, stages: Iterable[int] = (16, 32, 64)) -> list[tuple[int, int]]:
    """What comes into each block and what it makes, from 16 channels on."""
    made = [width for width in stages for _ in range(blocks)]
    return list(zip([16, *made[:-1]], made, strict=True))


def resnet(blocks: int, scalars: int = 0) -> int:
    """CIFAR, basic blocks, shortcuts without parameters (He et al., 2016, 4.2)."""
    body = sum(
        conv(3, a, b) + conv(3, b, b) + 2 * norm(b) + scalars for a, b in widths(blocks)
    )
    return conv(3, 3, 16) + norm(16) + body + linear(64, 10)


def preact_basic(blocks: int, scalars: int = 0) -> int:
    """Normalisation in front of each convolution, and behind the last block."""
    body = sum(
        norm(a) + conv(3, a, b) + norm(b) + conv(3, b, b) + scalars
        for a, b in widths(blocks)
    )
    return conv(3, 3, 16) + body + norm(64) + linear(64, 10)


def preact_bottleneck(blocks: int, normalised: bool = True) -> int:
    """Bottlenecks of four times the width, a 1x1 projection where that changes.

    Args:
        blocks: in each of three stages.
        normalised: whether the normalisations count.
    """
    total = conv(3, 3, 16) + linear(256, 10) + normalised * norm(256)
    for a, b in widths(blocks, (64, 128, 256)):
        inner = b // 4
        total += conv(1, a, inner) + conv(3, inner, inner) + conv(1, inner, b)
        total += normalised * (norm(a) + 2 * norm(inner))
        total += conv(1, a, b) if a != b else 0
    return total


def revnet() -> int:
    """Two functions on halves of 16, 32 and 64 channels; the second sees the new width."""
    total = conv(3, 3, 32) + norm(32) + norm(128) + linear(128, 10)
    for a, b in widths(9):
        total += norm(a) + conv(3, a, b) + norm(b) + conv(3, b, b)
        total += 2 * norm(b) + 2 * conv(3, b, b)
    return total


def resnet101() -> int:
    """torchvision's: momentum costs nothing."""
    import torchvision

    with torch.device("meta"):
        return held(torchvision.models.resnet101())


def resnet_rs() -> int:
    """timm's."""
    import timm

    with torch.device("meta"):
        return held(timm.create_model("resnetrs50"))


def densenet_bc() -> int:
    """100 layers of growth 12: three times 16 bottlenecks, features halved between."""
    total, features = conv(3, 3, 24), 24
    for stage in range(3):
        if stage:
            total += norm(features) + conv(1, features, features // 2)
            features //= 2
        for _ in range(16):
            total += norm(features) + conv(1, features, 48) + norm(48) + conv(3, 48, 12)
            features += 12
    return total + norm(features) + linear(features, 10)


def shufflenet_unit(cin: int, cout: int, groups: int, stage2: bool) -> int:
    """A unit; one that halves the grid makes what its shortcut does not."""
    inner = cout // 4
    made = cout - cin if cin != cout else cout
    first = conv(1, cin, inner, 1 if stage2 else groups)
    depthwise = conv(3, inner, inner, inner)
    last = conv(1, inner, made, groups)
    return first + depthwise + last + 2 * norm(inner) + norm(made)


def shufflenet(groups: int, width: int) -> int:
    """Table 1: 4, 8 and 4 units of widths that double."""
    total, cin = conv(3, 3, 24) + norm(24), 24
    for stage, units in enumerate((4, 8, 4)):
        cout = width * 2**stage
        for unit in range(units):
            first = stage == unit == 0
            total += shufflenet_unit(cin, cout, groups, first)
            cin = cout
    return total + linear(cin, 1000)


def polynet(functions: int) -> int:
    """Three stages of three blocks; between them a 1x1 convolution."""
    total = conv(3, 3, 16) + norm(16) + linear(64, 10)
    for width in (16, 32, 64):
        total += 3 * functions * (2 * conv(3, width, width) + 2 * norm(width))
        total += conv(1, width // 2, width) + norm(width) if width > 16 else 0
    return total


def gpt2(width: int, depth: int, vocabulary: int, length: int) -> int:
    """torch's pre-norm layers between an embedding, which is the last map, and positions."""
    with torch.device("meta"):
        layer = nn.TransformerEncoderLayer(width, 1, 4 * width, norm_first=True)
    ends = vocabulary * width + length * width + norm(width)
    return depth * held(layer) + ends


def llama(width: int, depth: int, shared: float, inner: int, vocabulary: int) -> int:
    """Maps without biases, an embedding that is the last one, and keys that heads share."""
    attention = 2 * width * (width + int(width * shared))
    layer = attention + 3 * width * inner + 2 * width
    return vocabulary * width + depth * layer + width


def albert() -> int:
    """One layer for all 12; embeddings of 128 features, words, segments, positions."""
    with torch.device("meta"):
        layer = nn.TransformerEncoderLayer(768, 12, 4 * 768)
    embeddings = (30_000 + 2 + 512) * 128 + norm(128) + linear(128, 768)
    return held(layer) + embeddings + linear(768, 768)


def hyper_connections() -> int:
    """Six layers of 64 features, each with 2 + 2 + 4 weights for two streams."""
    layer = norm(64) + linear(64, 256) + linear(256, 64) + 2 + 2 + 4
    return linear(48, 64) + 64 * 64 + 6 * layer + norm(64) + linear(64, 10)


def fractalnet(columns: int = 3, first: int = 64) -> int:
    """Blocks of some columns: 1, 2, 4 ... convolutions, the first of each sees cin."""
    widths = [first * factor for factor in (1, 2, 4, 8, 8)]
    total, cin = linear(widths[-1], 100), 3
    units = 2**columns - 1
    for cout in widths:
        total += columns * conv(3, cin, cout) + (units - columns) * conv(3, cout, cout)
        total += units * norm(cout)
        cin = cout
    return total


def feedback() -> int:
    """Four convolutions of what is below, and four of the layer itself, in a layer."""
    total, cin = conv(3, 3, 16) + norm(16) + norm(128) + linear(128, 100), 16
    for cout in (32, 64, 128):
        total += 4 * (conv(3, cin, cout) + conv(3, cout, cout) + 2 * norm(cout))
        cin = cout
    return total


#: By file and network.
COUNTS: dict[tuple[str, str], Callable[[], int]] = {
    ("albert", "ALBERTBase"): albert,
    ("densenet_bc", "DenseNetBC100"): densenet_bc,
    ("feedback", "Feedback"): feedback,
    ("fractalnet", "FractalNet20"): fractalnet,
    ("fractalnet", "FractalNet20Narrow"): lambda: fractalnet(3, 16),
    ("fractalnet", "FractalNet40Narrow"): lambda: fractalnet(4, 16),
    ("gpt2", "GPT2Small"): lambda: gpt2(768, 12, 50257, 1024),
    ("highway", "Highway10"): lambda: highway(10),
    ("highway", "Highway50"): lambda: highway(50),
    ("highway", "Highway100"): lambda: highway(100),
    ("hyper_connections", "HyperConnections"): hyper_connections,
    ("lm_resnet", "LMResNet20"): lambda: preact_basic(3, 1) - 1,
    ("lm_resnet", "LMResNet56"): lambda: preact_basic(9, 1) - 1,
    ("momentum_resnet", "MomentumResNet101"): resnet101,
    ("polynet", "Poly2"): lambda: polynet(1),
    ("polynet", "MPoly2"): lambda: polynet(2),
    ("polynet", "TwoWay"): lambda: polynet(2),
    ("preact_resnet", "PreActResNet110"): lambda: preact_basic(18),
    ("preact_resnet", "PreActResNet164"): lambda: preact_bottleneck(18),
    ("preact_resnet", "PreActResNet1001"): lambda: preact_bottleneck(111),
    ("resnet_rs", "ResNetRS50"): resnet_rs,
    ("revnet", "RevNet110"): revnet,
    ("rezero", "ReZeroResNet56"): lambda: resnet(9, 1),
    ("smollm2_135m", "SmolLM2"): lambda: llama(576, 30, 1 / 3, 1536, 49152),
    ("rezero", "ReZeroResNet110"): lambda: resnet(18, 1),
    ("shufflenet_v1", "ShuffleNet1"): lambda: shufflenet(1, 144),
    ("shufflenet_v1", "ShuffleNet2"): lambda: shufflenet(2, 200),
    ("shufflenet_v1", "ShuffleNet3"): lambda: shufflenet(3, 240),
    ("shufflenet_v1", "ShuffleNet4"): lambda: shufflenet(4, 272),
    ("shufflenet_v1", "ShuffleNet8"): lambda: shufflenet(8, 384),
    ("stochastic_depth", "StochasticDepth110"): lambda: resnet(18),
}
