"""The playground: recform in a page of a browser.

The page itself is in ``playground/`` at the top of the repository. What it shows is made
here, by Python in the browser (`answers.py`); `serve.py` shows a built page on this machine.
"""
