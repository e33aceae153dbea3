"""What a network is, in words and figures; read off the recurrence and the graph."""

from recform.report.summary import Summary, summarise
from recform.report.table import Published, TableRow, published, tabulate

__all__ = ["Published", "Summary", "TableRow", "published", "summarise", "tabulate"]
