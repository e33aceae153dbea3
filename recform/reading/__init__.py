"""Reading equations, from the ground up: each file adds the rules of one kind of syntax.

:mod:`base` knows the names, :mod:`indices` and :mod:`references` read what has an index,
:mod:`ranges` what runs over several, :mod:`calls` functions and operators. The rules of
sums and products, and the whole reader, are in :mod:`recform.reading.sorts`.
"""
