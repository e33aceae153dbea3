"""The views: what of a network a diagram shows, as nodes, edges and clusters."""
