"""What an editor asks of a formula file: a text and a place in it, and the answer.

Nothing here knows the protocol but `server.py`, which speaks it (`recform lsp`), and
`answers.py` and `translate.py` beside it. An answer is made of what the compiler knows:
`reading.py` has the statements, and goes on where some are half-written; `checked.py` has the
networks, of the last text that compiled. The other files are a feature each.
"""
