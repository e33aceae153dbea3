"""What stands in the place of classes and functions where a network goes on by positions."""
