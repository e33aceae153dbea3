"""Small networks that are tampered with."""

from __future__ import annotations

NETWORKS = {
    "resnet_s": (
        "input 3 x 8 x 8\nstages 4 x 3, 6 x 2 / 2\nparam classes = 3\n"
        "head globalpool > flatten > linear(classes)\n"
        "W = conv(3, c, stride=s) > bn > relu > conv(3, c) > bn\n"
        "X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>\nW_0*X_<-1> = X_0"
    ),
    "revnet": (
        "input 4 x 6 x 6\nstem none\nhead none\nstages 2 x 4\n"
        "F = bn > relu > conv(3, c)\nG = bn > relu > conv(3, c)\n"
        "A_0, B_0 = split(input, 2)\nA_i = A_<i-1> + F_i*B_<i-1>\n"
        "B_i = B_<i-1> + G_i*A_i\noutput concat(A_L, B_L)"
    ),
    "droppath": (
        "input 3 x 6 x 6\nstages 4 x 4\nparam classes = 3\n"
        "stem conv(3, 4) > bn\nhead globalpool > flatten > dropout(0.4) > linear(classes)\n"
        "W = conv(3, c) > bn > relu > droppath(0.5*i/L)\nX_i = X_<i-1> + W_i*X_<i-1>"
    ),
    "scalars": (
        "input 5\nstem none\nhead none\nstages 5 x 4\nscalar k_i = 0.5\n"
        "W = linear(c) > tanh > linear(c)\n"
        "X_i = k_i*X_<i-1> + (1 - k_i)*W_i*X_<i-1> + V_i*X_<i-2>\nV = linear(c)"
    ),
    "densenet": (
        "input 3 x 6 x 6\nstages 3 x 4\nhead none\n"
        "W = bn > relu > conv(3, 3)\nX_i = W_i*concat(X_<0..i-1>)\n"
        "output concat(X_<0..L>)"
    ),
}
