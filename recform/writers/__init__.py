"""How operators, flows and equations are written, as parts of a plan.

In come pipelines and equations of a network with shapes; out go expressions, statements and
the modules that they need. :mod:`pipelines` writes operators and flows, :mod:`containers`
what holds them, :mod:`formula` equations, :mod:`initialise` the start of weights; all that
is called by a name has it from :mod:`names`.
"""
