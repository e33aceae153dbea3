"""The same network for inference: a formula in which what is linear is one operator.

In evaluation a batch normalisation is an affine map of each feature, and is part of the
convolution in front of it; sums of convolutions of one tensor are one convolution; and
dropout is nothing. What comes out is a formula like any other, so that all stages behind
the formula make, prove and write its network as they do any other's. Each of its steps
says what it has taken in (:class:`recform.algebra.pipeline.Folded`), from which follows
how its weights are made of those that were trained.
"""

from recform.inference.fold import fold
from recform.inference.overwriting import in_equations

__all__ = ["fold", "in_equations"]
