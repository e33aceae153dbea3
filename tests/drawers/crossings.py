"""Files in which features of the language meet that stand in different statements.

Which of them a file has is its first line, so a search can tell which two have met in a
network, and which never did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from itertools import combinations
from random import Random

from tests.drawers.drafts import HEADS, IDS, IMAGE, SAME, STEMS, TOKENS, VECTOR, Draft
from tests.drawers.features import FEATURES

#: Features of which a file has one.
APART = (
    ("lean", "checkpoints"),
    ("halves of the input", "an unknown"),
    ("halves of the input", "a memory"),
    ("halves of the input", "a start"),
    ("an unknown", "a memory"),
)


def files(random: Random) -> str:
    """A file of two to five features; its first line has their names."""
    draft = Draft(random, random.choice((IMAGE, IMAGE, TOKENS, IDS, VECTOR)))
    draft.stem, draft.head = STEMS[draft.kind], HEADS[draft.kind]
    if draft.kind in (TOKENS, IDS) and random.random() < 0.4:
        draft.head = "avgpool > linear(3)"
    draft.operators["W"] = random.choice(SAME[draft.kind])
    draft.terms.append(" + W_i*X_<i-1>")
    able = [name for name, (kinds, _) in FEATURES.items() if draft.kind in kinds]
    chosen = set(random.sample(able, random.choice((2, 3, 4, 4, 5))))
    for one, other in APART:
        chosen -= {other} if one in chosen else set()
    for name in (name for name in FEATURES if name in chosen):
        FEATURES[name][1](draft)
    return f"# {', '.join(sorted(chosen))}\n{draft.text()}"


def features(text: str) -> list[str]:
    """What a file is drawn of."""
    return text.split("\n", 1)[0].removeprefix("# ").split(", ")


def pairs(text: str) -> list[tuple[str, str]]:
    """Any two features of a file."""
    return [*combinations(features(text), 2)]


def apart(met: Collection[tuple[str, str]]) -> str:
    """A row a feature with those that it has not met, the loneliest first.

    Args:
        met: any two that stood in one network, in the order of :func:`pairs`.
    """
    able = ((name, {*kinds}) for name, (kinds, _) in sorted(FEATURES.items()))
    never = {
        (one, other)
        for (one, here), (other, there) in combinations(able, 2)
        if here & there and (one, other) not in met
    }
    rows = []
    while never:
        lonely = Counter(name for pair in sorted(never) for name in pair)
        name = lonely.most_common(1)[0][0]
        taken = {pair for pair in never if name in pair}
        others = sorted(pair[pair[0] == name] for pair in taken)
        rows.append(f"{name}: {', '.join(others)}\n")
        never -= taken
    return "".join(rows)
