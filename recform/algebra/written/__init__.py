"""What stands in the file as its author wrote it: numbers and equations."""
