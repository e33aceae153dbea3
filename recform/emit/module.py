"""The generated file: header, imports, and the classes of all networks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import PurePath

from recform.emit.classifier.plan import BASE
from recform.emit.classifier.writer import ClassifierWriter, base_class, without_unused
from recform.emit.names import argument_names
from recform.emit.namespace import Namespace
from recform.emit.network import NetworkWriter
from recform.emit.support import support_classes
from recform.emit.text import Lines, docstring
from recform.graph.model import NetworkGraph

#: What a file imports from Python's own library, and by what that is seen.
_STANDARD = {
    r"\bmath\.": "import math",
    r"\bOrderedDict\(": "from collections import OrderedDict",
    r"\bIterator\[": "from collections.abc import Callable, Iterable, Iterator, Sequence",
    r"\bnullcontext\(": "from contextlib import contextmanager, nullcontext",
    r"\bpartial\(": "from functools import partial",
    r"tuple\[Any, \.\.\.\]|\[str, Any\]": "from typing import Any",
}


def emit(
    networks: list[NetworkGraph],
    settings: tuple[tuple[str, str], ...] = (),
    plugins: tuple[str, ...] = (),
    timm: bool = False,
) -> str:
    """The source of a module with these networks.

    Args:
        networks: of one file, in its order.
        settings: parameters that were set, for the header.
        plugins: those that were named, for the header.
        timm: whether they get timm's interface; all are image classifiers then.

    Raises:
        CompileError: RF901, if what was written is not what was planned.
    """
    support = support_classes(networks)
    names = module_names(networks, [*support, *([BASE] if timm else [])])
    body = Lines()
    writers: list[NetworkWriter] = []
    for network in networks:
        prefix = network.recurrence.formula.name if len(networks) > 1 else ""
        writer = (ClassifierWriter if timm else NetworkWriter)(network, names, prefix)
        writer.write(body)
        body.blank(2)
        writers.append(writer)
    classes = [writer.name for writer in writers]
    code = str(body).rstrip("\n") + "\n"
    tree = ast.parse(code)
    for writer in writers:
        writer.check(tree)
    for name, text in reversed(support.items()):
        if re.search(rf"\b{name}\(", code):
            code = f"{text.rstrip()}\n\n\n{code}"
    if timm:
        code = f"{without_unused(base_class(), code).rstrip()}\n\n\n{code}"
    options = "".join(f" --set {name}={value}" for name, value in settings)
    options += "".join(f" --plugin {PurePath(name).name}" for name in plugins)
    options += " --timm" if timm else ""
    head = _header(networks, options, classes, code)
    return head + "\n\n" + code


def module_names(
    networks: list[NetworkGraph], classes: Iterable[str] = ()
) -> Namespace:
    """The scope of a module with these networks, and with classes whose text is fixed."""
    formulas = [network.recurrence.formula for network in networks]
    names = Namespace.module(
        argument for formula in formulas for argument in argument_names(formula)
    )
    for name in [*(formula.name for formula in formulas), *classes]:
        names.take(name)
    return names


def _header(
    networks: list[NetworkGraph],
    options: str,
    classes: list[str],
    code: str,
) -> str:
    from recform.version import __version__

    source = networks[0].recurrence.formula.source
    file = PurePath(source.name).name
    stem = PurePath(file).stem or "network"
    lines = Lines()
    lines.extend(
        docstring(
            "\n".join(
                [
                    f"{', '.join(classes)}, from {file}. Generated code: change the formula,",
                    "not this file. A comment `rf:N` marks what line N of the formula says.",
                    "",
                    f"source:  {file}",
                    f"sha256:  {source.digest}",
                    f"recform: {__version__}",
                    f"command: recform compile {file} -o {stem}.py{options}",
                ]
            )
        )
    )
    lines.blank()
    standard = [line for pattern, line in _STANDARD.items() if re.search(pattern, code)]
    if standard:
        lines.extend(standard)
        lines.blank()
    if re.search(r"\btorch\.", code):
        lines.add("import torch")
    if re.search(r"\bF\.", code):
        lines.add("import torch.nn.functional as F")
    lines.add("from torch import Tensor, nn")
    if re.search(r"\bcheckpoint\b", code):
        lines.add("from torch.utils.checkpoint import checkpoint")
    lines.blank()
    lines.add(
        f"__all__ = [{', '.join(repr(name) for name in classes)}]".replace("'", '"')
    )
    return str(lines)
