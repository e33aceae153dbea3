"""What the functions of :mod:`recform` are given: formulas, networks, recipes.

What is no formula may be what a room far above made, which is imported only to ask for it.
"""

from __future__ import annotations

from recform.arguments import FORMULA, Takes, path_of


def _is_known(value: object) -> bool:
    """Whether it is what `compile` takes, or has returned."""
    from recform.compiled import Compiled

    return FORMULA.fits(value) or isinstance(value, Compiled)


def _is_recipe(value: object) -> bool:
    from recform.training.recipe import Recipe

    return isinstance(value, str | Recipe)


#: What `compile` takes, or has returned.
KNOWN = Takes(
    "no formula, and nothing that `compile` returned", _is_known, '"net.rf"', path_of
)
#: What `train` takes.
TRAINED = Takes(
    "no formula, and no function that makes a module",
    lambda value: FORMULA.fits(value) or callable(value),
    '"net.rf"',
    path_of,
)
#: How it is trained.
RECIPE = Takes("no recipe", _is_recipe, '"quick"')
