"""Files in which a search has found a fault: each is tried on every run."""

from __future__ import annotations

import pytest
import torch

from tests.oracle.search import outcome

torch.set_num_threads(1)

VECTORS = "input 3\nstem none\nhead none\nW = linear(c) > tanh\nU = linear(c)\n"
LEARNED = "scalar p_i = 0.4\n"
IMAGES = "input 2 x 4 x 4\nstem none\nhead none\nW = conv(1, c, stride=s) > bn\n"

FOUND = {
    # Histories: a step was taken again though its slots had changed their order.
    "the sum of all blocks": VECTORS
    + "stages 3 x 16\nX_i = W_i*X_<i-1> + X_0\noutput sum(X_<1..L>)",
    "a maximum of all blocks": VECTORS
    + "stages 3 x 16\nX_i = W_i*X_<i-1> + X_0\noutput max(X_<1..L>)",
    "the mean of all blocks": VECTORS
    + "stages 3 x 11\nX_i = W_i*X_<i-1> + X_0\noutput mean(X_<1..L>)",
    "all blocks side by side": VECTORS
    + "stages 3 x 16\nX_i = W_i*X_<i-1> + X_0\noutput concat(X_<1..L>)",
    "all blocks and the input": VECTORS
    + "stages 3 x 16\nX_i = W_i*X_<i-1> + X_0\noutput sum(X_<0..L>)",
    "a history from block 1 on": VECTORS
    + "stages 3 x 14\nX_i = W_i*X_<i-1> + max(X_<1..i-1>)\noutput X_L",
    "an operator on a history": VECTORS
    + "stages 3 x 14\nX_i = X_<i-1> + W_i*sum(X_<1..i-1>)\noutput X_L",
    "a history from block 2 on, in the output": VECTORS
    + "stages 3 x 12\nX_i = X_<i-1> + W_i*X_<i-1>\noutput max(X_<2..L>)",
    "side by side from block 2 on": VECTORS
    + "stages 3 x 12\nX_i = X_<i-1> + W_i*X_<i-1>\noutput concat(X_<2..L>)",
    "a history from block 2 on": VECTORS
    + "stages 3 x 12\nX_i = W_i*X_<i-1> + max(X_<2..i-1>)\noutput X_L",
    "two steps in turn": VECTORS
    + "stages 3 x 12\nX_i = W_i*Y_<i-1> + W_<i-1>*Y_<i-1>\n"
    "Y_i = X_<i-1> + W_<i-1>*X_<i-2>\nY_0 = 0.5*input\noutput X_L + Y_L",
    # A value that was computed twice, as it had two names.
    "an operator on two names of the input": IMAGES
    + "stages 3 x 1\nX_i = X_0 + W_i*X_<i-1> + W_i*(X_0)\noutput X_L",
    "an operator on two unknowns that start alike": IMAGES
    + "stages 3 x 3\nX_i = W_i*Y_<i-1> + X_<i-1>\nY_i = W_i*X_<i-1> + Y_<i-1>\n"
    "output X_L + Y_L",
    "an operator on what starts alike at all times": IMAGES
    + "stages 3 x 3\nU = conv(1, c)\ntimes 3\nX_<0,t> = U_0*input\n"
    "X_<i,t> = W_i*X_<i-1,t> + X_<i,t-1>\noutput X_<L,T>",
    # The adapter of what is divided by was left out.
    "a divisor that needs an adapter": IMAGES
    + "stages 2 x 2, 3 x 2 / 2\nX_i = X_<i-1> + W_i*X_<i-1>/exp(X_<i-1>)\noutput X_L",
    # A zero is no term.
    "the mean of a history that starts with zero": VECTORS
    + "stages 3 x 5\nX_i = X_<i-1> + W_i*X_<i-1> + mean(Y_<0..i-1>)\n"
    "Y_i = U_i*X_<i-1>\nY_0 = 0\noutput X_L",
    # Both are one application, and each was looked for within the other.
    "two unknowns with one right side, an operator within an operator": VECTORS
    + "stages 3 x 4\nX_i = W_i*(Y_<i-1>*(W_i*X_<i-1>))\n"
    "Y_i = W_i*(Y_<i-1>*(W_i*X_<i-1>))\nX_0 = input\nY_0 = input\noutput X_L + Y_L",
    # Modules and scalars of other blocks.
    "a module of an earlier block in a range": VECTORS
    + "stages 3 x 6\nX_i = X_<i-1> + U_i*X_<i-1>\nX_4 = W_2*X_3\noutput X_L",
    "a module of two blocks before": VECTORS
    + "stages 3 x 6\nX_i = X_<i-1> + U_i*X_<i-1>\nX_<4..4> = W_<i-2>*X_<i-1>\n"
    "X_3 = X_2 + W_1*X_2\noutput X_L",
    "an Euler step": VECTORS + "stages 3 x 4\nX_i = X_<i-1> + U*X_<i-1>/L\noutput X_L",
    "a scalar of the block before, inside": VECTORS + "stages 3 x 3\nscalar p_i = 0.4\n"
    "X_i = X_<i-1> + W_i*X_<i-1> + relu(p_<i-1>*X_<i-1>)\noutput X_L",
    "a scalar for each member of a history": VECTORS
    + "stages 3 x 5\nscalar p_i = 0.4\n"
    "X_i = W_i*X_<i-1> + sum(k, 1, i-1, p_k*X_k)\noutput X_L",
    "one module of all stages": VECTORS
    + "stages 3 x 5, 3 x 4\nscope stage\nX_i = X_<i-1> + W*X_<i-2>\noutput X_L",
    "a start in each stage": VECTORS
    + "stages 3 x 2, 4 x 2\nscope stage\nX_i = X_<i-1> + W_i*X_<i-1>\n"
    "X_0 = U_0*input\noutput X_L",
    "an unknown and its first block": VECTORS
    + "stages 3 x 4\nX_i = Y_i + Y_1\nY_i = W_i*X_<i-1>\noutput X_L",
    "a function of all blocks and of each": VECTORS
    + "stages 3 x 4\nN = relu > tanh\nX_i = N*X_<i-1> + W_i*N_<i-1>*X_<i-2>\noutput X_L",
    "nothing, several times in a definition": VECTORS
    + "stages 3 x 2\nD(x) = tanh(A_1*x) + B*A_2*x where A = none, B = linear(cin)\n"
    "X_i = X_<i-1> + D_i*X_<i-1>\noutput X_L",
    # Shapes.
    "a term that is left alone of a sum that travels": "input 2\nstem none\n"
    "head none\nadapter linear(c) > tanh\nstages 4 x 1, 4 x 2\nV = linear(c)\n"
    "X_i = 0.5*X_0 + i/L*V_<i-1>*X_<i-2> + relu(X_<i-2>) - 0.5*V_i*X_<i-1>\noutput X_L",
    "a history that changes its shape": "input 3 x 4 x 4\nstem none\nhead none\n"
    "stages 3 x 1, 4 x 1 / 2\nX_i = max(X_<0..i-1>, X_<i-1>)\noutput X_L",
    # A sum that is formed early, and what it is formed of.
    "an operator in an early sum, read later as well": VECTORS
    + "stages 3 x 2\nX_i = X_<i-1>\n"
    "Y_i = Y_<i-1> + X_0 + U*U*X_<i-1> + W_i*U*X_<i-1>\noutput Y_L",
    "a sum that is made before its part is wanted": VECTORS
    + "stages 3 x 17\nX_i = (W_i - W_<i-2> + U)*(gelu(X_<i-1>) - 1/2*X_0 + U*X_0)"
    " + X_<i-1>\noutput X_L - X_<L-1>",
    "a history whose next member is not there yet": VECTORS
    + "stages 3 x 9\nX_i = sum(j, 0, i-1, U*Z_j) + X_<i-1> + Y_<i-1>\n"
    "Y_i = Y_<i-1> + Z_<i-1>\nZ_i = W_<i-1>*U*X_<i-1> + W_i*X_<i-1>\noutput Z_L",
    # One tensor under the name that it gets later.
    "a start that is the start of another one, through W_0": VECTORS
    + "stages 3 x 8\nX_i = W_i*X_<i-1> + U*Y_<i-1>\n"
    "Y_i = Y_<i-1> + W_<i-2>*X_<i-1> + W_<i-2>*Y_<i-2> - X_i\n"
    "X_0 = W_0*input\noutput X_L + Y_L",
    "a boundary equation on another name of its argument": VECTORS
    + "stages 3 x 5\nX_i = W_i*X_<i-1> + U_<i-1>*Z_<i-1>\n"
    "Z_i = Z_<i-1> + X_<i-1>\nX_<-1> = input\nU_0*X_<-1> = X_0\noutput Z_L",
    # Numbers that are left alone before the start.
    "a number of the block that cancels": VECTORS
    + "stages 3 x 3\nV_i = V_<i-1> + W_i*X_<i-1>\n"
    "X_i = U_i*X_<i-1> + i*(1/i + V_<i-1>)\nV_0 = 0\noutput X_L",
    "a product of numbers of which each is left of a sum": VECTORS
    + "stages 3 x 3\nV_i = V_<i-1> + W_i*X_<i-1>\n"
    "X_i = U_i*X_<i-1> + (2/i + V_<i-1>)^2*(X_<i-1>/3 + (1/2 - V_<i-1>/i)*(2 + V_<i-1>))\n"
    "V_0 = 0\noutput X_L",
    # Numbers that are small and not zero.
    "a number of 14 zeros": VECTORS
    + "stages 3 x 34\nX_i = tanh(exp(-i)*W_i*X_<i-1> - X_<i-1>)\noutput X_L",
    "a sign before a product of a sum": VECTORS
    + "stages 3 x 3\nX_i = X_<i-1> + Y_<i-1>\n"
    "Y_i = Y_<i-1> + (U*X_<i-2> - X_i)*W_i*Y_<i-1>\noutput X_L + Y_L",
    # One tensor for all blocks.
    "an unknown that is the same in all blocks": VECTORS
    + "stages 3 x 7\nX_i = U*X_0\nX_2 = W_2*X_1\noutput X_L",
    # A state that the regular step wants, and the modules that it wants with it.
    "a scalar that was used when another one asks for it": VECTORS
    + "stages 3 x 7\nscalar k_i = 0.5\n"
    "X_i = W_i*(k_i*X_<i-1>) + k_<i-3>*X_0\noutput X_L",
    "a tensor of the start that two blocks read late": VECTORS
    + "stages 3 x 9\nX_i = W_i*X_<i-1> + W_i*input\nY_i = X_<i-1>^2 + W_i*Y_<i-1>\n"
    "Y_<7..8> = W_i*input + U*input + X_<i-1> + W_i*Y_<i-1>\noutput Y_L",
    "an operator in a block with which the next block begins": VECTORS
    + "stages 3 x 4\nX_i = X_<i-1> + W_i*Y_<i-1>\n"
    "Y_i = W_<i-1>*(1 + W_i)*input\nY_0 = W_0*input\nY_1 = 0.5*Y_0\n"
    "output X_L + Y_L",
    "blocks that call the operator of the block before on what it made": VECTORS
    + "stages 3 x 6\nX_i = U*X_<i-1>\nX_1 = W_1*X_0\n"
    "X_<2..6> = W_<i-1>*W_i*X_<i-1>\noutput X_L",
    "a history that looks two blocks back": VECTORS
    + "stages 3 x 3\nX_i = X_<i-1> + X_<i-1> + max(X_<1..i-1>) + X_0\n"
    "Y_i = sum(j, 0, i-1, W_j*X_<j-1>) + sum(Y_<1..i-1>) + W_i*Y_<i-1>\noutput Y_L",
    "a state of the regular step, before blocks that do not take it": VECTORS
    + "stages 3 x 13\nX_i = Y_<i-1>\n"
    "Y_i = min(3/4*X_i, (Z_<i-1> + Z_<i-1> + Y_<i-1>), X_i)\n"
    "Z_i = input + Z_<i-1> + tanh(W_i*(X_<i-7> + Y_<i-6>))\n"
    "X_<8..13> = U^2*Z_<i-1> + W_<i-4>*X_<i-1>\noutput X_L",
    # Behind blocks that the proof goes over, what makes one of their unknowns had no name.
    "an operator of a block before that is an unknown, with which the output ends": VECTORS
    + "stages 3 x 9\nX_i = W_i*X_<i-1> + U_i*W_<i-1>*X_<i-2>\nN_i = W_i*X_<i-1>\n"
    "output X_L + N_<L-1>",
    # What the network hands to its blocks.
    "a step of two stages that get two modules": VECTORS
    + "stages 3 x 3, 3 x 4, 3 x 2\nscope stage\nscalar b = 0.3\n"
    "X_i = (1 + W_<i-1>)*U*Z_<i-1> - b*W_i*Z_<i-1>\nZ_i = U*X_<i-1> - W_i*Z_<i-1>\n"
    "Z_<-1> = 0.5*input\nX_<first> = 0.5*X_<first-1>\noutput X_L",
    # States that go round and round.
    "parts of sums that are formed in every other block": VECTORS + "stages 3 x 12\n"
    "X_i = U*X_<i-2> + W_<i-2>*input + W_i*X_<i-1> + U*X_<i-1>\noutput X_L",
    "an operator of the last block, with which the next one would begin": VECTORS
    + "stages 3 x 4\nX_i = X_<i-1> + W_i*X_<i-1>\nY_i = W_<i-1>*input\n"
    "Y_<3..4> = U*sum(Y_<3..i-1>) + X_<i-1>*((1 + W_i)*input)\noutput X_L + Y_L",
    # Rules 6 and 7 in a history that goes on through a third shape: the oracle's own fault.
    "a history whose members are of three widths": VECTORS
    + "stages 3 x 1, 6 x 2, 4 x 2\nY_i = W_i*X_<i-1>\n"
    "X_i = U_i*X_<i-1> + sum(k, 0, i-1, tanh(Y_k))\noutput X_L",
    "a history that has one member where the width changes": VECTORS
    + "stages 3 x 1, 4 x 4\n"
    "X_i = X_<i-1> + W_i*X_<i-1> + mean(sum(k, 1, i-1, 0.5*X_k), input)\n"
    "X_<first> = U_<first>*X_<first-1>\noutput X_L",
    # The oracle counted no call of what puts a number beside a tensor.
    "a number beside the input, for all blocks": VECTORS
    + "stages 3 x 4\nX_i = W_i*X_<i-1> + U_i*concat(X_0, 0.5, X_<i-1>)\noutput X_L",
    # Zero but for rounding, where other gradients are as large as 10^9.
    "a shift in front of a normalisation, far down": IMAGES
    + "stages 3 x 29\nU = conv(1, c) > bn\n"
    "X_i = 2*X_<i-1> + W_i*U_i*X_<i-1> + U_i*X_<i-1> + X_0\noutput X_L",
    # What autograd keeps was asked of a tensor that had come in: a traceback.
    "one over a sum, which a block before has made": VECTORS + "stages 3 x 3\n"
    "X_i = 2*X_<i-1>\nY_i = X_0 + Z_<i-1> + X_i\n"
    "Z_i = Y_<i-2> + W_i*Y_<i-1> - X_i/(2 + Y_0^2)\nZ_0 = W_0*input\noutput Z_L",
    # Nothing but gates of each other.
    "a square of one number, where the width grows": VECTORS
    + "stages 1 x 1, 3 x 2\nC = linear(c)\nX_i = Z_<i-1>^2\n"
    "Y_i = C_i*concat(X_<i-1>, Y_<i-1>)\nZ_i = W_i*X_0\noutput Y_L",
    # Refused, as if one of the lists were not there (RF314).
    "two lists by stages that begin at 1": VECTORS
    + "stages 3 x 2, 3 x 2\nvector q_i = 0\n"
    "X_i = U_i*X_<i-1> + sum(k, 1, i-1, softmax(k, dot(q_i, X_k))*tanh(X_k), by=stage)\n"
    "Y_i = W_i*X_i + sum(k, 0, i, softmax(k, dot(q_i, X_k))*X_k, by=stage)\noutput Y_L",
    # A learned multiple that a block had made travelled, with adapters in front of it, or
    # without its number: a traceback.
    "a learned multiple that two blocks read": VECTORS
    + LEARNED
    + "stages 3 x 2, 4 x 3\n"
    "X_i = W_i*X_<i-1> + p_<i-1>*X_<i-1> + p_<i-2>*X_<i-2>\noutput X_L",
    "a learned multiple beside what it is of": VECTORS
    + LEARNED
    + "stages 3 x 2, 4 x 3\n"
    "X_i = W_i*X_<i-1> + p_<i-1>*X_<i-1> + X_<i-2> + p_<i-2>*X_<i-2>\noutput X_L",
    "a learned multiple, the first of a history": VECTORS
    + LEARNED
    + "stages 3 x 2, 4 x 3\n"
    "X_i = W_i*X_<i-1> + sum(k, 2, i-1, p_k*X_k) + max(X_<2..i-1>)\noutput X_L",
    "learned multiples in a maximum": VECTORS + LEARNED + "stages 3 x 2, 4 x 3\n"
    "X_i = W_i*X_<i-1> + max(X_<i-1>, p_<i-1>*X_<i-1>, p_<i-2>*X_<i-2>)\noutput X_L",
    # Terms in another order are the same value, written apart: RF901.
    "a sum turned round": VECTORS
    + "stages 3 x 4\nX_i = W_i*(X_<i-1> + X_0) + tanh(W_i*(X_0 + X_<i-1>))\noutput X_L",
    "a sum of multiples turned round": VECTORS + "stages 3 x 4\n"
    "X_i = U_i*(2*X_<i-1> + W_i*X_0) + tanh(U_i*(W_i*X_0 + X_<i-1>*2))\noutput X_L",
    # The interpreter wanted adapters here: these halves are of no older stage.
    "halves that one block makes": VECTORS
    + "stages 4 x 4\nA_i = U_i*A_<i-1>\nB_i = W_i*X_<i-1>\nX_i = concat(A_i, B_i)\n"
    "A_3, B_3 = split(X_2, 2)\noutput X_L",
    # What has no parameters was a function for all blocks, and no block had its own.
    "an activation with an index and without": VECTORS
    + "stages 3 x 3\nV = relu\nX_i = X_<i-1> + V*W_i*X_<i-1> + V_i*X_<i-1>\noutput X_L",
}


@pytest.mark.parametrize("name", FOUND)
def test_found(name: str) -> None:
    assert outcome(FOUND[name]) == "agreed"


def test_a_warning_beside_what_is_wrong() -> None:
    """A search does not fail for it."""
    lines = "X_i = W_i*X_<i-2>\nX_1 = W_1*X_0 + W_0*tanh(X_0)\noutput X_L"
    assert outcome(f"{VECTORS}stages 3 x 6\n{lines}") == "refused RF309"
