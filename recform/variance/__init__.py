"""The second moments of a network of random blocks: the variance that each term adds.

:mod:`variance` is asked, with a formula. The network is written out (:mod:`written`), and
its tensors become combinations of uncorrelated :mod:`atoms` (:mod:`fields`, :mod:`products`).
"""
