"""Rational series over moves that do not commute: sums, products, quotients, the smallest form."""
