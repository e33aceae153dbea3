"""How signals, gradients and rounding errors grow with depth."""
