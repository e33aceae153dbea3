"""What the words of the language mean, for who points at one of them."""

from __future__ import annotations

from recform.memory import Memory
from recform.outline.settings import RULES

#: Of each keyword, how its statement looks, and what it declares.
KEYWORDS = {
    "network": (
        "network Name",
        "starts a network; what stands above the first is for all",
    ),
    "use": ('use "other.rf"', "takes the definitions of another file"),
    "param": ("param name = 10", "a number that `--set`, or a constructor, may change"),
    "const": (
        "const gamma = 0.9",
        "a fixed number; it may depend on `i` and `L`, or be one of each stage or block: "
        "`const k = (3, 5) per stage`",
    ),
    "scalar": (
        "scalar g_i = 0.1 per channel",
        "a learned number that starts here: of each block (`g_i`, which may start at "
        "`1/i`), or of all (`g`)",
    ),
    "vector": ("vector q_i = 0", "learned numbers, one a feature, that start here"),
    "input": (
        "input 3 x 32 x 32",
        "one example: an image, tokens (`64 x 128`), ids (`64 of 256`) or a vector",
    ),
    "stages": ("stages 64 x 2, 128 x 2 / 2", "width x blocks / stride of each stage"),
    "scope": (
        "scope stage",
        "where the index starts anew: nowhere (`network`), or in each `stage`",
    ),
    "times": (
        "times 4",
        "how far a second index runs, as in `X_<i,t>`; or `positions`",
    ),
    "memory": (
        "memory lean",
        "what is kept for the backward pass: all (`plain`), little (`lean`), of a block "
        "what comes in (`checkpoint`), of a row what its last one hands on (`reversible`)",
    ),
    "stem": ("stem conv(3, c) > bn > relu", "what makes `X_0` of the input"),
    "head": (
        "head avgpool > linear(classes)",
        "what the network returns of the output",
    ),
    "adapter": (
        "adapter conv(1, c, stride=s) > bn",
        "stands in front of a term of another shape; `adapter up`: where its grid is too "
        "coarse",
    ),
    "transition": (
        "transition conv(1, c, stride=s) > bn > relu",
        "stands between two stages, with `scope stage`",
    ),
    "names": ('names W = "conv"', "where parameters live in the state_dict"),
    "init": ("init conv = kaiming_normal", "how weights start"),
    "output": ("output X_L", "what the head gets"),
    "paths": ("paths skip* pass*", "a general formula: which paths there are"),
}

#: What a word in a formula means.
WORDS = {
    "i": "the number of the block, from 1 on",
    "L": "the number of blocks, and so the last one",
    "j": "the number of the block within its stage",
    "T": "the last time, where there is a second index",
    "c": "the width of the stage",
    "s": "the stride: 1, but in the first block of a stage that has another",
    "cin": "the features of what comes into the flow",
    "first": "`X_<first>`: the first block of each stage",
    "input": "what the stem hands over: `X_0`",
    "none": "a flow without operators: what comes in",
    "pi": "3.14159...",
    "e": "2.71828...",
    "skip": "a path goes past the block",
    "pass": "a path goes through the block's operator",
    "sum": "`sum(k, 1, 3, body)`: terms for each k, or `sum(X_<0..i-1>)`: of a history",
    "prod": "`prod(k, 1, 3, body)`: the product of a body for each k",
    "concat": "`concat(X, Y)`: features side by side; also of a history, `X_<0..i-1>`",
    "split": "`Y_i, Z_i = split(X, 2)`: the features in equal parts",
    "dot": "`dot(X, Y)`: the products of the features, added up: one number a position",
    "norm": "`norm(X)`: the root of `dot(X, X)`: one number a position",
    "max": "`max(X, Y)`: the largest, number by number; also of a history, or of numbers",
    "min": "`min(X, Y)`: the smallest, number by number; also of a history, or of numbers",
    "mean": "`mean(X, Y)`: the mean, number by number; also of a history",
    "sqrt": "the root of a number, or of each number of a tensor",
    "exp": "the exponential of a number, or of each number of a tensor",
    "log": "the natural logarithm of a number, or of each number of a tensor",
    "abs": "a number, or each number of a tensor, without its sign",
    "sin": "the sine of a number, or of each number of a tensor",
    "cos": "the cosine of a number, or of each number of a tensor",
    "tanh": "the hyperbolic tangent of a number, or of each number of a tensor",
    "sigmoid": "1/(1 + exp(-x)) of a number, or of each number of a tensor",
    "softplus": "log(1 + exp(x)) of a number, or of each number of a tensor",
    "relu": "max(x, 0) of a number, or of each number of a tensor",
    "floor": "the largest whole number that is not above a number",
    "ceil": "the smallest whole number that is not below a number",
}

#: Words that a file may have for something else.
FREE = ("T",)

#: What may follow `scope`, `times`, `memory` and `per`.
CHOICES = {
    "scope": ("network", "stage"),
    "times": ("positions",),
    "memory": tuple(Memory),
    "per": ("stage", "block", "channel", "feature"),
}

#: How weights may start: what `init` takes.
INIT = tuple(RULES)
