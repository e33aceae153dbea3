"""How a comparison reads: on the terminal, and as HTML, Markdown, LaTeX and JSON.

:mod:`recform.comparison.report.content` says once what there is to be read; a writer for each
form says how it looks.
"""
