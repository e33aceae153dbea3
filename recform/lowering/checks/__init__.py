"""What is checked of a network when its statements are understood."""
