"""Feed-forward layers among which a router chooses, as they stand in generated files."""

import torch
from torch import Tensor, nn

from recform.blocks.support.expert import Expert


class Experts(nn.Module):
    """Feed-forward layers, of which each token runs through the few that a router chooses.

    Args:
        features: of a token.
        inner: of an expert, between its maps.
        count: how many experts there are.
        top: how many of them a token runs through.
        normalised: whether the weights of these add up to one.
        scores: what makes weights of what the router says, softmax or sigmoid.
        balanced: whether `balance`, which no gradient moves, is added where experts are
            chosen, so that a training can have each chosen as often as others.
    """

    balance: Tensor | None

    def __init__(
        self,
        features: int,
        inner: int,
        count: int,
        top: int,
        normalised: bool = True,
        scores: str = "softmax",
        balanced: bool = False,
    ) -> None:
        super().__init__()
        self.top = top
        self.normalised = normalised
        self.scores = scores
        self.register_buffer("balance", torch.zeros(count) if balanced else None)
        self.gate = nn.Linear(features, count, bias=False)
        self.experts = nn.ModuleList(Expert(features, inner) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(0, -2)
        scores = self.gate(tokens)
        scores = scores.sigmoid() if self.scores == "sigmoid" else scores.softmax(-1)
        if self.balance is None:
            weights, chosen = scores.topk(self.top)
        else:
            _, chosen = (scores.detach() + self.balance).topk(self.top)
            weights = scores.gather(1, chosen)
        if self.normalised:
            weights = weights / weights.sum(-1, keepdim=True)
        # The tokens of an expert stand side by side, and behind it the experts of a token.
        order = chosen.flatten().argsort()
        made = self.run(tokens.index_select(0, order // self.top), chosen.flatten())
        made = torch.unflatten(made.index_select(0, order.argsort()), 0, chosen.shape)
        weighed: Tensor = made * weights.unsqueeze(-1)
        return weighed.sum(1).view_as(x)

    def run(self, tokens: Tensor, chosen: Tensor) -> Tensor:
        """Runs tokens through experts, of which each has as many as have chosen it."""
        count = len(self.experts)
        # Narrowed to as many as there are, for torch.export.
        counts = torch.bincount(chosen, minlength=count).narrow(0, 0, count)
        parts = torch.split(tokens, counts.tolist())
        return torch.cat([run(parts[n]) for n, run in enumerate(self.experts)])
