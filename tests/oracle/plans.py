"""Plans of what a network keeps, of rows of any forms that it can have."""

from __future__ import annotations

from hypothesis import strategies as st

from recform.memory import Back, Memory


@st.composite
def plans(draw: st.DrawFn, units: int, back: Back | None) -> tuple[Memory, ...]:
    """The form of each unit; what stands around the blocks is plain or lean.

    Args:
        draw: from Hypothesis.
        units: how many there are.
        back: which of them can be run backwards.
    """
    forms: list[Memory] = []
    while len(forms) < units:
        start, left = len(forms), units - len(forms)
        row = draw(st.integers(1, left) if draw(st.booleans()) else st.just(1))
        kinds = [Memory.plain, Memory.lean]
        if start and row < left:
            kinds.append(Memory.checkpoint)
            # Two rows that are run backwards would be one, which may be too long.
            follows = forms[-1] is Memory.reversible
            if back is not None and back.may(start, start + row) and not follows:
                kinds.append(Memory.reversible)
        forms += [draw(st.sampled_from(kinds))] * row
    return tuple(forms)
