"""What torch and other libraries call the operators of this one."""

from __future__ import annotations

#: In small letters, without underscores.
_NAMES = {
    "conv": "conv2d convolution",
    "conv1d": "causalconv1d causalconv",
    "dwconv": "depthwise depthwiseconv depthwiseconv2d separableconv",
    "deconv": "convtranspose convtranspose2d transposedconv upconv",
    "linear": "dense fc fullyconnected",
    "bn": "batchnorm batchnorm1d batchnorm2d batchnormalization norm2d",
    "ln": "layernorm layernorm2d layernormalization",
    "gn": "groupnorm groupnormalization",
    "embed": "embedding",
    "positions": "posembed posembedding positionembedding positionalembedding",
    "attention": "mha selfattention selfattn attn multihead multiheadattention msa",
    "attend": "crossattention crossattn scaleddotproductattention sdpa",
    "rotary": "rope rotaryembedding rotaryposemb rotarypositions",
    "silu": "swish",
    "patches": "patchembed patchembedding patchify",
    "classtoken": "clstoken cls",
    "avgpool": "avgpool2d adaptiveavgpool2d globalavgpool averagepool gap meanpool",
    "maxpool": "maxpool2d globalmaxpool adaptivemaxpool2d",
    "droppath": "stochasticdepth",
    "dropout": "dropout2d",
    "upsample": "interpolate upsamplenearest2d upsamplingbilinear2d",
    "pad": "zeropad2d",
    "shuffle": "channelshuffle",
    "shift": "tokenshift",
    "identity": "skip",
}
_OPERATORS = {
    name: operator for operator, names in _NAMES.items() for name in names.split()
}


def called_elsewhere(name: str) -> str:
    """The operator that has this name in another library; empty for none."""
    return _OPERATORS.get(name.lower().replace("_", ""), "")
