"""The second moments of a network of random blocks: the variance that each term adds."""
