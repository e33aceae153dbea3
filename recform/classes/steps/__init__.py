"""The classes of the blocks: what a block owns, computes, and is made with."""
