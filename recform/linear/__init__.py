"""The linearised recurrence: what each unknown of block i gets from older ones."""
