"""Weights of a module to a file, and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recform.algebra.formula import Formula
from recform.compiler import Compiled
from recform.diagnostics import CompileError, refuse
from recform.equality.compare import compare
from recform.equality.difference import path_difference, path_lines
from recform.equality.verdict import ANY
from recform.files import write_whole
from recform.operators.plugins import Plugin
from recform.weights.earlier import present
from recform.weights.match import Apart, Match, match
from recform.weights.modules import (
    SHOWN,
    bare,
    chosen_arguments,
    fill,
    first,
    tensors_of,
)
from recform.weights.normal import changes, normal_form
from recform.weights.record import Record, compile_record, record_of
from recform.weights.remarks import other_kind, remarks
from recform.weights.shapes import Shapes, shapes
from recform.weights.tensors import read_weights, unwrapped, weights_content

if TYPE_CHECKING:
    from torch import nn


#: How many tensors are shown where none of them fits.
FEW = 4


def save(module: nn.Module, compiled: Compiled, file: Path) -> None:
    """Writes the weights of a module, with the formula that they are of.

    Wrappers of torch around the module are taken off; where its tensors are spread over
    machines, each of which calls this, the file has all of their numbers.

    Raises:
        CompileError: if the module is not of this network (RF703), or the file cannot
            be written (RF503).
    """
    tensors = tensors_of(bare(module), compiled)
    content = weights_content(tensors, record_of(compiled))
    write_whole(file, content, ".safetensors", compiled.files)


def load(
    module: nn.Module,
    compiled: Compiled,
    file: Path,
    *,
    strict: bool = True,
    plugins: Iterable[Plugin] = (),
) -> Match:
    """Reads weights into a module.

    Args:
        module: of the compiled network.
        compiled: its network.
        file: a safetensors file.
        strict: whether the file must be of the same formula, and have every tensor and
            no other. Otherwise tensors are taken by their roles, and the rest stays.
        plugins: operators that the formula of the file needs.

    Returns:
        What was taken, and what not.

    Raises:
        CompileError: if the file cannot be read (RF001, RF006, RF701), is of another
            formula (RF702), or does not fit (RF703, RF705).
    """
    module = bare(module)
    if compiled.training is not None:
        return _load_folded(module, compiled, file, strict=strict, plugins=plugins)
    state = tensors_of(module, compiled)
    held = unwrapped(read_weights(file), state)
    source = None
    if held.record is not None:
        source = compiled
        if not _same_text(held.record, record_of(compiled)):
            source = compile_record(held.record, held.file, plugins)
            if strict:
                _same_formula(source, compiled, held.file)
    held = present(held, source or compiled)
    refuse = other_kind(state, held.tensors)
    found = match(compiled, shapes(state), source, shapes(held.tensors), refuse)
    hint = ""
    if is_nameless(found, shapes(state), shapes(held.tensors)):
        hint = (
            'recform.transplant(..., source="FILE.rf") takes them by what they are for, '
            "if FILE.rf is their formula"
        )
    require(found, held.file, strict, hint)
    found = replace(found, remarks=remarks(found, held, state, compiled.name))
    fill(module, {item.name: held.tensors[item.origin] for item in found.taken})
    return found


def _load_folded(
    module: nn.Module, inference: Compiled, file: Path, **how: Any
) -> Match:
    """Reads weights that were trained into a module for inference."""
    from recform.weights.folded import Folding

    assert inference.training is not None
    state = tensors_of(module, inference)
    trained = inference.training.module(**chosen_arguments(inference, state))
    # Numbers are rounded once: to the precision of the module that gets them.
    kinds = {t.dtype for t in state.values() if t.is_floating_point()}
    if len(kinds) == 1:
        trained.to(kinds.pop())
    found = load(trained, inference.training, file, **how)
    fill(module, Folding(inference).of(trained.state_dict()))
    return found


def _same_text(one: Record, other: Record) -> bool:
    """Whether two records are of the same text: no need to look at what it means."""
    parts = [(r.formula, r.used, r.network, r.settings) for r in (one, other)]
    return parts[0] == parts[1]


def _same_formula(source: Compiled, target: Compiled, file: str) -> None:
    """Raises a CompileError if two formulas do not mean the same (RF702)."""
    before, after = normal_form(source.formula), normal_form(target.formula)
    if before.digest == after.digest:
        return
    notes = changes(before, after)
    keys = {r.key: r.normal for r in before.rows if r.key.startswith("equation")}
    if keys != {r.key: r.normal for r in after.rows if r.key.startswith("equation")}:
        notes += ["", *_in_meaning(source.formula, target.formula)]
    refuse(
        "RF702",
        f"{file} has weights of another formula, {source.name} of "
        f"{source.formula.source.name}",
        "strict=False (or `recform transplant`) takes the tensors that both have",
        file=file,
        notes=notes,
    )


def _in_meaning(before: Formula, after: Formula) -> list[str]:
    """What other equations change, or that they change nothing but the way to write it."""
    try:
        if compare(before, after).answer == ANY:
            return [
                "The equations are equal as functions of their operators (`recform "
                "equiv` proves it), and built in another way."
            ]
    except CompileError:
        return ["The equations have no operator in common."]
    return [
        "Paths between later blocks, with linear operators",
        *path_lines(path_difference(before, after)),
    ]


def is_nameless(found: Match, here: Shapes, there: Shapes) -> bool:
    """Whether tensors may be for the same under names that say nothing."""
    alike = set(here.values()) & set(there.values())
    return found.basis == "names" and not found.taken and bool(alike)


def require(found: Match, file: str, strict: bool, hint: str = "") -> None:
    """Raises a CompileError where too little fits (RF703, RF705).

    Args:
        found: what fits.
        file: the name of the file.
        strict: whether all has to.
        hint: what to do where nothing does.
    """
    if not found.taken:
        message = f"{file} has no tensor of the network"
        refuse("RF705", message, hint, file=file, notes=_reasons(found.left, FEW))
    if strict and (found.fresh or found.left):
        refuse(
            "RF703",
            f"the tensors of {file} do not fit",
            "strict=False takes those that do",
            file=file,
            notes=_reasons((*found.fresh, *found.left), SHOWN),
        )


def _reasons(apart: Iterable[Apart], limit: int) -> list[str]:
    """Why tensors are not taken; a tensor of another shape is on both sides."""
    lines = dict.fromkeys(f"{item.name}: {item.reason}" for item in apart)
    return first([*lines], limit)
