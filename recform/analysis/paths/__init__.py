"""The paths of a network: how many there are, how long, where they run."""
