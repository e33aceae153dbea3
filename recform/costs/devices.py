"""Devices that times are estimated for; each number has its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recform.arguments import word
from recform.blocks.amount import Dtype


@dataclass(frozen=True)
class Device:
    """What a device can do at most.

    Attributes:
        name: of the device.
        short: the same for the command line.
        memory: in bytes; None for what has as much as its owner likes.
        bandwidth: bytes a second from and to its memory.
        operations: additions and multiplications a second, of products of matrices.
        source: who says so.
        gpu: whether it is one.
    """

    name: str
    short: str
    memory: int | None
    bandwidth: float
    operations: Mapping[Dtype, float]
    source: str
    gpu: bool = True


def _rates(fp32: float, bf16: float, fp16: float) -> dict[Dtype, float]:
    return {Dtype.fp32: fp32, Dtype.bf16: bf16, Dtype.fp16: fp16}


#: fp32 is without TF32, and all rates are without sparsity.
DEVICES = (
    Device(
        "H100 SXM",
        "h100",
        80 * 10**9,
        3.35e12,
        _rates(67e12, 989.5e12, 989.5e12),
        "NVIDIA H100 Tensor Core GPU, data sheet; half of what it says with sparsity",
    ),
    Device(
        "A100 SXM 80 GB",
        "a100",
        80 * 10**9,
        2.039e12,
        _rates(19.5e12, 312e12, 312e12),
        "NVIDIA A100 Tensor Core GPU, data sheet",
    ),
    Device(
        "RTX 4090",
        "rtx4090",
        24 * 10**9,
        1.008e12,
        _rates(82.6e12, 165.2e12, 165.2e12),
        "NVIDIA Ada GPU Architecture, white paper, appendix A; adds up in fp32",
    ),
    # 8 cores x 3.3 GHz, each with two products of 8 numbers in fp32 and of 16 in bf16, and
    # none of its own in fp16; two channels of DDR5-5600.
    Device(
        "Ryzen 7 7840U",
        "laptop",
        None,
        89.6e9,
        _rates(8 * 3.3e9 * 32, 8 * 3.3e9 * 64, 8 * 3.3e9 * 32),
        "AMD, product page: cores, base clock and memory; AMD, Zen 4: units of a core",
        gpu=False,
    ),
)


def device_of(short: str) -> Device:
    """A device, by the word of the command line.

    Raises:
        BadArgument: if there is none.
    """
    known = {device.short: device for device in DEVICES}
    word(known).check("for_device", short)
    return known[short]
