"""Networks that are right as they are; tests of the proof plant faults in them."""

from __future__ import annotations

import recform
from recform.graph.model import NetworkGraph

LONG = """
input 6
stages 4 x 12
W = linear(c)
X_i = (1 + W_i)*X_<i-1> - 0.5*W_<i-1>*X_<i-2>
"""


HISTORY = """
input 6
stages 4 x 9
W = linear(c)
X_i = W_i*X_<i-1> + 0.5*X_0
X_0 = 0.25*input
output max(X_<1..L>)
"""


HANDED = """
input 6
stages 4 x 9
scalar a_i = 0.5
W = linear(c)
X_i = X_<i-1> + sqrt(i/L)*W_<i-1>*W_i*X_<i-1> + a_<i-1>*W_i*X_<i-1>
"""


ADAPTED = """
input 3 x 8 x 8
stages 4 x 2, 6 x 3 / 2
W = conv(3, c, stride=s)
X_i = relu(X_<i-1> + W_i*X_<i-1>) - 0.5*X_<i-2>
"""


BROUGHT = """
input 3 x 8 x 8
stages 4 x 2, 5 x 1 / 2, 6 x 3 / 2
W = conv(3, c, stride=s)
X_i = X_<i-1> + W_i*X_<i-1> - W_i*(0.5*X_<i-2>)
"""


PLACED = """
input 4
stages 4 x 3, 4 x 5
const k = (1, 2) per stage
W = linear(c)
X_i = k*X_<i-1> + W_i*X_<i-1>/j + 0.5*W_<i-1>*X_<i-2>
"""


PAIR = """
input 6
stages 6 x 9
F = linear(c/2)
G = linear(c/2)
A_0, B_0 = split(input, 2)
A_i = A_<i-1> + F_i*B_<i-1>
B_i = B_<i-1> + G_i*A_i
output concat(A_L, B_L)
"""


DENSE = """
input 3 x 8 x 8
scope stage
stages 4 x 3, 4 x 4 / 2, 4 x 3 / 2
transition norm: bn > conv: conv(1, c) > avgpool(s)
names stages = "all.dense{}", step = "layer{}", transition = "all.transition{}"
H = conv(3, c)
X_i = H_i*concat(X_<0..i-1>)
output concat(X_<0..L>)
"""


SHARED = """
input 6
stages 4 x 3, 4 x 6
scalar b = 0.5
W = linear(c)
U = linear(c)
X_i = U*X_<i-1> + b*W_<i-1>*X_<i-2> + W_i*X_<i-1>
"""


SKIPS = """
input 6
stages 6 x 8
W = linear(c)
Y_i = W_i*X_<i-1>
X_i = X_<i-1> + tanh(Y_i)
X_<L/2+1..L> = tanh(Y_i) + X_<L-i> - Y_<L+1-i>
output X_L
"""


TWO_INPUTS = """
input 6
stages 6 x 9
W = linear(c)
B = bilinear(c)
D = bilinear > tanh
names D = "."
E(p, q) = p*tanh(q)
X_i = X_<i-1> + B_i(X_<i-1>, W_i*X_<i-2>) + D_i(X_<i-2>, X_<i-1> + X_<i-2>)
    + E_i(X_<i-1>, X_<i-2>) + B(X_<i-1>, X_<i-2>)
"""


#: The last block is another one, behind blocks that the proof goes over by induction: what
#: it gets is an unknown, and an operator of the block before on that one's input.
AHEAD = """
input 3
stem none
head none
stages 3 x 9
W = linear(c)
U = linear(c)
X_i = W_i*X_<i-1> + U_i*W_<i-1>*X_<i-2>
N_i = W_i*X_<i-1>
output X_L + N_<L-1>
"""

FORMULAS = {
    "ahead": AHEAD,
    "long": LONG,
    "two inputs": TWO_INPUTS,
    "history": HISTORY,
    "handed": HANDED,
    "adapted": ADAPTED,
    "brought": BROUGHT,
    "placed": PLACED,
    "pair": PAIR,
    "dense": DENSE,
    "shared": SHARED,
    "skips": SKIPS,
}


#: Compiled once.
_NETWORKS: dict[str, NetworkGraph] = {}


def network(name: str) -> NetworkGraph:
    if name not in _NETWORKS:
        _NETWORKS[name] = recform.compile(FORMULAS[name]).graph
    return _NETWORKS[name]
