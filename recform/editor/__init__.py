"""What an editor asks of a formula file: a text and a place in it, and the answer.

Nothing here knows the protocol of editors but the folder `protocol`, which speaks it
(`recform lsp`). An answer is made of what the compiler knows: `reading.py` has the
statements, and goes on where some are half-written; `checked.py` has the networks, of the
last text that compiled. The other files are a feature each.
"""
