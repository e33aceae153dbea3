"""Rational series over moves that do not commute: sums, products, the smallest form."""
