"""Drawers of files, each of one kind: what is drawn is what its author thought of."""
