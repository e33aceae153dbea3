"""General formulas: how they are read, and the series that each of them is.

:mod:`read` finds the formula. It is said as a regular expression (:mod:`paths`), as
:mod:`sums` and products of :mod:`expressions`, or with an :mod:`ellipsis`, and becomes
:mod:`terms` of the :mod:`model`; :mod:`slopes` and :mod:`ranges` know bounds.
:mod:`automaton` makes a series of it, with :mod:`weights` by their :mod:`cases`;
:mod:`wild` looks whether a weight that no recurrence has shows.
"""
