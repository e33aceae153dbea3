"""What random files found, each kind small: what is kept exactly, and the peaks."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from tests.costs.test_needs import BATCH, TOKENS, held
from tests.oracle.compare import compiled

torch.set_num_threads(1)

IMAGES = "input 3 x 8 x 8\nstages 4 x 3\nstem conv(3, 4) > bn > relu\n"
HEADED = "input 12 x 16\nstages 16 x 2\nstem linear(c)\nhead none\n"
FOUND = {
    # An operation that takes one tensor twice makes a gradient for each argument.
    "one tensor thrice": HEADED
    + "A = attend(2) > linear(c)\nX_i = X_<i-1> + A_i(X_<i-1>, X_<i-1>, X_<i-1>)",
    "keys that are values": HEADED + "Q = linear(c)\nK = linear(c)\n"
    "A = attend(2) > linear(c)\n"
    "X_i = X_<i-1> + A_i(Q_i*X_<i-1>, K_i*X_<i-1>, K_i*X_<i-1>)",
    "a bilinear map": "input 40 x 4\nstages 4 x 3\nB = bilinear(c) > tanh\n"
    "X_i = X_<i-1> + B_i(X_<i-1>, X_<i-1>)",
    # The gradient of what is summed up is that of the sum, seen by each number.
    "inner products": TOKENS + "W = linear(c)\n"
    "X_i = W_i*X_<i-1> + dot(X_<i-1>, X_<i-1>)*X_<i-1>",
    # Images that are made of tokens lie in memory as these do, and so does what begins with
    # one: no product of matrices copies it where it is tokens again.
    "images of tokens": IMAGES + "W = tokens > linear(c) > image(8)\n"
    "X_i = max(W_i*X_<i-1>, X_<i-1>)",
    "tokens of images": IMAGES
    + "W = relu > tokens > linear(c) > image(8) > conv(3, c)\n"
    "X_i = X_<i-1> + relu(W_i*X_<i-1>)",
    # Members that an operator gets are each scaled, and no sum weighs them.
    "an operator on weighed members": "input 4\nhead none\nstages 4 x 3\n"
    "scalar b_<i,k> = 0.2\nW = linear(c) > tanh\nU = linear(c)\nY_i = W_i*X_<i-1>\n"
    "X_i = U_i*X_<i-1> + sum(k, 0, i, U_i*(b_<i,k>*tanh(Y_k)))\noutput X_L",
    # What is taken off has a gradient of its own: minus that of the sum.
    "a learned number of what is taken off": "input 64\nhead none\nstages 64 x 1\n"
    "scalar a_i = 0.5\nscalar b_i = 0.2\nW = linear(2, bias=false)\n"
    "U = linear(c, bias=false)\n"
    "X_i = X_<i-1> - a_i*U_i*W_i*X_<i-1> - b_i*U_i*W_i*X_<i-1>",
    # A result that autograd keeps is there once.
    "a result that is kept": "input 40 x 8\nstem none\nhead none\nstages 8 x 1\n"
    "W = linear(c) > tanh\nX_i = W_i*X_<i-1>",
    # Variables of one stage hold what they held until another one has the same name.
    "variables of a stage": "input 8 x 3\nstem none\nhead none\nscope stage\n"
    "stages 3 x 4, 4 x 5\nW = linear(c) > tanh\nG = linear(c) > sigmoid\n"
    "X_i = W_i*Y_<i-1> + max(G_<i-1>*Y_<i-2>, mean(Y_<2..i-2>)) - X_<i-1>\n"
    "Y_i = mean(input, X_i) - Y_<i-1> + W_i*Y_<i-1> - sum(X_<2..i>)\noutput Y_L + X_L",
    "what a stage begins with": "input 8 x 3\nstem none\nhead none\nscope stage\n"
    "stages 3 x 4, 4 x 3\nW = linear(c) > tanh\n"
    "X_i = X_<i-1> + W_i*X_<i-1> + tanh(X_0)^2 - mean(X_<0..i-1>)\noutput X_L",
    # The number of a factor multiplies what stands before it, as a gate with few numbers.
    "a number behind a gate": "input 2 x 4 x 4\nstem conv(1, 3) > bn\nhead none\n"
    "stages 3 x 3\nscalar p_i = 0.4\nN = conv(1, 1) > tanh\n"
    "X_i = X_<i-1> + N_i*X_<i-1>*(p_i*X_<i-1>)\noutput X_L",
    # A number is added by an operation of its own.
    "a number in a sum": "input 2 x 4 x 4\nstem conv(1, 3) > bn\nhead none\nstages 3 x 5\n"
    "W = conv(1, c) > bn > tanh\nX_i = input - relu(W_i*X_<i-1>) + Y_<i-1> + 0.5\n"
    "Y_i = tanh(Y_<i-2>)*X_i - W_i*X_<i-1> - W_<i-2>*X_<i-3>\noutput concat(X_L, Y_L)",
    # An operator that does nothing is no operation.
    "a function of nothing": HEADED + "N = none\nW = linear(c)\n"
    "X_i = X_<i-1> + tanh(N_i*X_<i-1>)*W_i*N_i*X_<i-1>",
    # What is read with a minus by several has a variable, and is a tensor.
    "minus a tensor, twice": "input 8 x 3\nstem none\nhead none\nstages 3 x 4\n"
    "W = linear(c) > tanh\nX_i = W_i*Y_<i-1> - X_<i-1>\n"
    "Y_i = X_i - Y_<i-1> - sum(X_<2..i>)\noutput Y_L",
    # A convolution takes one member after the other, of which none is a stack; what it makes
    # of them is. The gradient of their sum is that of each of them.
    "one member after the other": "input 3 x 4 x 4\nstem conv(1, 4) > bn\nhead none\n"
    "stages 4 x 3\nW = conv(1, c) > bn\nU = conv(1, c) > bn\nN = ln\nY_i = W_i*X_<i-1>\n"
    "X_i = U_i*X_<i-1> + sum(k, 0, i-1, softmax(k, Y_k)*N_i*Y_k)\noutput X_L",
    # The gradient of a cosine is made of a sine, and of minus that.
    "functions whose gradients take several operations": IMAGES
    + "W = sin > conv(1, c)\nV = cos > conv(1, c)\nX_i = W_i*concat(X_<i-1>, X_<i-2>) "
    "+ V_i*abs(X_<i-1>)",
    # By statistics, which are kept, a lean pass has it again of what comes in.
    "a batch that comes in": "input 4\nstem none\nhead linear(3)\nstages 4 x 5\n"
    "W = bn > repeat(2) > linear(c)\nX_i = X_<i-1> + W_i*X_<i-1>",
    # A class of its own has variables of its own, and says itself what is kept of what.
    "classes in a definition": IMAGES + "D(x) = P*x + Q*tanh(b*x) where "
    "P = droppath(0.2) > shuffle(2) > conv(1, cin), Q = conv(1, cin) where scalar b = 0.7\n"
    "X_i = X_<i-1> + D_i*X_<i-1>",
    # Who calls a layer has what it gets beside the copy that the layer makes of that.
    "behind a convolution of tokens": HEADED
    + "W = conv1d(3) > tanh > cos > linear(c)\nX_i = X_<i-1> + W_i*X_<i-1>",
    # A gradient that lies as an image does is copied by a product of matrices.
    "gradients of images": IMAGES.replace("relu", "relu > conv(1, 4)")
    + "W = pixels > ln > linear(c) > gelu > linear(c) > image\nX_i = X_<i-1> + W_i*X_<i-1>",
    # A sum of the blocks so far hands its gradient on, as any sum does.
    "a sum of the blocks so far": HEADED.replace("x 2", "x 3")
    + "W = linear(c)\nY_i = W_i*X_<i-1>\n"
    "X_i = X_<i-1> + sum(k, 0, i-1, exp(tanh(tanh(Y_k)))*Y_k)\noutput X_L",
    # Blocks take the place of what the start made, in its variable.
    "what the start makes of the input": HEADED
    + "W = linear(c)\nX_i = X_<i-1> + W_i*X_<i-2>\nX_<-1> = 0.5*input\n"
    "output tanh(X_<L-1>) + X_L",
    "one head": HEADED
    + "W = ln > attention(1, dropout=0.1)\nX_i = X_<i-1> + W_i*X_<i-1>",
}
#: What products of matrices copy of several examples, and see as rows of one.
ALONE = {
    "tokens of images": FOUND["tokens of images"],
    "one head": FOUND["one head"],
    "attention": HEADED
    + "W = ln > attention(2, dropout=0.1)\nX_i = X_<i-1> + W_i*X_<i-1>",
    "heads that talk": HEADED + "V = linear(c)\nA = attend(2, talking=true)\n"
    "X_i = X_<i-1> + A_i(X_<i-1>, X_<i-1>, V_i*X_<i-1>)",
}
PLANS = ("plain", "lean", "checkpoint")


@pytest.mark.parametrize(
    ("name", "batch"), [*product(FOUND, (BATCH,)), *product(ALONE, (1,))]
)
def test_kinds(name: str, batch: int) -> None:
    item = compiled(ALONE[name] if batch == 1 else FOUND[name])
    for plan, said, real in held(item, PLANS, batch):
        assert said.total.kept == pytest.approx(real.kept, rel=1e-3), plan
        peak = said.training - said.total.optimizer
        assert peak == pytest.approx(real.training, rel=0.07), plan
        assert said.inference == pytest.approx(real.inference, rel=0.01), plan
