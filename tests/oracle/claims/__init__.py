"""What recform says of a formula (in words and numbers), tried by loops over matrices."""
