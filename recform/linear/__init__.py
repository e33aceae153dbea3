"""The linearised recurrence: what each unknown of block i gets from older ones.

In come the equations of a formula, out goes a :class:`~recform.linear.model.Linear`, whose
coefficients are polynomials over :mod:`words` of operators (:mod:`differentiate`). Values of
any kind run through it in :mod:`propagate`. What is not linear is a :mod:`forms` sum over
opaque tensors.
"""
