"""From the paths that a network is to have to its recursion, and back.

What comes in is a general formula or a linearised recurrence, what goes out the other one.
"""
