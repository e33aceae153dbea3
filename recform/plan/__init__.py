"""The generated code as frozen data: what a file holds, before it is text.

A :class:`~recform.plan.network.NetworkPlan` has classes and functions; a class has
attributes, each with the expression that makes it, and methods, whose statements know the
line of the formula that says them. :mod:`recform.plan.printer` alone turns it into text.
Other forms of a network are functions from plan to plan.
"""
