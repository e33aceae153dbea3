"""From steps to a network with shapes: what every block gets, makes and costs.

`build.py` follows the whole network, `flow.py` one flow of blocks, `shapes.py` the tensors
of one block: to which shape terms are brought (`meeting.py`), what operators are called on
(`calls.py`), how many tensors the members of a list are (`counts.py`).
"""

from recform.graph.build import build
from recform.graph.model import Block, NetworkGraph, Segment, Site, StageGraph
from recform.graph.partial import Partial, ShapeError

__all__ = [
    "Block",
    "NetworkGraph",
    "Partial",
    "Segment",
    "ShapeError",
    "Site",
    "StageGraph",
    "build",
]
