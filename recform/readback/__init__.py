"""The source that was written, read back: Python and a network in, RF901 or nothing out.

The code is run on names (`recform.execution`), `wanted` follows what the formula says to
forms of the same kind, and `sides` holds both against each other, as `starts` does with
how weights start. `whole` goes through the network around its blocks, `printed` through
all of it, place by place, and `constructor` through other arguments than the file's. What
looks back, where a network goes on by positions, is said by `positions`.
`surface` knows all that stands in a file besides what is run, `frames` what passes stand
in, and `interface` what a network says of itself to timm.
"""
