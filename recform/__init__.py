"""recform: from recursion formulas to neural networks.

>>> import recform
>>> network = recform.load("X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>", classes=10)

`compile` gives everything that is known about a formula, `load` the PyTorch module.
`save_weights` and `load_weights` keep weights together with their formula, `transplant`
takes them over from another network. `optimize` makes a module that was trained one for
inference. `train` tries a formula, or any module, on data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recform.arguments import public
from recform.given import KNOWN, RECIPE, TRAINED
from recform.version import __version__

if TYPE_CHECKING:
    import torch

    from recform.compiler import Compiled
    from recform.operators.plugins import Plugin
    from recform.training.recipe import Recipe
    from recform.training.runs import Result
    from recform.weights import Match, Transplant

__all__ = [
    "__version__",
    "compile",
    "load",
    "load_weights",
    "optimize",
    "save_weights",
    "train",
    "transplant",
]


@public("compile")
def compile(
    formula: str | Path,
    /,
    network: str | None = None,
    *,
    plugins: Iterable[Plugin] = (),
    timm: bool = False,
    generation: bool = False,
    inference: bool = False,
    memory: str | None = None,
    memory_budget: str | None = None,
    batch: int | None = None,
    dtype: str | None = None,
    optimizer: str | None = None,
    for_device: str | None = None,
    **params: Any,
) -> Compiled:
    """Compiles a formula file, or the text of one.

    Args:
        formula: a path (ending in ``.rf``), or text.
        network: which network, for a file with several.
        plugins: operators of your own: a file, the name of a module, a module, or a
            class that derives from :class:`recform.blocks.Operator`.
        timm: whether the module gets the interface of timm's models, which image
            classifiers can have.
        generation: whether the module can go on by positions (`step`), and keeps what it
            has seen of those before: of networks whose positions see none behind.
        inference: whether the module is for inference: what is linear is one operator, and
            what is nothing in evaluation is gone. `load_weights` folds weights that were
            trained into it, and :func:`optimize` makes one of a module.
        memory: what it keeps for its backward pass: ``plain``, what autograd keeps;
            ``lean``, which makes again what is cheap; ``checkpoint``, which runs blocks
            again; or ``reversible``, which runs them backwards. What the file
            says, if left out.
        memory_budget: the most that training may hold, such as ``"6GiB"``, or ``"50%"``,
            which is half of what the plain network keeps; it decides what each part keeps.
        batch: for a budget, how many examples at once (1).
        dtype: the type of all numbers then: ``"fp32"``, ``"bf16"`` or ``"fp16"``.
        optimizer: what learns then: ``"sgd"``, with momentum, or ``"adam"``.
        for_device: whose memory it is, and on what it is to be fastest: ``"h100"``,
            ``"a100"``, ``"rtx4090"`` or ``"laptop"``; a CPU's memory and an H100's time, if
            left out.
        params: values for the file's parameters.

    Returns:
        An object with ``source`` (the generated module), ``recurrence``, ``graph`` and
        ``module()``.

    Raises:
        recform.diagnostics.CompileError: with all that is wrong in the formula, or for an
            argument that it does not take (RF116).
    """
    from recform.compiler import choose, compile_source, source_of
    from recform.memory import memory_of
    from recform.target import Target

    source, folder = source_of(formula)
    asked = {
        "batch": batch,
        "dtype": dtype,
        "optimizer": optimizer,
        "for_device": for_device,
    }
    setting = {name: value for name, value in asked.items() if value is not None}
    budget = None
    if memory_budget is not None:
        from recform.costs.planning import budget_of

        budget = budget_of(memory_budget, **setting)  # type: ignore[arg-type]
    else:
        params |= setting  # They may be the file's own.
    keeps = None if memory is None else memory_of(memory)
    compiled = compile_source(
        source,
        params,
        folder,
        plugins,
        network,
        Target(timm, generation, inference, keeps, budget),
    )
    return choose(compiled, network)


@public("load")
def load(
    formula: str | Path,
    /,
    network: str | None = None,
    *,
    plugins: Iterable[Plugin] = (),
    timm: bool = False,
    generation: bool = False,
    inference: bool = False,
    memory: str | None = None,
    memory_budget: str | None = None,
    batch: int | None = None,
    dtype: str | None = None,
    optimizer: str | None = None,
    for_device: str | None = None,
    **params: Any,
) -> torch.nn.Module:
    """The PyTorch module of a formula file, or of the text of one.

    Takes what :func:`compile` takes, and raises what it raises.
    """
    from inspect import unwrap

    made: Compiled = unwrap(compile)(  # What is wrong is told of this call.
        formula,
        network,
        plugins=plugins,
        timm=timm,
        generation=generation,
        inference=inference,
        memory=memory,
        memory_budget=memory_budget,
        batch=batch,
        dtype=dtype,
        optimizer=optimizer,
        for_device=for_device,
        **params,
    )
    return made.module()


@public("save_weights", formula=KNOWN)
def save_weights(
    module: torch.nn.Module,
    formula: str | Path | Compiled,
    file: str | Path,
    /,
    network: str | None = None,
    *,
    plugins: Iterable[Plugin] = (),
    **params: Any,
) -> None:
    """Writes the weights of a module to a safetensors file, with its formula.

    Args:
        module: made from the formula; wrappers of torch around it (compiled, parallel,
            averaged) are taken off.
        formula: what :func:`compile` returned or takes.
        file: where to write; it is there whole, or as it was.
        network: as for :func:`compile`.
        plugins: likewise.
        params: likewise.

    Raises:
        recform.diagnostics.CompileError: if the formula does not compile, is not the
            module's (RF703) or is for inference (RF545), or the file cannot be written
            (RF503).
    """
    from recform.weights import save

    compiled = _compiled(formula, network, plugins, params)
    save(module, compiled, Path(file))


@public("load_weights", formula=KNOWN)
def load_weights(
    module: torch.nn.Module,
    formula: str | Path | Compiled,
    file: str | Path,
    /,
    network: str | None = None,
    *,
    strict: bool = True,
    plugins: Iterable[Plugin] = (),
    **params: Any,
) -> Match:
    """Reads the weights of a safetensors file into a module.

    A file that names a formula must name the same one, up to comments, spaces and
    names; without one, the names of its tensors count. Into a module for inference the
    weights are folded.

    Args:
        module: made from the formula.
        formula: what :func:`compile` returned or takes.
        file: from :func:`save_weights`, or of another library.
        network: as for :func:`compile`.
        plugins: likewise.
        params: likewise.
        strict: with False, the tensors that are for the same are taken from a file of
            another formula, and the rest of the module stays as it is.

    Returns:
        What was taken, and what not. Numbers that are odd (not finite, of another
        precision) are warned of.

    Raises:
        recform.diagnostics.CompileError: if the formula does not compile, or the file
            is of another one (RF702), does not fit (RF703, RF705), or cannot be read
            (RF001, RF006, RF701, RF704).
    """
    import warnings

    from recform.diagnostics import render_text
    from recform.weights import load

    compiled = _compiled(formula, network, plugins, params)
    found = load(module, compiled, Path(file), strict=strict, plugins=plugins)
    for remark in found.remarks:
        warnings.warn(render_text([remark]), stacklevel=3)
    return found


@public("optimize", formula=KNOWN)
def optimize(
    module: torch.nn.Module,
    formula: str | Path | Compiled | None = None,
    /,
    network: str | None = None,
    *,
    plugins: Iterable[Plugin] = (),
    **params: Any,
) -> torch.nn.Module:
    """The module for inference, with the weights of one that was trained.

    Normalisations are folded into the convolutions and matrices beside them, sums of such
    are one, dropout is gone. Weights are computed in double precision, and what comes out
    is tried beside the module that was trained.

    Args:
        module: made from a formula; it stays as it is.
        formula: which, as for :func:`compile`, or what that returned. May be left out for
            a module that `load` or `compile` made in this process.
        network: as for :func:`compile`.
        plugins: likewise.
        params: likewise.

    Returns:
        A module in evaluation, in the precision and on the device of the other. Its
        parameters ask for no gradients, and lie in memory with the channels last.

    Raises:
        recform.diagnostics.CompileError: if the formula does not compile, is not known
            (RF543) or is not the module's (RF703), if the module has another form (RF542),
            or if it would make something else (RF544).
    """
    from recform.compiler import for_inference
    from recform.weights import formula_of
    from recform.weights import optimize as folded

    if formula is None:
        compiled = formula_of(module)
    else:
        compiled = _compiled(formula, network, plugins, params)
    return folded(module, compiled if compiled.training else for_inference(compiled))


@public("transplant", formula=KNOWN, source=KNOWN)
def transplant(
    file: str | Path,
    formula: str | Path | Compiled,
    /,
    network: str | None = None,
    *,
    source: str | Path | Compiled | None = None,
    seed: int = 0,
    plugins: Iterable[Plugin] = (),
    **params: Any,
) -> Transplant:
    """Weights for the network of a formula, taken from those of another.

    Args:
        file: the weights that there are.
        formula: the network that gets them: what :func:`compile` returned or takes.
        network: as for :func:`compile`.
        plugins: likewise.
        params: likewise.
        source: the formula of the file, if it says nothing about it.
        seed: for what starts afresh.

    Returns:
        The tensors, what each was taken from, and ``write(path)``.

    Raises:
        recform.diagnostics.CompileError: if a formula does not compile, or the file
            cannot be read (RF001, RF006, RF701, RF704) or has nothing that fits (RF705).
    """
    from recform.weights import transplant as take

    target = _compiled(formula, network, plugins, params)
    known = None if source is None else _compiled(source, None, plugins, {})
    return take(Path(file), target, known, seed=seed, plugins=plugins)


@public("train", what=TRAINED, recipe=RECIPE)
def train(
    what: str | Path | Callable[..., torch.nn.Module],
    /,
    network: str | None = None,
    *,
    data: str = "digits",
    recipe: str | Recipe = "quick",
    overrides: Iterable[str] = (),
    seed: int = 0,
    runs: str | Path = "runs",
    name: str | None = None,
    data_root: str | Path = "data",
    workers: int = 0,
    device: str = "auto",
    precision: str = "auto",
    compiled: bool = False,
    deterministic: bool = False,
    memory: str | None = None,
    checkpoint: float = 30.0,
    show: bool = False,
    plugins: Iterable[Plugin] = (),
    **params: Any,
) -> Result:
    """Trains a network, or goes on with it: what ``recform train`` does.

    Args:
        what: a formula as for :func:`compile`, a function that makes a module, or the name
            of one, such as ``torchvision.models:resnet18``.
        network: as for :func:`compile`.
        data: its name, such as ``cifar10`` or ``npz:FILE``.
        recipe: its name, a TOML file, or a recipe.
        overrides: what is changed of a recipe that has a name, such as ``lr=0.05``.
        seed: of all that is random.
        runs: the folder where runs are kept.
        name: of this run's folder; a name that tells it from all others, if it is None.
        data_root: the folder where data sets are kept.
        workers: processes that read photographs.
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: ``auto``, ``fp32``, ``bf16`` or ``fp16``.
        compiled: whether torch.compile is used.
        deterministic: whether it gives the same bits every time, on a GPU too.
        memory: of a formula, as for :func:`compile`.
        checkpoint: seconds between checkpoints.
        show: whether a line and a table are printed.
        plugins: as for :func:`compile`.
        params: parameters of the formula, or arguments of the function.

    Returns:
        An object with ``accuracy``, ``loss``, ``folder`` and more. What is odd about
        network, data or precision is warned of.

    Raises:
        recform.diagnostics.CompileError: with what is wrong in the formula, or if it
            cannot be trained (RF801 to RF821).
        KeyboardInterrupt: if it was stopped; the same call goes on.
    """
    import re
    import warnings

    from recform.diagnostics import render_text
    from recform.training import need_training

    need_training("recform.train")
    from recform.training.numerics import Numerics
    from recform.training.recipe import recipe_of
    from recform.training.session import Stopped, Wanted, of_formula, of_module, shown

    asked = Wanted(
        data=data,
        recipe=recipe_of(recipe, overrides) if isinstance(recipe, str) else recipe,
        seed=seed,
        numerics=Numerics(device, precision, compiled, deterministic, checkpoint),
        root=Path(data_root),
        folder=Path(runs),
        name=name,
        workers=workers,
        settings=params,
    )
    if isinstance(what, Path) or (
        isinstance(what, str) and not re.fullmatch(r"[\w.]+:[\w.]+", what)
    ):
        formula = what
        plan = of_formula(
            lambda settings: compile(
                formula, network, plugins=plugins, memory=memory, **settings
            ),
            asked,
        )
    else:
        plan = of_module(what, asked)
    for remark in plan.remarks:
        warnings.warn(render_text([remark]), stacklevel=3)
    try:
        return shown(plan, quiet=not show)
    except Stopped:
        raise KeyboardInterrupt from None


def load_ipython_extension(ipython: Any) -> None:
    """What ``%load_ext recform`` calls: cells of a notebook can be formulas (``%%rf``)."""
    from recform.notebook.magic import register

    register(ipython)


def _compiled(
    formula: str | Path | Compiled,
    network: str | None,
    plugins: Iterable[Plugin],
    params: dict[str, Any],
) -> Compiled:
    if isinstance(formula, str | Path):
        return compile(formula, network, plugins=plugins, **params)
    return formula
