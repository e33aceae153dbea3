"""The proof that comes with every compile: the plan computes the formula.

In comes the network as it is about to be written (steps, runs of blocks, slots, adapters)
and the formula. The equations are written out naively, the steps are followed one after the
other, both into one table of values; what comes out of the last block must be the same
value. Nothing here knows how steps, states and cuts were found.
"""

from recform.diagnostics.refuted import Refuted
from recform.proof.network import Proof, proof_of, prove

__all__ = [
    "Proof",
    "Refuted",
    "proof_of",
    "prove",
]
