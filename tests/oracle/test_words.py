"""Files with what the third reader learned last: each alone, at several depths."""

from __future__ import annotations

import contextlib

import pytest
import torch

from tests.oracle.third.check import TooLarge, check

torch.set_num_threads(1)

#: What files of vectors, of tokens and of recurrences begin with.
VECTORS = """\
input 4
stem none
head none
stages 4 x {d}
W = linear(c) > tanh
U = linear(c)
"""
TOKENS = """\
input 5 x 4
stages 4 x {d}
W = linear(c) > tanh
U = linear(c)
"""
FILES: dict[str, str] = {
    "streams": """\
param n = 3
input 5 x 4
stages 4 x {d}
stem linear(c) > copies(n)
head merge > ln > avgpool > linear(2)
T = ln > linear(c) > tanh
A = weave
B = write(n)
R = read(i - n*floor((i - 1)/n))
H_i = A_i*H_<i-1> + B_i*T_i*R_i*H_<i-1>/(i + 1)
""",
    "vectors in streams": """\
param n = 2
input 4
stages 4 x {d}
stem linear(c) > copies(n)
head merge > linear(2)
T = linear(c) > tanh
A = weave
B = write(n)
R = read(1 + i - 2*floor(i/2))
N = rmsnorm
P = linear(n) > tanh
q = offset(eye)
H_i = mix(q_i*(P_i*N_i*H_<i-1>), H_<i-1>) + B_i*T_i*R_i*H_<i-1>/i
""",
    "cut streams": TOKENS
    + """\
R = streams(2) > rmsnorm > join
X_i = X_<i-1> + W_i*R_i*X_<i-1>
""",
    "linear recurrence": TOKENS
    + "times positions\n"
    + """\
G = linear(c) > sigmoid
vector h_i = 0.5
H_<i,t> = (G_i*X_<i-1,t>)*H_<i,t-1> + U_i*X_<i-1,t>
H_<i,0> = h_i
X_<i,t> = X_<i-1,t> + tanh(H_<i,t>)/i
output X_L
""",
    "recurrence": TOKENS
    + "times positions\n"
    + """\
H_<i,t> = tanh(W_i*H_<i,t-1> + U_i*X_<i-1,t>)
X_<i,t> = X_<i-1,t-1>/2 + H_<i,t> + shift(X_<i-1,t>)
output X_L
""",
    "two recurrences": TOKENS
    + "times positions\n"
    + """\
A = linear(c)
scalar h_i = 0.3
H_<i,t> = tanh(W_i*C_<i,t-1> + U_i*X_<i-1,t>)
C_<i,t> = sigmoid(A_i*H_<i,t>)*C_<i,t-1> + H_<i,t>/2
C_<i,0> = h_i
X_<i,t> = X_<i-1,t> + C_<i,t>
output X_L
""",
    "two positions back": TOKENS
    + "times positions\n"
    + """\
H_<i,t> = tanh(W_i*H_<i,t-2> + U_i*X_<i-1,t>) - H_<i,t-1>/3
X_<i,t> = X_<i-1,t> + H_<i,t>
output X_L
""",
    "lag, number start": TOKENS
    + "times positions\n"
    + """\
H_<i,t> = tanh(W_i*H_<i,t-1> + U_i*X_<i-1,t-1>)
H_<i,0> = 0.7
X_<i,t> = X_<i-1,t> + H_<i,t>
output X_L
""",
    "matrix": TOKENS
    + "times positions\n"
    + """\
K = linear(c, bias=false)
Q = linear(c, bias=false)
S_<i,t> = S_<i,t-1>/2 + outer(U_i*X_<i-1,t>, K_i*X_<i-1,t>)
X_<i,t> = X_<i-1,t> + tanh(matvec(S_<i,t>, Q_i*X_<i-1,t>))
output X_L
""",
    "ids": """\
input 6 of 9
stages 4 x {d}
stem embed(c) > positions
head ln > unembed(stem)
A = ln > attention(2, causal=true)
C = rmsnorm > conv1d(3, dilation=2^(i - 1 - 2*floor((i-1)/2)), causal=true)
Y_i = X_<i-1> + A_i*X_<i-1>/i
X_i = Y_i + C_i*Y_i
output X_L
""",
    "times": VECTORS
    + """\
times 3
scalar b_t = 0.3
scalar d_<i,t> = 0.2
G = linear(c)
C = linear(c)
X_<i,t> = tanh(W_i*X_<i-1,t> + b_t*G_<i,t>*X_<i,t-1>) + d_<i,t>*C_t*X_<i-1,t-1>
X_<i,1> = W_i*X_<i-1,1>
output mean(X_<L,1..T>)
""",
    "by stage": """\
input 5 x 4
stages 4 x {d}, 4 x 2, 4 x 1
T = ln > linear(c) > tanh
vector q_i = 0.3
Y_i = T_i*sum(k, 0, i-1, softmax(k, dot(q_i, P_k))*P_k, by=stage)
P_i = P_<i-1> + Y_i
P_<first> = Y_<first>
output P_L
""",
    "shifted": VECTORS
    + """\
f = linear(c) > tanh
const k_i = 1/(i + 1)
scalar p_i = 0.3*i/L
X_<i+1> = (1 - k_i)*f_<i+1>*X_i + k_<i+1>*p_<i+1>*X_<i-1>
""",
    "shifted back": VECTORS
    + """\
const k_i = 1/(i + 1)
X_<i-1> = W_<i-1>*X_<i-2> + k_i*X_<i-3>
output X_L
""",
    "dealt": TOKENS
    + """\
A = rmsnorm > linear(i) > tanh
scalar a_<i,k> = 0.1*k/i
scalar a_<i,i-1> = 1
X_i = W_i*sum(k, 0, i-1, (a_<i,k> + A_<i,k>(X_<i-1>))*X_k)
""",
    "steps": """\
input 2 x 8 x 8
stages 4 x {d}, 8 x 2 / 2, 4 x 1 / (1/2)
stem (conv(3, 4) > bn)
names stem = "f.0", stages = "f", W = ".", adapter = "short", head = "."
head avgpool > fc: linear(3)
W = conv(3, c) > bn > relu > conv(1, c)
U = conv(3, c, stride=s) > bn
X_<first> = V_<first>*X_<first-1>
V = conv(1, c) > bn
X_i = X_<i-1> + W_i*X_<i-1>
""",
    "named steps": """\
input 2 x 8 x 8
scope stage
stages 4 x {d}, 8 x 2 / 2
names stages = "s.{{0}}", step = "b{{}}-{{0}}", W = "conv", transition = "t.{{0}}", g = "gamma"
scalar g_i = 0.3*i per channel
head avgpool > linear(3)
W = (conv(3, c) > bn > relu)
X_i = X_<i-1> + g_i*W_i*X_<i-1>
""",
    "numbers alone": VECTORS
    + """\
V_i = V_<i-1> + U_i*X_<i-1>
X_i = W_i*X_<i-1> + (2 + V_<i-1>)*X_<i-1>/9 + tanh(1 + V_<i-1>)*X_<i-1>/i
  - X_<i-1>/(30 + V_<i-1>) + max(X_<i-1>, 1 + V_<i-1>)/20
  + (1 + V_<i-1>/9)^2*X_<i-1>/7 - (V_<i-1>/9 - 1/2)*(1 + V_<i-1>/9)^3/i
  + tanh((1 + V_<i-1>)^2)/3 + (2 + V_<i-1>^2)^(1/2)/4
  + (1 + V_<i-1>/3)*(i - V_<i-1>)/9 - (1/i + V_<i-1>)*(i + V_<i-1>)/8
  + sum(k, 0, i-1, (1 + V_k/9)*(2 - V_k/9))/20 - sum(k, 0, i-1, 1 + V_k/5)/30
V_0 = 0
output X_L
""",
    "res2": """\
input 8
stages 8 x {d}
R(x, n=4, a=1/2) = concat(Y_<1..n>)
  where S_<1..n> = split(x, n), K = linear(cin) > tanh, scalar g = a/3
  where Y_1 = S_1, Y_2 = K_2*S_2
  where Y_k = K_k*(S_k + g*Y_<k-1>)
W = linear(c) > R(a=1/5) > linear(c)
X_i = X_<i-1> + W_i*X_<i-1>/i
""",
    "ranges beside times": VECTORS
    + """\
const first = (1/2,) per stage
times 3
Z_i = Z_<i-1> + U_i*Z_<i-1>/i
Z_<1..ceil(L/2)> = U_i*Z_<i-1>*first
X_<i,t> = tanh(W_i*X_<i-1,t> + X_<i,t-1>) + Z_<i-1>
output mean(X_<L,1..T>)
""",
    "a block and a time": VECTORS
    + """\
times 3
X_<i,t> = tanh(W_i*X_<i-1,t> + U_i*X_<i,t-1>)
X_<1,t> = tanh(U_1*X_<0,t>) + X_<1,t-1>
X_<i,1> = W_i*X_<i-1,1>
X_<i,0> = U_i*X_<i-1,1>
X_<0,t> = input*2
output mean(X_<L,1..T>)
""",
    "an application by another name": VECTORS
    + """\
Y_i = X_<i-1> + W_i*X_<i-1>
X_i = W_i*Y_i/(i + 1) - W_<i-1>*Y_<i-1>/3 + X_<i-1>/2 + W_<i-1>*input/5
X_<-1> = input
W_0*X_<-1> = X_0/2
output X_L
""",
    "numbers called first": VECTORS
    + """\
const first_i = 1/(i + 1)
X_i = X_<i-1> + first_i*W_i*X_<i-1>
X_<first> = first_<first>*U_<first>*X_<first-1>/first
output X_L
""",
    "deal": VECTORS
    + """\
M = linear(2*c)
a_i, b_i = split(M_i*X_<i-1>, 2)
X_i = tanh(a_i)*X_<i-1> + b_i
output X_L
""",
    "functions of all blocks, on two widths": """\
input 5 x 4
stages 4 x {d}, 6 x {d}
W = linear(c)
U = linear(c)
N = softmax > tanh
M = dropout(0.2) > shift
X_i = W_i*X_<i-1> + N*W_i*X_<i-1> + U_i*M*X_<i-2>
""",
    "a definition without weights, on two widths": """\
input 5
stages 4 x {d}, 6 x 2
fun(x) = x*sigmoid(2*x)
both(x, y) = x*tanh(y) - y/3
W = linear(c)
U = linear(c)
V = linear(c)
G = fun > relu
X_i = X_<i-1> + W_i*G*X_<i-1> + both(U_i*X_<i-1>, V_i*X_<i-1>)/i
""",
    "functions of two tensors, on two widths": """\
input 5 x 4
stages 4 x {d}, 6 x {d}
W = linear(c)
U = linear(c)
X_i = W_i*X_<i-1> + 0.1*matvec(outer(W_i*X_<i-1>, U_i*X_<i-1>), W_i*X_<i-1>)
""",
}
#: Those whose sums over depth, or classes, or equations grow with the depth.
SHORT = ("by stage", "dealt", "res2", "ranges beside times")


#: The same of shapes and names, which depth makes no difference to.
FIXED: dict[str, str] = {
    "exponents of which SymPy takes the real part": """\
input 4
stages 4 x 2
param w = 3
const m = (2, 5) per block
W = linear(c) > dropout(sigmoid(exp(floor(1/w)))/10) > elu(abs(exp(floor(7/m))))
X_i = X_<i-1> + sigmoid(exp(-floor(w/m)))*W_i*X_<i-1>
""",
    "a grid that stays": """\
input 3 x 8 x 8
stages 4 x 1 / 2, 6 x 2 / 2
V = conv(1, c)
W = conv(3, c, stride=s)
X_i = V_i*X_<i-1> + W_i*X_<i-2> + X_0
X_1 = V_1*X_0
""",
    "a grid that stays, and becomes finer": """\
input 3 x 9 x 9
stages 4 x 1 / 2, 6 x 2 / 2, 4 x 2 / (1/2)
V = conv(1, c)
W = conv(3, c, stride=s)
X_i = relu(X_<i-1>)
X_1 = V_1*X_0
X_<2..3> = W_i*X_<i-1> + sum(k, 1, 2, X_<i-k>)
Y_i = Y_<i-1> + X_<i-2>
output X_L
""",
    "one operator on what is older, of several stages": """\
input 1 x 8 x 8
stem conv(2, c, stride=2, padding=0)
stages 4 x 1, 4 x 2 / (1/2)
W = conv(1, c) > relu > conv(3, c, stride=s)
X_i = W_i*tanh(X_<i-1>) + 0.5*W_i*X_0
""",
    "halves that one block makes of an older stage": """\
input 4
stages 4 x 2, 6 x 3
stem linear(8)
A_0, B_0 = split(input, 2)
A_i = A_<i-1> + W_i*B_<i-1>
B_i = B_<i-1> + W_i*A_i
A_3, B_3 = split(A_2, 2)
output A_L + B_L
""",
    "shares of large scores": """\
input 3 x 4
stages 4 x 3
vector q_i = 2000
X_i = W_i*sum(k, 0, i-1, softmax(k, dot(q_i, X_k))*X_k)
""",
    "weights of members beside times": """\
times 2
input 4
stages 4 x 3
A = linear(i)
scalar z_<i,k> = k/9
scalar z_<i,i-1> = 1
X_<i,t> = X_<i,t-1> + W_i*sum(k, 0, i-1, (z_<i,k> + A_<i,k>(X_<i-1,t>))*X_<k,t>)
output X_<L,2>
""",
    "nothing is divided by a number alone": """\
scope stage
input 4
stages 4 x 2, 3 x 1
G = linear(c)
X_i = W_i*Y_<i-1> - G_i*input
Y_i = X_<i-1> + X_i/(2 + tanh(X_<i-2>))
output Y_L
""",
    "what a gate scales": """\
input 2 x 4 x 4
stem conv(1, 3) > bn
head none
stages 3 x 2, 5 x 1
adapter zeropad(c, stride=s)
W = conv(1, c, stride=s) > bn > tanh
R = avgpool > linear(c) > sigmoid
X_i = relu(W_i*X_<i-1>) - (R_i*X_<i-1>)*min(X_<0..i-1>)
""",
    "streams of two widths": """\
input 4 x 3
stem linear(c) > copies(3)
head rmsnorm
stages 4 x 1, 6 x 2
W = weave > linear(c)
X_i = X_<i-1> + W_i*X_<i-1> + X_<i-2>
""",
    "vectors in streams of two widths": """\
input 4
stem linear(c) > copies(3)
head rmsnorm
stages 4 x 1, 6 x 2
W = weave > linear(c)
X_i = X_<i-1> + W_i*X_<i-1> + X_<i-2>
""",
    "pixels at the end": """\
input 3 x 2 x 2
stem conv(1, c) > pixels
head ln
stages 4 x 1, 6 x 2
adapter linear(c)
W = linear(c) > ln
X_i = X_<i-1> + W_i*X_<i-1> + X_<i-2>
""",
    "a stem without a name": """\
input 6 x 4
names stem = ".", head = "."
stem linear(c) > positions > (ln > linear(c))
head positions > linear(3) > avgpool
scalar g = 0.3
stages 4 x 2
W = linear(c)
X_i = X_<i-1> + g*W_i*X_<i-1> + U*X_0
""",
    "a definition as stem": """\
input 6 x 4
names stem = "."
stem D > positions
D(x) = x + A*x where A = linear(cin)
stages 4 x 2
W = linear(c)
X_i = X_<i-1> + W_i*X_<i-1>
""",
    "a stem in the blocks' container": """\
input 3 x 4 x 4
names stem = ".", stages = "f"
stem "f.0": (conv(3, c) > bn) > relu
head avgpool > linear(3)
stages 4 x 2
W = conv(3, c)
X_i = X_<i-1> + W_i*X_<i-1>
""",
    "nothing with a name": """\
input 3 x 4 x 4
names stem = ".", stages = "."
stem conv(3, c) > bn > relu
head avgpool > linear(3)
stages 4 x 2
W = conv(3, c)
X_i = X_<i-1> + W_i*X_<i-1>
""",
    "a list without its first member": """\
input 4
stages 4 x 3
scalar a_<i,k> = 0.5*i
W = linear(c)
Y_i = W_i*X_<i-1>
Y_0 = 0
X_i = sum(k, 0, i, a_<i,k>*Y_k)
output X_L
""",
    "a definition that is called twice": """\
input 4
stages 4 x 3
D(x) = v*B*x where vector v = 0.3, B = linear(cin)
G(x) = A*x + A*tanh(x) where A = D > linear(cin)
X_i = X_<i-1> + G_i*X_<i-1> + D*X_<i-2>
""",
    "a definition by its own name": """\
input 4
stages 4 x 3
D(x) = v*x where vector v = 0.3
G(x) = D*(D*x + tanh(x))
X_i = X_<i-1> + G_i*X_<i-1> + D_i*X_<i-2>
""",
    "members behind adapters": """\
input 4
stages 4 x 2, 6 x 3, 3 x 2
N = ln
vector q_i = 0.2
W = linear(c)
Y_i = sum(k, 0, i-1, softmax(k, dot(q_i, N_i*X_k))*X_k)
X_i = W_i*Y_i + X_<i-1>
output X_L
""",
    "numbers in front of a history": """\
input 3 x 4 x 4
stages 4 x 2, 6 x 3 / 2
W = conv(3, c, stride=s) > bn
X_i = W_i*sum(k, 0, i-1, (1/i)*X_k) + X_<i-1>
output X_L
""",
    "groups behind adapters": """\
input 4
stages 4 x 2, 6 x 3, 3 x 2
W = linear(c)
T = ln > linear(c)
vector q_i = 0
Y_i = T_i*sum(k, 0, i-1, softmax(k, dot(q_i, P_k))*P_k, by=stage)
P_i = P_<i-1> + Y_i
P_<first> = Y_<first>
output P_L
""",
}


@pytest.mark.parametrize("name", FILES)
def test_words(name: str) -> None:
    check(FILES[name].format(d=3))


@pytest.mark.parametrize("name", FIXED)
def test_shapes_and_names(name: str) -> None:
    check(FIXED[name])


@pytest.mark.long
@pytest.mark.parametrize("name", FILES)
def test_words_at_depths(name: str) -> None:
    for depth in (1, 2, 8, 17, 40, 1000):
        if depth > 40 and name in SHORT:
            continue
        forms = ("plain", "lean", "checkpoint") if depth < 40 else ("plain",)
        with contextlib.suppress(TooLarge):
            check(FILES[name].format(d=depth), forms)
