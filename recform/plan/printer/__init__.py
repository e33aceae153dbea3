"""From a plan to text: the only place where lines of Python are made."""
