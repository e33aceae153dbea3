"""The source that was written, read back: Python and a network in, RF901 or nothing out.

`reader` runs the code of a generated file down to torch's modules (`calls`, `file`,
`parts`, `library`), `wanted` follows what the formula says, and `sides` holds both
against each other (`forms`, `match`). What the code writes over nobody may read again
(`overwritten`). `printed` goes through a network, place by place.
"""
