"""Operators that a file defines by equations: bodies, and recurrences over positions."""
