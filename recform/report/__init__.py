"""All that is printed of a formula: text, JSON, LaTeX, tables, plots. Nothing is found out."""

from recform.report.summary import Summary, summarise
from recform.report.table import Published, TableRow, published, tabulate

__all__ = ["Published", "Summary", "TableRow", "published", "summarise", "tabulate"]
