"""Which of several models is better: scores, statistics on them, a verdict, a report.

Nothing is trained here, and torch is not imported: what somebody measured is read from a
table (:mod:`recform.comparison.results`) or handed over as :class:`Results`.
"""

from recform.comparison.model import Curve, ModelFacts, Results, Score, Study

__all__ = ["Curve", "ModelFacts", "Results", "Score", "Study"]
