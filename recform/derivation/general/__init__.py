"""General formulas: how they are read, and the series that each of them is."""
