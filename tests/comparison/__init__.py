"""Scores of the tests: published examples, with what is printed of them."""

from __future__ import annotations

from recform.comparison import Results, Score

#: Demsar (2006), Table 6: AUC of C4.5 with parameters m and cf tuned or not, x 1000.
DEMSAR = """
763 768 771 798   599 591 590 569   954 971 968 967   628 661 654 657   882 888 886 898
936 931 916 931   661 668 609 685   583 583 563 625   775 838 866 875  1000 1000 1000 1000
940 962 965 962   619 666 614 669   972 981 975 975   957 978 946 970
"""
DEMSAR_MODELS = ("C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf")

#: Darwin's maize: crossed less self-fertilised, in eighths of an inch (Fisher 1935).
MAIZE = (49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48)

#: R's `sleep`: the second drug less the first, in hours (Student 1908).
SLEEP = (1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4)

#: R's `?friedman.test`: times of rounding first base, x 100 (Hollander and Wolfe 1973).
ROUNDING = """
540 550 555  585 570 575  520 560 550  555 550 540  590 585 570  545 555 560  540 540 535
545 550 535  525 515 500  585 580 570  525 520 510  565 555 545  560 535 545  505 500 495
550 550 540  545 555 550  555 555 535  545 550 555  550 545 525  565 560 540  570 565 555
630 630 625
"""


def rows(text: str, columns: int, scale: float) -> list[list[float]]:
    """Whole numbers as a table of decimals."""
    values = [int(word) / scale for word in text.split()]
    return [values[n : n + columns] for n in range(0, len(values), columns)]


def over_data(table: list[list[float]], models: tuple[str, ...] = ()) -> Results:
    """A row a data set, a column a model."""
    names = models or tuple(f"m{n}" for n in range(len(table[0])))
    scores = (
        Score(name, f"d{number}", None, value)
        for number, row in enumerate(table)
        for name, value in zip(names, row, strict=True)
    )
    return Results(names, tuple(scores))


def over_seeds(table: dict[str, list[float]], **more: bool) -> Results:
    """The scores of each model, by seed."""
    scores = (
        Score(name, "", seed, value)
        for name, values in table.items()
        for seed, value in enumerate(values)
    )
    return Results(tuple(table), tuple(scores), **more)  # type: ignore[arg-type]
