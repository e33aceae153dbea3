"""Networks whose weights lie with channels last, as it stands in generated files."""

# mypy: disable-error-code="no-untyped-call"

from typing import Any

import torch
from torch import Tensor, nn

from recform.blocks.support.packed_conv2d import PackedConv2d


class ChannelsLast(nn.Module):
    """A network whose weights lie in memory as torch convolves images fastest.

    What it hands out for files has the numbers of each weight in their usual order, for
    some kinds of files (safetensors) take no other.
    """

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Its tensors by name, copied into that order; as they lie with `keep_vars`.

        A weight that several modules share is one tensor.
        """
        named = dict(zip(("destination", "prefix", "keep_vars"), args, strict=False))
        named |= kwargs
        state = super().state_dict(**named)
        if not named.get("keep_vars"):
            prefix = named.get("prefix", "")
            copies: dict[int, Tensor] = {}
            for name, item in (
                *self.named_parameters(remove_duplicate=False),
                *self.named_buffers(remove_duplicate=False),
            ):
                found = state.get(f"{prefix}{name}")
                if isinstance(found, Tensor):
                    copy = copies.setdefault(id(item), found.contiguous())
                    state[f"{prefix}{name}"] = copy
        return state

    @torch.no_grad()
    def pack(self, *examples: Tensor) -> Any:
        """Has it run faster on a processor, and do nothing else from then on.

        It gives no gradients then, and its convolutions are in no state; it stays where it is.

        Args:
            examples: what comes in, of any batch.

        Returns:
            The network itself, in evaluation.

        Raises:
            RuntimeError: if torch cannot, or would make something else of the examples;
                it is as it was then.
        """
        sizes: dict[Any, torch.Size] = {}
        places: list[tuple[nn.Module, str, Any]] = []
        modes = [(module, module.training) for module in self.modules()]

        def note(conv: nn.Module, inputs: tuple[Tensor]) -> None:
            sizes.setdefault(conv, inputs[0].shape)

        hooks = [
            module.register_forward_pre_hook(note)
            for module in self.eval().modules()
            if type(module) is nn.Conv2d and module.padding_mode == "zeros"
        ]
        try:
            try:
                wanted = self(*examples)
            finally:
                for hook in hooks:
                    hook.remove()
            made = {conv: PackedConv2d(conv, size) for conv, size in sizes.items()}
            places += [
                (module, name, child)
                for module in self.modules()
                for name, child in module._modules.items()
                if child in made
            ]
            for module, name, child in places:
                setattr(module, name, made[child])
            apart = (self(*examples) - wanted).abs().max()
            if not apart <= 1e-4 * wanted.abs().max():
                raise ArithmeticError(f"results differ by {apart:.1e}")
        except Exception as why:
            for module, name, child in places:
                setattr(module, name, child)
            for module, mode in modes:
                module.training = mode
            raise RuntimeError(f"torch cannot pack the convolutions: {why}") from why
        return self.requires_grad_(False)
