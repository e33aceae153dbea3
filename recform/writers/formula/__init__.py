"""Equations as statements: terms, the order of computation, definitions by equations."""
