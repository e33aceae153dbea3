"""Flows such as ``conv(3, c) > bn``, and definitions: what makes an operator of a file."""
