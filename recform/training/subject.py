"""What is trained: the network of a formula, or any module that a function makes."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from recform.blocks import Layout, Shape
from recform.compiler import Compiled
from recform.diagnostics import CompileError, Diagnostic, refuse
from recform.files import Json
from recform.modules import raised
from recform.settings import Settings
from recform.source import Span
from recform.training.data import Data, Sizes, as_numbers
from recform.training.measure import scored
from recform.weights.record import record_of

if TYPE_CHECKING:
    from recform.emit.owners import Owner

#: Parameters that say how many classes there are.
CLASSES = ("classes", "num_classes", "vocabulary")


class Subject(Protocol):
    """What is trained."""

    @property
    def name(self) -> str:
        """For people, and for names of folders."""
        ...

    @property
    def digest(self) -> str:
        """What it is: the same for the same network, whatever it is called."""
        ...

    @property
    def facts(self) -> Json:
        """All that it takes to make it again, of JSON's types."""
        ...

    @property
    def files(self) -> dict[str, str]:
        """Texts that the folder of a run keeps, by name."""
        ...

    @property
    def remarks(self) -> tuple[Diagnostic, ...]:
        """Warnings of what is odd about it."""
        ...

    def make(self) -> nn.Module:
        """The module, with the start values of torch's random numbers."""
        ...

    def save(
        self, module: nn.Module, tensors: Mapping[str, Tensor], path: Path
    ) -> None:
        """Writes weights: the file is there whole, or as it was."""
        ...

    def place(self, path: str) -> str:
        """What a module is, by its name in the network, in the words of its author."""
        ...


@dataclass(frozen=True)
class Formula:
    """The network of a formula."""

    compiled: Compiled

    @property
    def name(self) -> str:
        return self.compiled.name

    @cached_property
    def digest(self) -> str:
        # The normal form of the formula says nothing of start values, which training
        # depends on: the generated module says all.
        body = re.sub(r'(?s:""".*?""")|#.*', "", self.compiled.source)
        body = re.sub(rf"\b{self.name}\b", "Network", body)
        return hashlib.sha256(body.encode()).hexdigest()

    @property
    def facts(self) -> Json:
        record = record_of(self.compiled)
        totals = self.compiled.graph.totals
        return {
            "kind": "formula",
            "file": record.file,
            "used": sorted(record.used),
            "network": record.network,
            "settings": dict(record.settings),
            "plugins": list(self.compiled.formula.library.plugins),
            # Of the command; the file's own is in its text.
            "memory": self.compiled.target.memory,
            "sha256": record.sha256,
            "normal": record.normal,
            "parameters": totals.parameters,
            "multiply_adds": totals.multiply_adds,
        }

    @property
    def files(self) -> dict[str, str]:
        record = record_of(self.compiled)
        texts = {record.file: record.formula, **record.used}
        kept = {f"formula/{name}": text for name, text in texts.items()}
        return {**kept, "network.py": self.compiled.source}

    @property
    def remarks(self) -> tuple[Diagnostic, ...]:
        return self.compiled.warnings

    def make(self) -> nn.Module:
        return self.compiled.module()

    def save(
        self, module: nn.Module, tensors: Mapping[str, Tensor], path: Path
    ) -> None:
        from recform.weights import save

        module.load_state_dict(tensors)
        save(module, self.compiled, path)

    def place(self, path: str) -> str:
        from recform.weights.roles import roles

        formula = self.compiled.formula
        try:
            known = {key: role.owner for key, role in roles(self.compiled).items()}
        except CompileError:  # an operator of the user's that looks at numbers
            return ""
        owners: list[Owner] = []
        # What learns nothing belongs to what it is in.
        while path and not owners:
            inside = [o for key, o in known.items() if f"{key}.".startswith(f"{path}.")]
            owners = list(dict.fromkeys(inside))
            path = path.rpartition(".")[0]
        if len(owners) != 1:
            blocks = sorted({o.index for o in owners if o.index is not None})
            if len(blocks) == 1:
                return f"block {blocks[0]}: {_line(formula.equations[0].span)}"
            return ""
        owner = owners[0]
        if owner.kind in ("stem", "head"):
            pipeline = formula.stem if owner.kind == "stem" else formula.head
            return f"the {owner.kind}: {_line(pipeline.span)}"
        where = f"{owner.name}_{owner.index}" if owner.index is not None else owner.name
        if owner.kind == "operator":
            return f"{where}: {_line(formula.operators[owner.name].span)}"
        return f"the {owner.kind} {where}"


def _line(span: Span | None) -> str:
    if span is None:
        return "a default of recform's"
    text = span.words
    return f"{span.source.name}:{span.line}: {text}"


@dataclass(frozen=True)
class Factory:
    """A module that a function of the user's makes.

    Attributes:
        label: `package:factory`, or what else names it.
        call: makes the module.
        arguments: that it gets.
    """

    label: str
    call: Callable[..., nn.Module] = field(compare=False)
    arguments: Settings = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.label.rpartition(":")[2].rpartition(".")[2] or "module"

    @cached_property
    def digest(self) -> str:
        made = self.make()
        kinds = (self.call, *map(type, made.modules()))
        names = {str(getattr(kind, "__module__", "")) for kind in kinds}
        # What its parts do is in their files; torch's are not the user's.
        texts = [_code(n) for n in sorted(names) if not n.startswith("torch.")]
        told = "\n".join(
            [self.label, str(sorted(self.arguments.items())), *texts, str(made)]
        )
        return hashlib.sha256(told.encode()).hexdigest()

    @property
    def facts(self) -> Json:
        return {
            "kind": "module",
            "module": self.label,
            "settings": {key: str(value) for key, value in self.arguments.items()},
            "parameters": sum(p.numel() for p in self.make().parameters()),
            "multiply_adds": None,
        }

    @property
    def files(self) -> dict[str, str]:
        return {}

    @property
    def remarks(self) -> tuple[Diagnostic, ...]:
        return ()

    @cached_property
    def _sizes(self) -> dict[str, Sizes]:
        """The sizes of all weights, by name: each module that is made has the same."""
        return _sizes(self._made())

    def make(self) -> nn.Module:
        made = self._made()
        if _sizes(made) != self._sizes:
            refuse("RF813", f"{self.label} makes another module each time")
        return made

    def _made(self) -> nn.Module:
        try:
            made = self.call(**self.arguments)
        except (Exception, SystemExit) as error:  # the user's code
            refuse("RF813", f"{self.label} fails: {raised(error)}")
        if not isinstance(made, nn.Module):
            refuse("RF813", f"{self.label} makes a {type(made).__name__}, no nn.Module")
        if any(map(is_lazy, (*made.parameters(), *made.buffers()))):
            text = "weights whose size is not known before it is run (LazyLinear)"
            refuse("RF813", f"{self.label} has {text}")
        return made

    def save(
        self, module: nn.Module, tensors: Mapping[str, Tensor], path: Path
    ) -> None:
        from safetensors.torch import save

        from recform.files import write_whole

        content = save({name: t.contiguous() for name, t in tensors.items()})
        write_whole(path, content, ".safetensors")

    def place(self, path: str) -> str:
        return ""


def _code(module: str) -> str:
    """The text of a module's file; empty where there is none."""
    try:
        return inspect.getsource(sys.modules[module])
    except (OSError, TypeError, KeyError):
        return ""


def _sizes(module: nn.Module) -> dict[str, Sizes]:
    found = (*module.named_parameters(), *module.named_buffers())
    return {name: tuple(tensor.shape) for name, tensor in found}


#: Compiles the user's formula with further settings.
Compiling = Callable[[dict[str, Any]], Compiled]


def fitted(compiling: Compiling, settings: Settings, data: Data) -> Formula:
    """The network of a formula, with the input and the classes of the data.

    Args:
        compiling: of the formula.
        settings: the user's; they are not changed.
        data: what it is to be trained on.

    Raises:
        CompileError: if the network does not take the data (RF807), has nothing to learn
            (RF819), or what compiling raises.
    """
    compiled = compiling(dict(settings))
    if compiled.formula.contexts:
        more = ", ".join(compiled.formula.contexts)
        refuse(
            "RF807",
            f"{compiled.name} takes more than one input ({more}), and {data.name} has "
            "one for each example",
            "a loop of your own trains it: its module takes all inputs, in their order",
        )
    wanted: dict[str, Any] = {
        name: data.classes
        for name in CLASSES
        if name in {p.name for p in compiled.formula.params} and name not in settings
    }
    compiled = _again(compiling, settings, wanted, compiled, data)
    shape = taken(compiled.formula.input, data.shape)
    # Often the classes are in the input, too: tokens.
    if compiled.formula.input != shape and "input" not in settings:
        wanted["input"] = str(shape).replace(" ", "")
        compiled = _again(compiling, settings, wanted, compiled, data)
    _check(compiled, data, settings)
    return Formula(compiled)


def _again(
    compiling: Compiling,
    settings: Settings,
    wanted: Mapping[str, Any],
    compiled: Compiled,
    data: Data,
) -> Compiled:
    """The network with settings that the data want."""
    try:
        return compiling({**settings, **wanted}) if wanted else compiled
    except CompileError as error:
        told = " ".join(f"--set {key}={value}" for key, value in wanted.items())
        refuse(
            "RF807",
            f"{compiled.name} cannot be built for {data.name}: "
            f"{error.diagnostics[0].message}",
            f"that is what {told} makes of it",
        )


def taken(x: Shape, shape: Sizes) -> Shape:
    """The input of a network for examples of a shape.

    A vector has all of their numbers, and ids are of as many as a token has features.
    """
    if x.layout is Layout.VECTOR and len(shape) == 3:
        return Shape.of((shape[0] * shape[1] * shape[2],))
    if x.layout is Layout.IDS and len(shape) == 2:
        return Shape(Layout.IDS, shape[1], shape[:1])
    return Shape.of(shape)


def _check(compiled: Compiled, data: Data, settings: Settings) -> None:
    """Raises a CompileError if a network cannot be trained on the data (RF807, RF819)."""
    if not compiled.graph.totals.parameters:
        refuse("RF819", f"{compiled.name} has nothing to learn")
    x, made = compiled.formula.input, compiled.graph.output.sizes
    if x != taken(x, data.shape):
        have = " x ".join(map(str, data.shape))
        refuse(
            "RF807",
            f"{compiled.name} takes {x}, and {data.name} has {have}",
            "leave out --set input",
        )
    wanted: Sizes = (data.classes,)
    if len(data.shape) == 2:
        wanted = (data.shape[0], data.classes)
    if made != wanted:
        have, want = (" x ".join(map(str, found)) for found in (made, wanted))
        refuse(
            "RF807",
            f"{compiled.name} gives {have}, and {data.name} needs {want}",
            next(
                (f"leave out --set {name}" for name in CLASSES if name in settings), ""
            )
            or "end the head with linear(classes), and give the file `param classes = 10`",
        )


def factory(label: str, data: Data, arguments: Settings) -> Factory:
    """A function by its name, `package.module:function`, that gets the number of classes.

    Raises:
        CompileError: if there is none (RF813).
    """
    module, colon, path = label.partition(":")
    if not colon:
        refuse(
            "RF813", f"{label!r} is not PACKAGE:FACTORY", "torchvision.models:resnet18"
        )
    # As `python -m` has it, and so the processes of a comparison.
    if not {"", os.getcwd()} & {*sys.path}:
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(module)
        for name in path.split("."):
            found = getattr(found, name)
    except (Exception, SystemExit) as error:  # of the user's module
        refuse("RF813", f"{label} cannot be found: {raised(error)}")
    return Factory(label, found, with_classes(found, data, arguments))


def with_classes(
    call: Callable[..., Any], data: Data, arguments: Settings
) -> dict[str, Any]:
    """Arguments of a factory, with the classes and the channels of the data."""
    try:
        parameters = inspect.signature(call).parameters
    except (TypeError, ValueError):
        return dict(arguments)
    known = [p.name for p in parameters.values()]
    found = {name: data.classes for name in CLASSES if name in known}
    # torchvision's functions hand on what they do not name; nn.Module takes nothing.
    own = getattr(call, "__init__", None) is not nn.Module.__init__
    if own and not found and any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        found["num_classes"] = data.classes
    if "in_chans" in known and len(data.shape) == 3:
        found["in_chans"] = data.shape[0]
    return {**found, **arguments}


def tried(subject: Factory, data: Data) -> Data:
    """The data as a module takes them: of text a vector a token, or else its number.

    Raises:
        CompileError: if it takes them in no form, or gives something else than a score a
            class (RF807), or has nothing to learn (RF819).
    """
    module = subject.make().eval()
    if not any(p.requires_grad for p in module.parameters()):
        refuse("RF819", f"{subject.label} has nothing to learn")
    forms: list[tuple[Data, Tensor]] = [(data, torch.zeros(2, *data.shape))]
    if len(data.shape) == 2:
        numbers = torch.zeros(2, data.shape[0], dtype=torch.int64)
        forms.append((as_numbers(data), numbers))
    positions = data.shape[:1] if len(data.shape) == 2 else ()
    wanted, said = (2, *positions, data.classes), ""
    for form, example in forms:
        try:
            with torch.no_grad():
                made = tuple(scored(module, example).shape)
        except (Exception, SystemExit) as error:  # of the user's module
            said = said or f"fails on it: {raised(error)}"
            continue
        if made == wanted:
            return form
        have, want = (" x ".join(map(str, s[1:])) for s in (made, wanted))
        said = f"gives {have or 'one number'}, and not {want}"
    sizes = " x ".join(map(str, data.shape))
    refuse(
        "RF807",
        f"{data.name} has examples of {sizes}, and {subject.label} {said}",
        "--set NAME=VALUE reaches the factory",
    )
