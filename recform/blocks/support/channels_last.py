"""Networks whose weights lie with channels last, as it stands in generated files."""

# mypy: disable-error-code="no-untyped-call"

from typing import Any

from torch import Tensor, nn


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
