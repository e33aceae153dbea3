"""What the parts of a generated file are called, and what it says of itself."""
