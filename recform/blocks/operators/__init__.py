"""The operators of recform, a family a file."""
