"""What a file says by its names alone, before any equation is read.

In come the nodes of :mod:`recform.syntax`. :mod:`sections` deals statements out to the
networks of a file and fills in defaults, :mod:`survey` finds which names are unknowns and
which are operators; the frame of a network (parameters, input, stages), its tables, names
and settings follow, with what :mod:`definitions` and operators are called with. What nobody
reads (:mod:`unused`) and names that would mean two things (:mod:`clashes`) are found here.
"""
