"""What all tests share."""

from collections.abc import Callable, Mapping

#: How many examples a test has in `make test` that asks for no other number.
FIXED = 20

#: The fixture `tried`: it takes what a search has tried, and how often, for the summary.
Tried = Callable[[Mapping[str, int]], None]
