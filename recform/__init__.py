"""A compiler from recursion formulas to PyTorch modules."""

__version__ = "0.1.0"
