"""The source that was written, read back: Python and a network in, RF901 or nothing out.

`statements` and `reader` run the code of a generated file down to torch's modules
(`calls`, `file`, `parts`, `library`), `wanted` follows what the formula says, and `sides`
holds both against each other (`forms`, `match`). What the code writes over nobody may read
again (`overwritten`). `printed` goes through a network, place by place, and `rows` says
when one block speaks for all that are like it.
"""
