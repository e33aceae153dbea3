"""Equations and boundary equations: for which blocks and times each is, and the output."""
