"""GroupedAttentionResiduals, from attention_residuals_grouped.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  attention_residuals_grouped.rf
sha256:  237f1381192f55b22eedfab0ccb9add332b967d412e8d3f674a3c678385ef471
recform: 0.1.0
command: recform compile attention_residuals_grouped.rf -o attention_residuals_grouped.py
sealed:  ffd084ab4585ea20
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["GroupedAttentionResiduals"]


class SelfAttention(nn.Module):
    """Multi-head self-attention; its parameters are those of nn.MultiheadAttention."""

    def __init__(
        self,
        features: int,
        heads: int,
        bias: bool = True,
        causal: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.causal = causal
        self.dropout = dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * features, features))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * features)) if bias else None
        self.out_proj = nn.Linear(features, features)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, x: Tensor) -> Tensor:
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        # Batch x positions x 3 x heads x width to 3 x batch x heads x positions x width
        parts = torch.unflatten(qkv, 2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k, v = parts[0], parts[1], parts[2]
        out = F.scaled_dot_product_attention(
            q,
            k,
            v,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=self.causal,
        )
        result: Tensor = self.out_proj(out.transpose(1, 2).flatten(2))
        return result


class NBlock(nn.Module):
    """N = rmsnorm
    R = rmsnorm
    """

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(in_features, eps=1e-06)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x)  # rf:17


class MBlock(nn.Module):
    """M = rmsnorm > linear(4*c) > gelu > linear(c)"""

    def __init__(self, in_features: int, features: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(in_features, eps=1e-06)
        self.fc1 = nn.Linear(in_features, 4 * features)
        self.fc2 = nn.Linear(4 * features, features)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.fc1(self.norm(x)))  # rf:20
        return self.fc2(x)  # rf:20


class ABlock(nn.Module):
    """A = rmsnorm > attention(4, causal=true)"""

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(in_features, eps=1e-06)
        self.attention = SelfAttention(in_features, 4, causal=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(self.norm(x))  # rf:19


class FirstStep(nn.Module):
    """H_1 = sum(k, 0, 1, softmax(k, dot(q_1, N_1*P_k))*P_k)
    Y_1 = M_1*A_1*H_1
    P_1 = Y_1

    Takes p_prev = P_0.
    Hands on P_1, finished(P_<0..0>).
    """

    def __init__(self) -> None:
        super().__init__()
        self.N = NBlock(64)
        self.M = MBlock(64, 64)
        self.A = ABlock(64)
        self.q = nn.Parameter(torch.zeros(64))

    def forward(self, p_prev: Tensor) -> tuple[Tensor, list[Tensor]]:
        p_ends = [p_prev]  # rf:22
        p_ends_stack = torch.stack(p_ends)  # rf:22
        n_out = self.N(p_ends_stack)  # rf:22
        weights = torch.softmax(
            (self.q * n_out).sum(dim=-1, keepdim=True), dim=0
        )  # rf:22
        h = (weights * p_ends_stack).sum(dim=0)  # rf:22
        y = self.M(self.A(h))  # rf:23
        return y, p_ends


class Step(nn.Module):
    """H_i = sum(k, 0, i-1, softmax(k, dot(q_i, N_i*P_k))*P_k, by=stage)
    Y_i = M_i*A_i*H_i
    P_i = P_<i-1> + Y_i

    Takes p_prev = P_<i-1>, p_ends_prev = finished(P_<0..i-2>).
    Hands on P_i, finished(P_<0..i-1>).
    """

    def __init__(self) -> None:
        super().__init__()
        self.N = NBlock(64)
        self.M = MBlock(64, 64)
        self.A = ABlock(64)
        self.q = nn.Parameter(torch.zeros(64))

    def forward(
        self, p_prev: Tensor, p_ends_prev: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        ps_stack_prev = torch.stack([*p_ends_prev, p_prev])  # rf:22
        n_ps_stack = self.N(ps_stack_prev)  # rf:22
        weights = torch.softmax(
            (self.q * n_ps_stack).sum(dim=-1, keepdim=True), dim=0
        )  # rf:22
        h = (weights * ps_stack_prev).sum(dim=0)  # rf:22
        y = self.M(self.A(h))  # rf:23
        p = p_prev + y  # rf:24
        return p, p_ends_prev


class OpeningStep(nn.Module):
    """H_9 = sum(k, 0, 9, softmax(k, dot(q_9, N_9*P_k))*P_k)
    Y_9 = M_9*A_9*H_9
    P_<first> = Y_<first>

    Takes p_prev = P_<i-1>, p_ends_prev = finished(P_<0..i-2>).
    Hands on P_i, finished(P_<0..i-1>).
    """

    def __init__(self) -> None:
        super().__init__()
        self.N = NBlock(64)
        self.M = MBlock(64, 64)
        self.A = ABlock(64)
        self.q = nn.Parameter(torch.zeros(64))

    def forward(
        self, p_prev: Tensor, p_ends_prev: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        p_ends = [*p_ends_prev, p_prev]  # rf:22
        p_ends_stack = torch.stack(p_ends)  # rf:22
        n_out = self.N(p_ends_stack)  # rf:22
        weights = torch.softmax(
            (self.q * n_out).sum(dim=-1, keepdim=True), dim=0
        )  # rf:22
        h = (weights * p_ends_stack).sum(dim=0)  # rf:22
        y = self.M(self.A(h))  # rf:23
        return y, p_ends


class Stem(nn.Module):
    """stem linear(c, bias=false) > positions"""

    def __init__(self, in_features: int, features: int, positions: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_features, features, bias=False)
        self.pos_embedding = nn.Parameter(0.02 * torch.randn(1, positions, features))

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc(x)  # rf:11
        return x + self.pos_embedding.expand_as(x)  # rf:11


class Head(nn.Module):
    """head rmsnorm > linear(vocabulary, bias=false)"""

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(in_features, eps=1e-06)
        self.fc = nn.Linear(in_features, 256, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.norm(x))  # rf:13


class GroupedAttentionResiduals(nn.Module):
    """H_i = sum(k, 0, i-1, softmax(k, dot(q_i, N_i*P_k))*P_k, by=stage)
    Y_i = M_i*A_i*H_i
    P_i = P_<i-1> + Y_i
    P_<first> = Y_<first>

    Takes N x 64 x 256, returns N x 64 x 256.
    """

    def __init__(self, in_features: int = 256) -> None:
        super().__init__()
        self.stem = Stem(in_features, 64, positions=64)
        self.R = NBlock(64)
        self.r = nn.Parameter(torch.zeros(64))
        self.stage1 = nn.ModuleList([FirstStep(), *[Step() for _ in range(3)]])
        self.stage2 = nn.ModuleList([OpeningStep(), *[Step() for _ in range(3)]])
        self.stage3 = nn.ModuleList([OpeningStep(), *[Step() for _ in range(3)]])
        self.head = Head(64)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        p, p_ends = self.stage1[0](x)
        for block in self.stage1[1:]:
            p, p_ends = block(p, p_ends)
        for block in self.stage2:
            p, p_ends = block(p, p_ends)
        for block in self.stage3:
            p, p_ends = block(p, p_ends)
        ps_stack_prev = torch.stack([*p_ends, p])
        r_ps_stack_prev = self.R(ps_stack_prev)
        weights_prev = torch.softmax(
            (self.r * r_ps_stack_prev).sum(dim=-1, keepdim=True), dim=0
        )
        return self.head((weights_prev * ps_stack_prev).sum(dim=0))
