"""Where everything stands: from a diagram to a picture that all formats write."""
