"""VGG16, from vgg16_bn.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  vgg16_bn.rf
sha256:  03537bdfc5a645faff97ffec10d9d8895b11f4bd38b3cf59ae4d416dff5a52d8
recform: 0.1.0
command: recform compile vgg16_bn.rf -o vgg16_bn.py
sealed:  1e81cbe3bac6ad2e
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["VGG16"]


def step(in_channels: int, channels: int) -> list[nn.Module]:
    """X_i = W_i*X_<i-1>"""
    return [
        nn.Conv2d(in_channels, channels, 3, padding=1),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    ]


class VGG16(nn.Module):
    """X_i = W_i*X_<i-1>

    Takes N x 3 x 224 x 224, returns N x 1000.
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *step(3, 64),
            *step(64, 64),
            nn.MaxPool2d(2),
            *step(64, 128),
            *step(128, 128),
            nn.MaxPool2d(2),
            *step(128, 256),
            *[module for _ in range(2) for module in step(256, 256)],
            nn.MaxPool2d(2),
            *step(256, 512),
            *[module for _ in range(2) for module in step(512, 512)],
            nn.MaxPool2d(2),
            *[module for _ in range(3) for module in step(512, 512)],
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Linear(25088, 4096),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(4096, classes),
        )

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        x = F.adaptive_avg_pool2d(x, 7).flatten(1)  # rf:11
        return self.classifier(x)  # rf:11
