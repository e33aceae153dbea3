"""torch on sizes alone: what a generated file does to the sizes of tensors, run without torch.

The other proofs follow names: they hold that a block computes what its equation says, and
leave it to the rules of operators which sizes come out. Here the file is run as Python runs
it, with tensors that have sizes and no numbers, by the rules of torch: channels that do not
meet, sizes that do not spread over each other, a batch that is taken for channels. It knows
nothing of formulas or operators; the tests hold it against torch.
"""

from recform.meta.run import sizes_of
from recform.meta.sizes import Misshapen
from recform.meta.tensor import Unread

__all__ = ["Misshapen", "Unread", "sizes_of"]
