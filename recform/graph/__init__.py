"""From steps to a network with shapes: what every block gets, makes and costs."""

from recform.graph.build import build
from recform.graph.model import Block, NetworkGraph, Segment, Site, StageGraph

__all__ = ["Block", "NetworkGraph", "Segment", "Site", "StageGraph", "build"]
