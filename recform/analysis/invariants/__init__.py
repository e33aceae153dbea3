"""What stays constant from block to block, and how blocks are run backwards."""
