"""Files that the grammar makes of pieces of others."""
