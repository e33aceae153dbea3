"""RF4: shapes."""

from __future__ import annotations

from recform.diagnostics.catalogue.entry import ONE, Entry

#: A sum whose members are weighed by the features of a tensor.
DEALT = "X_i = W_i*sum(k, 0, i-1, A_<i,k>(X_<i-1>)*X_k)"

ENTRIES = {
    "RF401": Entry(
        "shapes that do not meet",
        "Terms of a sum, or the parts of a concat, cannot be brought to one shape.",
        "stages 16 x 2, 32 x 2 / 2\nX_i = W_i*concat(X_<0..i-1>)",
        "scope stage\nstages 16 x 2, 32 x 2 / 2\nX_i = W_i*concat(X_<0..i-1>)",
    ),
    "RF402": Entry(
        "does not divide",
        "Groups, or the parts of a split, do not divide the channels.",
        f"W = conv(3, c, stride=s, groups=3)\n{ONE}",
        f"W = conv(3, c, stride=s, groups=4)\n{ONE}",
    ),
    "RF403": Entry(
        "zero or negative",
        "A size or a number of blocks is at least 1.",
        f"stages 64 x 0\n{ONE}",
        f"stages 64 x 2\n{ONE}",
    ),
    "RF404": Entry(
        "not a whole number",
        "A size comes out as a fraction.",
        f"stages 30 x 2\nW = conv(1, c/4) > conv(3, c)\n{ONE}",
        f"stages 32 x 2\nW = conv(1, c/4) > conv(3, c)\n{ONE}",
    ),
    "RF405": Entry(
        "the wrong kind of tensor",
        "An operator takes images, tokens or vectors, and gets another.",
        f"head linear(10)\n{ONE}",
        f"head avgpool > linear(10)\n{ONE}",
    ),
    "RF406": Entry(
        "one operator, two shapes",
        "An operator is called on two shapes. What a block's own operator gets from older "
        "stages is brought to the shape of the block; an operator of all blocks has one "
        "shape, if it has weights or is made for so many features; and none is called on two "
        "layouts (an image, and a vector or pixels) if its code says where the features "
        "are, as that of `bn` and of a definition does. With an index, `W_i`, "
        "each block has one of its own; `scope stage` counts the index anew in each "
        "stage, which has a `W` of its own then. The same holds for a `vector`: it has a "
        "number for each channel of an image, or for each feature of what is none, and "
        "nowhere for more or fewer. With `scope stage`, a transition that leads to another "
        "layout leaves the blocks their code, which has to be the same there.",
        "stages 16 x 2, 32 x 2 / 2\nW = conv(3, c, stride=s) > gn(4)\n"
        "X_i = X_<i-1> + U_i*W*X_<i-1>",
        "stages 16 x 2, 32 x 2 / 2\nW = conv(3, c, stride=s) > gn(4)\n"
        "X_i = X_<i-1> + U_i*W_i*X_<i-1>",
    ),
    "RF407": Entry(
        "no adapter",
        "Shapes differ, and the file says `adapter none`.",
        f"adapter none\n{ONE}",
        f"adapter none\nstages 64 x 4\n{ONE}",
    ),
    "RF408": Entry(
        "a width that is not made (a warning)",
        "A stage declares a width, and its blocks make another: their operators end in a "
        "width of their own, so what the stage says is for nothing.",
        "stages 16 x 2, 32 x 2 / 2\nW = conv(3, stride=s) > bn > relu\nX_i = W_i*X_<i-1>",
        "stages 16 x 2, 32 x 2 / 2\nW = conv(3, c, stride=s) > bn > relu\n"
        "X_i = W_i*X_<i-1>",
    ),
    "RF409": Entry(
        "no embedding to share",
        "`unembed` scores ids by the matrix of `embed` in the stem. So it stands in the "
        "head of a network that takes ids, behind tokens of that width.",
        f"input 64 of 256\nstages 16 x 1, 32 x 1\nhead ln > unembed(stem)\n{ONE}",
        f"input 64 of 256\nstages 16 x 1, 32 x 1\nhead ln > linear(256)\n{ONE}",
    ),
    "RF410": Entry(
        "ids in the blocks",
        "Ids are names of tokens, and blocks reckon with numbers: the stem makes tokens "
        "of them.",
        f"input 64 of 256\nstages 16 x 2\nstem none\n{ONE}",
        f"input 64 of 256\nstages 16 x 2\nstem embed(c)\n{ONE}",
    ),
    "RF411": Entry(
        "a stride that is not made (a warning)",
        "A stage declares a stride, and its blocks leave the grid as it is: none of their "
        "operators has the stride `s` (or `1/s`, where the grid becomes finer), so what the "
        "stage says is for nothing. With `scope stage` the transition makes it.",
        "stages 16 x 2, 32 x 2 / 2\nW = conv(3, c) > bn > relu\n"
        "X_i = X_<i-1> + W_i*X_<i-1>",
        "stages 16 x 2, 32 x 2 / 2\nW = conv(3, c, stride=s) > bn > relu\n"
        "X_i = X_<i-1> + W_i*X_<i-1>",
    ),
    "RF425": Entry(
        "a further input of another shape",
        "A further input keeps its own shape: it belongs to no stage, so no adapter brings "
        "it to the shape of one. What stands with it in a sum or product has that shape, "
        "or it is a gate; anything else is done by an operator.",
        "input 5 x 8\ninput text = 5 x 6\nstages 8 x 2\nX_i = W_i*X_<i-1> + text",
        "input 5 x 8\ninput text = 5 x 6\nstages 8 x 2\nP = linear(c)\n"
        "X_i = W_i*X_<i-1> + P_i*text",
    ),
    "RF426": Entry(
        "an output without the blocks",
        "The output is made of further inputs alone, as far as blocks hand something on: "
        "all but the last one would be there for nobody.",
        "input 5 x 8\ninput text = 5 x 8\nstages 8 x 2\nX_i = W_i*text",
        "input 5 x 8\ninput text = 5 x 8\nstages 8 x 2\nX_i = X_<i-1> + W_i*text",
    ),
    "RF428": Entry(
        "features for other members",
        "In a sum over earlier blocks the features of a tensor are one for each member, so "
        "it has as many as the sum has in its block.",
        f"input 4\nstages 4 x 3\nA = linear(c)\n{DEALT}",
        f"input 4\nstages 4 x 3\nA = linear(i)\n{DEALT}",
    ),
}
