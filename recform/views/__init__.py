"""The views: what of a network a diagram shows, as nodes, edges and clusters.

``step``, ``network``, ``paths`` and ``unrolled`` make a diagram of the recurrence and the
graph, and :mod:`inside` draws what is in an operator that is opened.
"""
