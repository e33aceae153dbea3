"""What notebooks show: a compiled network in tabs, mistakes underlined, cells of formulas.

`page.py` writes what a network shows itself as, `mistakes.py` what is wrong with a formula;
`magic.py`, which alone needs IPython, has ``%%rf``. Each output is whole by itself: it has its
style with it, and no script.
"""
