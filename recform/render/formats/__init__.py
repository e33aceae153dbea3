"""A file a format: what writes a picture, or a diagram that others lay out."""
