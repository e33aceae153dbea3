"""Names that a generated file cannot give away: Python's, torch's, and what it imports.

This is the only place that knows them. The algebra asks here what an author may call a
class or an argument; the namespaces of `recform.writers.names` start from here.
"""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata

from recform.blocks.library import Library

#: What a generated file imports from Python's own library, by the module that has it.
STANDARD = {
    "collections": ("OrderedDict",),
    "collections.abc": ("Callable", "Iterable", "Iterator", "Sequence"),
    "contextlib": ("ExitStack", "contextmanager", "nullcontext"),
    "functools": ("partial", "wraps"),
    "typing": ("Any",),
    "warnings": ("warn",),
    "weakref": ("ref",),
}
#: What no identifier can be. The soft keywords (`match`, `type`) are good names.
KEYWORDS = frozenset(keyword.kwlist)
_BUILTIN = frozenset(name for name in dir(builtins) if not name.startswith("_"))
#: What a forward pass reads that is none of its variables.
IN_FORWARD = KEYWORDS | _BUILTIN | {"torch", "nn", "F", "Tensor", "math", "Any", "self"}
#: Variables of generated loops and forward passes.
LOCALS = ("block", "blocks", "state", "stage", "stages", "level", "k", "out")
#: What means something in every generated file: all that one may import (a test reads
#: it off the goldens) besides.
GLOBAL = IN_FORWARD.union({"checkpoint", "TorchDispatchMode"}, *STANDARD.values())
#: What the constructors of generated classes call the features that come in, and those
#: that are made: these are their first parameters.
FEATURES_IN = ("in_channels", "in_features")
FEATURES_OUT = ("channels", "features")
#: What they call the numbers of a place.
GENERATED = (
    *(*FEATURES_IN, *FEATURES_OUT, "stride", "i", "depth", "scale"),
    *("height", "width", "positions"),
)
#: The class that networks with timm's interface derive from.
TIMM_BASE = "ImageClassifier"
#: What no class of a formula or a plugin may be called.
OF_FILES = GLOBAL | {TIMM_BASE}

#: Attributes of nn.Module, which a submodule or a number must not hide. Underscores in
#: front are a class of their own: see `is_private`.
MODULE = frozenset(
    {
        "training", "forward", "train", "eval", "to", "type", "half", "float", "double",
        "bfloat16", "cuda", "cpu", "apply", "modules", "children", "parameters", "buffers",
        "named_modules", "named_children", "named_parameters", "named_buffers", "add_module",
        "register_module", "register_buffer", "register_parameter", "state_dict",
        "load_state_dict", "zero_grad", "requires_grad_", "share_memory", "extra_repr",
        "compile", "get_parameter", "get_buffer", "get_submodule", "set_submodule",
        "dump_patches", "call_super_init", "T_destination", "ipu", "xpu", "mtia", "to_empty",
        "register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook",
        "register_full_backward_pre_hook", "register_backward_hook",
        "register_state_dict_pre_hook", "register_state_dict_post_hook",
        "register_load_state_dict_pre_hook", "register_load_state_dict_post_hook",
        "get_extra_state", "set_extra_state",
        "_apply", "_backward_hooks", "_backward_pre_hooks", "_buffers", "_call_impl",
        "_compiled_call_impl", "_forward_hooks", "_forward_hooks_always_called",
        "_forward_hooks_with_kwargs", "_forward_pre_hooks", "_forward_pre_hooks_with_kwargs",
        "_get_backward_hooks", "_get_backward_pre_hooks", "_get_name",
        "_is_full_backward_hook", "_load_from_state_dict", "_load_state_dict_post_hooks",
        "_load_state_dict_pre_hooks", "_maybe_warn_non_full_backward_hook", "_modules",
        "_named_members", "_non_persistent_buffers_set", "_parameters",
        "_register_load_state_dict_pre_hook", "_register_state_dict_hook",
        "_replicate_for_data_parallel", "_save_to_state_dict", "_slow_forward",
        "_state_dict_hooks", "_state_dict_pre_hooks", "_version", "_wrapped_call_impl",
    }
)  # fmt: skip
#: What nn.Sequential and nn.ModuleDict have besides.
SEQUENTIAL = frozenset({"append", "extend", "insert", "pop", "_get_item_by_idx"})
DICTIONARY = frozenset({"clear", "items", "keys", "pop", "update", "values"})


def unnumbered(name: str) -> str:
    """The parameter of a constructor without the number of the input that it is for."""
    return name.rstrip("0123456789").removesuffix("_")


def is_generated(name: str) -> bool:
    """Whether a parameter is a number of the place, of whichever input."""
    return name in GENERATED or unnumbered(name) in GENERATED


def is_private(name: str) -> bool:
    """Whether Python itself reads or changes an attribute of this name: ``__init__``."""
    return name.startswith("__")


def is_plain(name: str) -> bool:
    """Whether Python takes a name as it is written: without a prime, no ``ϵ`` for ``ε``."""
    return name.isidentifier() and unicodedata.normalize("NFKC", name) == name


def identifier(text: str) -> str:
    """Any text as an identifier: Greek letters are spelt out, the rest is dropped."""
    spelt = []
    for char in unicodedata.normalize("NFKC", text):
        if char == "'":
            spelt.append("_prime")
        elif char.isascii():
            spelt.append(char)
        else:
            name = unicodedata.name(char, "")
            spelt.append(
                name.rsplit(" ", 1)[-1].lower() if name.startswith("GREEK") else "_"
            )
    result = re.sub(r"[^A-Za-z0-9_]", "", "".join(spelt)).strip("_") or "value"
    return result if not result[0].isdigit() else f"n{result}"


def nearest_label(text: str, otherwise: str) -> str:
    """What a part may be called instead of a text that is no identifier."""
    name = re.sub(r"[^\w']+", "_", text).strip("_")
    name = identifier(name) if name else otherwise
    return f"{name}_" if name in KEYWORDS else name


def support_name(text: str) -> str:
    """The name of the class or function that a text defines; empty if it is none."""
    match = re.match(r"(?:class|def) ([A-Za-z_]\w*)(?:\(nn\.\w+\):|\()", text)
    return match.group(1) if match else ""


def is_taken(name: str, library: Library) -> bool:
    """Whether an argument of this name may hide what a generated file needs.

    That is what means something in all of them, and the classes that operators bring.
    """
    return name in OF_FILES or any(
        name == support_name(text)
        for operator in library.operators.values()
        for text in operator.support
    )
