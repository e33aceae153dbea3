"""What a network is, in words and figures; read off the recurrence and the graph."""

from recform.report.summary import Summary, summarise

__all__ = ["Summary", "summarise"]
