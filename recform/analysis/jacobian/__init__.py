"""The derivative of the output by older blocks, as a recurrence and written out."""
