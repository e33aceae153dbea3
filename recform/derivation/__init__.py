"""From the paths that a network is to have to its recursion, and back.

What comes in is a general formula (:mod:`general`) or a linearised recurrence, whose
coefficients are :mod:`words`; what goes out is the other one: :mod:`forward` and
:mod:`backward`, both on rational :mod:`series`. :mod:`steps`, :mod:`closed` and
:mod:`file` show what was derived.
"""
