"""The classes of a network: of its blocks, its stages, and of the whole, as a plan.

In comes a network with shapes, out goes a :class:`~recform.plan.network.NetworkPlan`.
:mod:`steps` writes blocks, :mod:`chain` what stands in one row, :mod:`forward` the pass
through all of them, and :mod:`network` puts them together.
"""
