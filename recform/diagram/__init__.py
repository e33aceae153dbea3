"""What is drawn of a network, before it has a place.

A view (``step``, ``network``, ``paths``, ``unrolled``) makes a
:class:`~recform.diagram.model.Diagram` of the recurrence and the graph: nodes, edges, frames
and words. A :class:`~recform.diagram.request.Request` says which view, and how it is to
look; where things stand, and in which format, is a matter of :mod:`recform.render`.
"""
