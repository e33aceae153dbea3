"""What the graph says of costs, held against what torch measures.

`saved` are the numbers that autograd keeps for the backward pass, and `multiply_adds`
those of convolutions and products of matrices; both for one example.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from recform.compiler import compile_source, read
from tests.oracle.compare import compiled
from tests.thinned import thinned

torch.set_num_threads(1)

#: The examples that are run soon.
FILES = sorted((Path(__file__).resolve().parents[2] / "examples/language").glob("*.rf"))

#: No other axis of these networks is a multiple: it tells what belongs to examples.
BATCH = 7

FRAME = """
input  3 x 8 x 8
stem   conv(3, 4) > bn > relu
stages 4 x 3, 6 x 3 / 2
"""
FLAT = """
input  3 x 8 x 8
stem   conv(3, 4) > bn > relu
stages 4 x 5
"""

FORMS = {
    "plain": FRAME + "X_i = relu(F_i(X_<i-1>))",
    "ResNet": FRAME + "X_i = relu(X_<i-1> + W_i*X_<i-1>)",
    "Eq. (20)": FRAME + "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>",
    "Eq. (20), activation": FRAME
    + "X_i = relu((1+W_i)*X_<i-1>) - W_<i-1>*X_<i-2>\nW_0*X_<-1> = X_0",
    "Eq. (1)": FRAME + "y_i = f_i(y_<i-1>)*t_i(y_<i-1>) + y_<i-1>*(1 - t_i(y_<i-1>))",
    "A.4.1": FRAME + "X_i = W_i*X_<i-1> + X_<i-2>",
    "A.4.2": FRAME + "X_i = W_i*X_<i-1> + W_<i-1>*X_<i-2>",
    "pre-activation": FRAME
    + "W = bn > relu > conv(3, c, stride=s)\nX_i = X_<i-1> + W_i*X_<i-1>",
    "RevNet": FRAME
    + "A_i = A_<i-1> + F_i*B_<i-1>\nB_i = B_<i-1> + G_i*A_i\n"
    + "A_0, B_0 = split(input, 2)\noutput concat(A_L, B_L)",
    "momentum": FRAME
    + "V_i = 0.9*V_<i-1> + 0.1*F_i*X_<i-1>\nX_i = X_<i-1> + V_i\nV_0 = 0",
    "learned scalars": FRAME
    + "scalar k_i = 0.5\nX_i = (1-k_i)*X_<i-1> + k_i*X_<i-2> + W_i*X_<i-1>",
    "same weights twice": FLAT + "X_i = (1 + W_i + W_i*W_i)*X_<i-1>",
    "shared over depth": FLAT + "X_i = relu(W*X_<i-1> + U*X_0)",
    "concat": FLAT + "X_i = W_i*concat(X_<0..i-1>)\noutput concat(X_<0..L>)",
    "concat, staged": FRAME
    + "scope stage\nW = bn > relu > conv(3, c)\nX_i = W_i*concat(X_<0..i-1>)",
    "functions": FLAT
    + "X_i = gelu(W_i*X_<i-1>) + silu(X_<i-1>)*sigmoid(U_i*X_<i-1>) - tanh(X_<i-1>)",
    "products": FLAT + "X_i = X_<i-1> + W_i*X_<i-1>*X_<i-2>",
    "three factors": FRAME
    + "X_i = X_<i-1> + (W_i*X_<i-1>)*(V_i*X_<i-1>)*(G_i*X_<i-1>)\n"
    "V = conv(3, c, stride=s) > bn\nG = avgpool > linear(c)",
    "gates first": FLAT
    + "X_i = X_<i-1> + (G_i*X_<i-1>)*(H_i*X_<i-1>)*X_<i-2>*X_<i-1>\n"
    "G = avgpool > linear(c)\nH = avgpool > linear(c)",
    "powers": FLAT + "X_i = X_<i-1>^3 + tanh(W_i*X_<i-1>)^2",
    "products in a definition": FLAT
    + "Q(x) = x*sigmoid(A*x)*(B*x) + max(x, A*x, B*x)\n"
    "    where A = conv(1, cin), B = conv(1, cin)\nP = Q\n"
    "X_i = X_<i-1> + P_i*X_<i-1>",
    "largest of three": FRAME + "X_i = max(X_<i-1>, W_i*X_<i-1>, V_i*X_<i-1>)\n"
    "V = conv(3, c, stride=s) > bn",
    "mean": FLAT + "X_i = mean(W_i*X_<i-1>, X_<i-2>)",
    "pooled": FRAME.replace("relu", "relu > maxpool(3, 2, 1)", 1)
    + "adapter avgpool(s) > conv(1, c) > bn\nX_i = relu(X_<i-1> + W_i*X_<i-1>)",
    "whole side adapted": FRAME + "X_i = X_<i-1> + W_<i-1>*X_<i-2>",
    "scaled factors": FRAME
    + "scalar k_i = 0.5\nX_i = W_i*X_<i-1> + (k_i*X_<i-1>)*tanh(U_i*X_<i-1>)",
    "largest": FRAME + "X_i = max(X_<i-1>, W_i*X_<i-1>)",
    "tokens there and back": FLAT
    + "W = relu > tokens > identity > linear(c) > image(8) > conv(3, c) > relu > identity"
    "\nX_i = X_<i-1> + W_i*X_<i-1>",
    "depthwise": FRAME
    + "W = dwconv((1, 5), stride=s) > gn(2) > hardswish > conv((3, 1), c) > leaky_relu"
    "\nX_i = X_<i-1> + W_i*X_<i-1>",
    "attention": "input 3 x 8 x 8\nstem patches(4, 6) > classtoken > positions\n"
    "stages 6 x 2\nA = ln > attention(2)\nX_i = X_<i-1> + A_i*X_<i-1>",
    "attention, dropout": "input 3 x 8 x 8\nstem patches(4, 6) > positions\n"
    "stages 6 x 2\nA = ln > attention(2, causal=true, dropout=0.1) > dropout(0.2)\n"
    "X_i = X_<i-1> + A_i*X_<i-1>",
    "attention, no dropout": "input 3 x 8 x 8\nstem patches(4, 6) > positions\n"
    "stages 6 x 2\nA = ln > attention(2, dropout=0.0) > dropout(0.0) > relu > dropout(0)\n"
    "X_i = X_<i-1> + A_i*X_<i-1>",
    "dropout by depth": FRAME
    + "W = relu > dropout((i-1)/L) > conv(3, c, stride=s) > droppath((i-1)/L)"
    "\nX_i = X_<i-1> + W_i*X_<i-1>",
    "one token": "input 3 x 8 x 8\nstem patches(4, 6) > classtoken\nstages 6 x 2\n"
    "head ln > token > linear(3)\nA = ln > attention(2)\nX_i = X_<i-1> + A_i*X_<i-1>",
    "one over what came in": "input 9\nstages 9 x 3\nstem linear(c)\nhead none\n"
    "X_i = 2*X_<i-1>\nY_i = X_0 + Z_<i-1> + X_i\n"
    "Z_i = Y_<i-2> + W_i*Y_<i-1> - X_i/(2 + Y_0^2)\nZ_0 = W_0*input\noutput Z_L\n"
    "W = linear(c)",
    "tokens": "input 5 x 6\nstages 8 x 3\nX_i = X_<i-1> + W_i*X_<i-1>",
    "vectors": "input 9\nstages 8 x 3\nX_i = relu(X_<i-1> + W_i*X_<i-1>)",
}


@pytest.mark.parametrize("name", FORMS)
def test_saved(name: str) -> None:
    item = compiled(FORMS[name])
    net = item.module().train()
    images = _images(item.formula.input.sizes)
    assert item.graph.totals.saved * BATCH == _kept(net, images)


@pytest.mark.parametrize("name", thinned(FORMS, 2))
def test_multiply_adds(name: str) -> None:
    item = compiled(FORMS[name])
    # On the meta device torch takes apart what it counts only then, such as attention.
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        item.module().eval()(_images(item.formula.input.sizes))
    assert item.graph.totals.multiply_adds * BATCH * 2 == counter.get_total_flops()


@pytest.mark.slow
@pytest.mark.parametrize("path", thinned(FILES, 2, lambda path: path.stem))
def test_saved_in_examples(path: Path) -> None:
    source, folder = read(path)
    for item in compile_source(source, folder=folder):
        net = item.module().train()
        kept = _kept(net, _images(item.formula.input.sizes))
        assert item.graph.totals.saved * BATCH == pytest.approx(kept, rel=0.005)


def _images(sizes: tuple[int, ...]) -> Tensor:
    return torch.randn(BATCH, *(int(size) for size in sizes))


def _kept(net: nn.Module, *given: Tensor) -> int:
    """The numbers of the tensors with a batch axis that autograd keeps, each once."""
    # The tensors are held on to, so that no storage is used for a second one.
    kept: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        # A linear map folds the positions of tokens into the batch axis.
        if tensor.dim() and tensor.shape[0] % BATCH == 0:
            kept.setdefault(tensor.untyped_storage().data_ptr(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        net(*given).sum()
    # Integers (the places of maxima) are twice as long as the numbers.
    return sum(
        tensor.untyped_storage().nbytes() // given[0].element_size()
        for tensor in kept.values()
    )
