"""A case in which two networks differ, and the program that shows it."""
