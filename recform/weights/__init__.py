"""Weights that know their formula: files, loading, and taking over from other networks.

:mod:`normal` says when two formulas are the same, :mod:`roles` what a tensor is for,
:mod:`match` pairs the tensors of two networks, :mod:`record` and :mod:`tensors` are the
file. It reads formulas and graphs; of the emitted code it only runs what it was given.
"""

from recform.weights.files import load, save
from recform.weights.inference import formula_of, optimize
from recform.weights.match import Apart, Match, Taken
from recform.weights.roles import Role, roles
from recform.weights.transplant import Transplant, transplant

__all__ = [
    "Apart",
    "Match",
    "Role",
    "Taken",
    "Transplant",
    "formula_of",
    "load",
    "optimize",
    "roles",
    "save",
    "transplant",
]
