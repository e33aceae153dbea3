"""What a formula says of its network: paths, stability, invariants, inverses.

The network is linearised for this: operators are matrices that do not commute. What is
found is read off the formula and the recurrence, never off emitted code.
"""
