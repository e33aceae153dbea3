"""What is drawn of a network, before it has a place.

A view (:mod:`recform.views`) makes a :class:`~recform.diagram.model.Diagram`: nodes, edges,
frames and words, whose sizes and colours are told here. A
:class:`~recform.diagram.request.Request` says which view, and how it is to look; where
things stand, and in which format, is a matter of :mod:`recform.render`.
"""
