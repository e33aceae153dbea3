"""What a file gets that leaves things out: a small image network, written in recform.

The values are those of the paper's CIFAR networks: ResNet-18's stem, stages and basic
blocks (He et al. 2016; Liao et al., Table 9).
"""

from __future__ import annotations

#: Statements that stand in for those that a file lacks, whatever its input.
FRAME = """
input      3 x 32 x 32
scope      network
times      4
memory     plain
"""

#: For an image.
IMAGE = """
stem          conv(3, c) > bn > relu
head          avgpool > linear(classes)
adapter       conv(1, c, stride=s) > bn
adapter up    upsample(1/s) > conv(1, c) > bn
transition    conv(1, c, stride=s) > bn > relu
transition up upsample(1/s) > conv(1, c) > bn > relu
"""

#: For tokens.
TOKENS = """
stem       linear(c)
head       avgpool > linear(classes)
adapter    linear(c)
transition linear(c)
"""

#: For ids.
IDS = """
stem       embed(c) > positions
head       ln > unembed(stem)
adapter    linear(c)
transition linear(c)
"""

#: For a vector.
VECTOR = """
stem       linear(c)
head       linear(classes)
adapter    linear(c)
transition linear(c)
"""

#: The parameter of the default head.
PARAMS = """
param      classes = 10
"""

#: The stages of an image network whose blocks may change shape.
STAGES = """
stages     64 x 2, 128 x 2 / 2, 256 x 2 / 2, 512 x 2 / 2
"""

#: The stages where they may not: a module that is called twice has one shape, and so
#: have tensors that are put side by side.
FLAT_STAGES = """
stages     64 x 8
"""

#: The block of an operator letter that the file does not define.
IMAGE_BLOCK = "conv(3, c, stride=s) > bn > relu > conv(3, c) > bn"
VECTOR_BLOCK = "ln > linear(4*c) > gelu > linear(c)"
