"""Rational series over moves that do not commute: sums, products, the smallest form.

A :mod:`series` is what the paths of a network weigh. It is held as a weighted automaton,
made smallest and compared with others in :mod:`automaton`, and shown as a regular
expression (:mod:`regex`) or in words (:mod:`show`).
"""
