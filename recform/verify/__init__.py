"""What is claimed of a formula, held against a module that runs: emitted, or in a file."""
