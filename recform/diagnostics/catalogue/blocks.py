"""RF3: what no block can compute."""

from __future__ import annotations

from recform.diagnostics.catalogue.entry import ONE, Entry

ENTRIES = {
    "RF301": Entry(
        "not causal",
        "A block would need what comes later, or itself.",
        "X_i = X_i + W_i*X_<i-1>",
        ONE,
    ),
    "RF302": Entry(
        "no such block",
        "An index names a block that does not exist.",
        f"stages 16 x 3\n{ONE}\noutput X_9",
        f"stages 16 x 3\n{ONE}\noutput X_3",
    ),
    "RF303": Entry(
        "an operator of a later block",
        "Block i cannot use what block i+1 owns.",
        "X_i = X_<i-1> + W_<i+1>*X_<i-1>",
        ONE,
    ),
    "RF304": Entry(
        "not an index",
        "An index is i, i-1, i-2, ... or a number, and stays as it was declared.",
        "X_i = X_<i-1> + W_i*X_<i/2>",
        "X_i = X_<i-1> + W_i*X_<i-2>",
    ),
    "RF305": Entry(
        "nothing is left",
        "All terms reach before the start. A boundary equation says where to begin.",
        "X_i = W_i*X_<i-2> + X_<i-3>",
        "X_i = W_i*X_<i-2> + X_<i-1>",
    ),
    "RF306": Entry(
        "no output named (a warning)",
        "With several unknowns the file should say which is the output.",
        "Y_i = W_i*X_<i-1>\nX_i = X_<i-1> + Y_i",
        "Y_i = W_i*X_<i-1>\nX_i = X_<i-1> + Y_i\noutput X_L",
    ),
    "RF307": Entry(
        "three indices",
        "A name has two indices at most: the block, and the time.",
        "X_<i,t> = W_<i,t,t>*X_<i-1,t>",
        "X_<i,t> = W_<i,t>*X_<i-1,t>",
    ),
    "RF308": Entry(
        "a range that cannot be",
        "A range of a sum or a history is empty, or its ends are no numbers.",
        "X_i = W_i*X_<i-1> + sum(k, 3, 1, X_<i-k>)",
        "X_i = W_i*X_<i-1> + sum(k, 1, 3, X_<i-k>)",
    ),
    "RF309": Entry(
        "dead blocks",
        "The output reads every second or third block only; the others would do nothing.",
        "X_i = W_i*X_<i-2>\nX_1 = X_0",
        "X_i = W_i*X_<i-2>\nX_1 = X_0\noutput X_L + X_<L-1>",
    ),
    "RF310": Entry(
        "the input is not seen (a warning)",
        "Whatever comes in, the same comes out: every way to the output has a factor 0.",
        "X_i = 0*X_<i-1>",
        ONE,
    ),
    "RF311": Entry(
        "a term without its scalar or operator (a warning)",
        "Blocks are counted from 1, so a scalar of each block has no number 0, and the "
        "term with it is left out. An operator has one where a boundary equation applies "
        "it to the input, as in `X_0 = W_0*input`, and nowhere else.",
        "stages 8 x 4\nscalar a_i = 0.5\nY_i = W_i*X_<i-1>\n"
        "X_i = sum(k, 0, i, a_k*Y_k)\noutput X_L",
        "stages 8 x 4\nscalar a_i = 0.5\nY_i = W_i*X_<i-1>\n"
        "X_i = Y_0 + sum(k, 1, i, a_k*Y_k)\noutput X_L",
    ),
    "RF312": Entry(
        "statistics that all blocks share (a warning)",
        "In training `bn` normalises each call by its own batch, in evaluation all calls by "
        "one running mean and variance. Where all blocks share the module, these lie "
        "between what the blocks make, and evaluation is far from training.",
        "stages 8 x 4\nX_i = relu(W*X_<i-1> + X_0)",
        "stages 8 x 4\nW = conv(3, c) > gn(4)\nX_i = relu(W*X_<i-1> + X_0)",
    ),
    "RF313": Entry(
        "weights of members where there are none",
        "`scalar a_<i,k>` has a number for each member of a sum over earlier blocks, and "
        "`softmax(k, ...)` gives each of them its share. Both stand in that sum, as block "
        "i's own; a softmax is of a tensor that depends on k.",
        "stages 8 x 4\nscalar a_<i,k> = 0\nX_i = W_i*X_<i-1> + a_<i,1>*X_1",
        "stages 8 x 4\nscalar a_<i,k> = 0\n"
        "X_i = W_i*X_<i-1> + sum(k, 0, i-1, a_<i,k>*X_k)",
    ),
    "RF314": Entry(
        "members that cannot be weighed together",
        "Where the terms of a sum over earlier blocks depend on the block as well, each is "
        "made of what one block made, all of them in the same way: with operators and "
        "learned numbers of block i. None of them is nothing where others are there.",
        "stages 8 x 4\nscalar a_<i,k> = 0\n"
        "X_i = W_i*X_<i-1> + sum(k, 0, i-1, a_<i,k>*X_k/(i-k))",
        "stages 8 x 4\nscalar a_<i,k> = 1/(i-k)\n"
        "X_i = W_i*X_<i-1> + sum(k, 0, i-1, a_<i,k>*X_k)",
    ),
    "RF315": Entry(
        "a range that ends between blocks",
        "The ends of a range are said in L, and with the number of blocks that there are "
        "they come out as no whole number.",
        "stages 8 x 5\nX_i = X_<i-1> + W_i*X_<i-1>\nX_<L/2+1..L> = W_i*X_<i-1>",
        "stages 8 x 5\nX_i = X_<i-1> + W_i*X_<i-1>\nX_<floor(L/2)+1..L> = W_i*X_<i-1>",
    ),
    "RF316": Entry(
        "a block counted from the other end",
        "`X_<L-i>` is what the block has made that is as far from the start as this one is "
        "from the end. It stands in the equation of a range of late blocks, for which that "
        "one comes before, and only unknowns have it. Beside it, late blocks read the one "
        "before them: otherwise nothing is handed on, and there is no chain of blocks.",
        "stages 8 x 4\nX_i = X_<L-i> + W_i*X_<i-1>",
        "stages 8 x 4\nX_i = W_i*X_<i-1>\nX_<L/2+1..L> = X_<L-i> + W_i*X_<i-1>",
    ),
    "RF317": Entry(
        "operators of the block before alone (a warning)",
        "`X_<i+1>` is what block i+1 makes, and its operator is `W_<i+1>`. Where all blocks "
        "take that of the block before, block 1 has none, for there is no `W_0`, and that of "
        "the last block is for nobody: there is an operator less than there are blocks.",
        "stages 8 x 4\nX_<i+1> = X_i + W_i*X_i",
        "stages 8 x 4\nX_<i+1> = X_i + W_<i+1>*X_i",
    ),
    "RF318": Entry(
        "a coefficient that is no number as training begins (a warning)",
        "A `scalar` is learned, and begins with the number behind its `=`. With that one, a "
        "coefficient is no number, is infinite, or has no slope (a root of 0): all that the "
        "network makes, or all gradients, are NaN or infinite, and nothing is learned.",
        "stages 8 x 4\nscalar a = 2\nX_i = X_<i-1> + log(1-a)*W_i*X_<i-1>",
        "stages 8 x 4\nscalar a = 2\nX_i = X_<i-1> + log(1+a)*W_i*X_<i-1>",
    ),
    "RF319": Entry(
        "positions before the first one (a warning)",
        "Before the first position are zeros. With so few positions an equation reads nothing "
        "else at all of them, and what stands in front of that gets no gradient: it is not "
        "learned.",
        "input 1 x 8\nstages 8 x 4\ntimes positions\n"
        "X_<i,t> = X_<i-1,t> + W_i*X_<i-1,t-1>\noutput X_L",
        "input 5 x 8\nstages 8 x 4\ntimes positions\n"
        "X_<i,t> = X_<i-1,t> + W_i*X_<i-1,t-1>\noutput X_L",
    ),
}
