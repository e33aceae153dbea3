"""What is wrong with the blocks of a network, though their shapes meet."""
