"""Whether two networks are equal: proved for every depth, or shown by a case that differs.

:mod:`compare` is asked, answers with a :mod:`verdict`, and tries whether equations are
:mod:`alike` one by one, then (:mod:`depths`)
:mod:`outputs` of small depths, :mod:`induction` for every depth, and an :mod:`example`
that differs. The induction keeps tensors of both networks (:mod:`kept`), looks for
:mod:`relations` among them (:mod:`varying` where their numbers depend on the block) and
takes them one :mod:`step` further. Tensors become :mod:`values`, polynomials of
:mod:`terms` in a normal form: :mod:`laws` of functions, :mod:`max`, :mod:`powers`, their
:mod:`numbers`, and :mod:`concat`. What stands :mod:`around` the equations is compared by
itself, the paths by :mod:`difference`.
"""
