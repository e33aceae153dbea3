"""RF2: names, sorts and the frame."""

from __future__ import annotations

from recform.diagnostics.catalogue.entry import ONE, Entry

#: A block that adds what recurs to what comes in.
_OVER = "output X_L\nX_<i,t> = X_<i-1,t> + H_<i,t>\n"

ENTRIES = {
    "RF201": Entry(
        "unknown name",
        "A name is not known here. Declare it (`scalar`, `const`, `param`), or look for "
        "a slip of the pen.",
        "X_i = gamma*X_<i-1> + W_i*X_<i-1>",
        "const gamma = 0.9\nX_i = gamma*X_<i-1> + W_i*X_<i-1>",
    ),
    "RF202": Entry(
        "unknown operator or function",
        "The library has no operator of this name, and the file defines none.",
        "X_i = rleu(W_i*X_<i-1>)",
        "X_i = relu(W_i*X_<i-1>)",
    ),
    "RF203": Entry(
        "wrong arguments",
        "An argument is missing, unknown, given twice, or one too many.",
        f"W = conv(3, c, strde=s) > bn\n{ONE}",
        f"W = conv(3, c, stride=s) > bn\n{ONE}",
    ),
    "RF204": Entry(
        "a sum of two sorts",
        "A tensor and an operator cannot be added. Apply the operator first.",
        "X_i = X_<i-1> + W_i",
        ONE,
    ),
    "RF205": Entry(
        "a product of the wrong sorts",
        "An operator stands in front of what it is applied to, and is no divisor; a tensor is "
        "no exponent.",
        "X_i = X_<i-1>*W_i",
        "X_i = W_i*X_<i-1>",
    ),
    "RF206": Entry(
        "a function of the wrong sort",
        "Functions take tensors, some of them numbers; max and min take the one or the "
        "other. A number beside the tensors of a concat is fixed.",
        "X_i = relu(W_i)",
        "X_i = relu(W_i*X_<i-1>)",
    ),
    "RF207": Entry(
        "two equations",
        "An unknown has one equation, and one boundary equation for each index.",
        "X_i = W_i*X_<i-1>\nX_i = X_<i-1>",
        "X_i = W_i*X_<i-1> + X_<i-1>",
    ),
    "RF208": Entry(
        "an unknown without an equation",
        "A tensor is needed, and nothing says what this is.",
        "X_i = W_i*Z_<i-1>",
        "X_i = W_i*X_<i-1>",
    ),
    "RF209": Entry(
        "said twice",
        "A name or a statement stands here a second time, or already means something.",
        f"stages 16 x 2\nstages 32 x 2\n{ONE}",
        f"stages 16 x 2, 32 x 2 / 2\n{ONE}",
    ),
    "RF210": Entry(
        "an argument out of range",
        "The operator takes other values here.",
        f"W = conv(0, c)\n{ONE}",
        f"W = conv(3, c, stride=s)\n{ONE}",
    ),
    "RF211": Entry(
        "a number that does not exist",
        "A division by zero, a logarithm of zero, a root of a negative number. Of what is "
        "learned, one that is none near the numbers it starts with, nor anywhere else that "
        "was tried: `log(-1 - a^2)`.",
        "X_i = W_i*X_<i-1>/0",
        "X_i = W_i*X_<i-1>/2",
    ),
    "RF212": Entry(
        "something else is needed here",
        "This place takes a number, or one of a few words.",
        f"scope block\n{ONE}",
        f"scope stage\n{ONE}",
    ),
    "RF213": Entry(
        "defined by itself",
        "A definition uses itself, directly or over others.",
        f"W = V > bn\nV = W > relu\n{ONE}",
        f"W = V > bn\nV = conv(3, c, stride=s)\n{ONE}",
    ),
    "RF214": Entry(
        "not a flow",
        "`>` and the arguments of operators stand in definitions, W = conv(3, c) > bn, which "
        "have no index; equations use the name, with `*`.",
        "X_i = X_<i-1> + dropout(0.1)*X_<i-1>",
        "D = dropout(0.1)\nX_i = X_<i-1> + D_i*X_<i-1>",
    ),
    "RF215": Entry(
        "no equation",
        "A network is built from an equation.",
        "stages 16 x 2",
        f"stages 16 x 2\n{ONE}",
    ),
    "RF216": Entry(
        "a general formula",
        "This says which paths there are; a network is built from a recursion.",
        "dX_L/dX_<L-i> = 1 + W_L",
        "X_i = (1 + W_i)*X_<i-1> - W_<i-1>*X_<i-2>",
    ),
    "RF217": Entry(
        "not a left side",
        "The left side is one unknown (X_i), or has no i at all (a boundary equation).",
        "2*X_i = W_i*X_<i-1>",
        "X_i = W_i*X_<i-1>/2",
    ),
    "RF218": Entry(
        "a number of each stage or block",
        "`const k = (...) per stage` has a number for every stage, `per block` for every "
        "block, and only operators that belong to a block know which is theirs. So it is with "
        "`i` and `L` in the arguments of operators.",
        "stages 16 x 2, 32 x 2 / 2\nconst k = (3, 5, 7) per stage\n"
        f"W = conv(k, c, stride=s)\n{ONE}",
        "stages 16 x 2, 32 x 2 / 2\nconst k = (3, 5) per stage\n"
        f"W = conv(k, c, stride=s)\n{ONE}",
    ),
    "RF219": Entry(
        "names that no module can have",
        "Brackets in a flow, labels with dots and `names` put modules into an nn.Sequential. "
        "It runs them in a row, counts them from 0, and holds modules of torch only. "
        "Two parts of one module cannot have one name.",
        f"W = (conv(1, c, stride=s) > bn > zeropad(2*c) > conv(3, c))\n{ONE}",
        f"W = conv(1, c, stride=s) > bn > zeropad(2*c) > conv(3, c)\n{ONE}",
    ),
    "RF220": Entry(
        "an operator of several tensors without its brackets",
        "`A_i*X` gives an operator one tensor. One that takes several gets them in brackets, "
        "in the order that it says.",
        "input 4\nstages 4 x 2\nB = bilinear(c)\nX_i = X_<i-1> + B_i*X_<i-1>",
        "input 4\nstages 4 x 2\nB = bilinear(c)\nX_i = X_<i-1> + B_i(X_<i-1>, X_<i-2>)",
    ),
    "RF221": Entry(
        "an operator of several tensors inside of a flow",
        "A flow hands one tensor from operator to operator. So an operator that takes several "
        "stands first in it, and the equations give it what it takes.",
        f"input 4\nstages 4 x 2\nW = linear(c) > bilinear(c)\n{ONE}",
        "input 4\nstages 4 x 2\nW = linear(c)\nB = bilinear(c) > tanh\n"
        "X_i = X_<i-1> + B_i(W_i*X_<i-1>, X_<i-1>)",
    ),
    "RF222": Entry(
        "declared and not used (a warning)",
        "Something has a name, and nothing that the network returns reads it. Often the "
        "name is misspelt where it should be read, and something else stands there.",
        "Wide = conv(5, c, stride=s) > bn > relu\nX_i = X_<i-1> + Wid_i*X_<i-1>",
        "Wide = conv(5, c, stride=s) > bn > relu\nX_i = X_<i-1> + Wide_i*X_<i-1>",
    ),
    "RF227": Entry(
        "a network that cannot go on by positions",
        "`--for generation` has a network make one position after the other, and keep what "
        "it needs of those before. So it takes tokens or ids, and no position depends on "
        "those behind it.",
        command="recform compile net.rf --for generation",
    ),
    "RF229": Entry(
        "a position that cannot be read",
        "With `times positions` an equation is for all tokens: it reads the same position "
        "and earlier ones, `t`, `t-1`, ..., and what recurs is made of something that is "
        "free of it. Operators and scalars are the same at all positions.",
        f"input 4 x 3\ntimes positions\n{_OVER}H_<i,t> = H_<i,t+1> + B_i*X_<i-1,t>",
        f"input 4 x 3\ntimes positions\n{_OVER}H_<i,t> = H_<i,t-1> + B_i*X_<i-1,t>",
    ),
    "RF230": Entry(
        "what a recurrence over positions cannot hold",
        "What a position applies to what it reads of earlier ones belongs to the "
        "recurrence: to it alone, to one block (or all of it to all blocks), and for all "
        "blocks in the same way.",
        "input 4 x 3\ntimes positions\n"
        "X_<i,t> = H_<i,t> + W_i*X_<i-1,t>\n"
        "H_<i,t> = tanh(W_i*H_<i,t-1> + X_<i-1,t>)\noutput X_L",
        "input 4 x 3\ntimes positions\n"
        "X_<i,t> = H_<i,t> + V_i*X_<i-1,t>\n"
        "H_<i,t> = tanh(W_i*H_<i,t-1> + X_<i-1,t>)\noutput X_L",
    ),
}
