"""What a file is by what stands in it, whatever its name says.

Only what leaves no doubt is told: a formula file with a mistake in it is a formula file.
"""

from __future__ import annotations

import ast
import json
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Contents:
    """What a file is.

    Attributes:
        words: with an article.
        hint: where what is wanted may be found.
        ending: that of the names of such files.
    """

    words: str
    hint: str = ""
    ending: str = ""


#: The words with which statements of a formula file begin.
KEYWORDS = (
    "network",
    "use",
    "param",
    "const",
    "scalar",
    "vector",
    "input",
    "stages",
    "scope",
    "times",
    "memory",
    "stem",
    "head",
    "adapter",
    "transition",
    "names",
    "init",
    "output",
    "paths",
)
#: How files begin that are no text.
_BEGINNINGS = {
    b"\x89PNG": Contents("a picture (PNG)"),
    b"\xff\xd8\xff": Contents("a picture (JPEG)"),
    b"%PDF-": Contents("a PDF"),
    b"\x1f\x8b": Contents("a packed file (gzip)", "unpack it first"),
    b"\x7fELF": Contents("a program"),
    b"MZ\x90": Contents("a program"),
    b"\x80\x02": Contents("a pickle, such as torch.save writes"),
}
#: How texts begin that are read by no one here: the answer is RF002.
_OF_TEXT = (BOM_UTF16_BE, BOM_UTF16_LE)
#: Without what follows it is a name of the language.
_GIF = re.compile(rb"(?s)GIF8[79]a.{0,6}\0")
_ZIP = b"PK\x03\x04"
_SAFETENSORS = re.compile(rb"(?s).{6}\x00\x00\{")
_MARKUP = re.compile(r"\s*<(?:\?xml|!DOCTYPE|html|svg)\b", re.IGNORECASE)
_STATEMENT = re.compile(r"(?m)^(?:import|from|def|class|async def|@)\b")
_GENERATED = re.compile(r'"""\S+, from (?P<name>\S+)\. Generated code')
_FENCE = re.compile(r"(?m)^```")
_SECTION = re.compile(r'(?m)^\[{1,2}[\w."\-]+\]{1,2}\s*$')
#: A line of a table: each begins with one word, and in some a number follows.
_ROW = re.compile(r"[^\s,;]+\s*[,;\t]")
_NUMBERS = re.compile(r"(?m)(?:^|[,;\t])\s*-?\d[\d.e\-]*\s*(?:[,;\t]|$)")
#: What formulas are written with, and tables of names and values are not.
_FORMULA = re.compile(r"[<>*()]|_\w\b")
_ENTRY = re.compile(r"(?:- +)*(?:(?P<key>[\w.\-]+):(?: .*)?|- .*)$")
_COMMAND = re.compile(r"(?m)^\s*\\(?:documentclass|usepackage|begin\{document\})")


def contents_of(data: bytes) -> Contents | None:
    """What a file is; None if that is not plain to see.

    Args:
        data: as it begins.
    """
    for beginning, found in _BEGINNINGS.items():
        if data.startswith(beginning):
            return found
    if _GIF.match(data):
        return Contents("a picture (GIF)")
    if data.startswith(_ZIP):
        weights = b"/data.pkl" in data
        packed = Contents("a packed file (zip)", "unpack it first")
        return Contents("a file of torch.save") if weights else packed
    if _SAFETENSORS.match(data):
        return Contents("a file of weights (safetensors)")
    # A single one, which editors do not show, is a mistake in a text.
    if data.count(b"\0") > len(data) / 8 and not data.startswith(_OF_TEXT):
        return Contents("no text", "if it should be one, save the file as UTF-8")
    return _text_contents(data.decode("utf-8-sig", "replace"))


def _text_contents(text: str) -> Contents | None:
    """What a text is."""
    if _MARKUP.match(text):
        picture = "<svg" in text
        return Contents("a picture (SVG)" if picture else "a page of markup")
    # A file of TOML may begin with a section.
    if text.lstrip()[:1] in ("{", "[") and (found := _data(text)):
        return found
    if generated := _GENERATED.match(text):
        made_of = f"give the formula that it was made of, {generated['name']}"
        return Contents("a generated module", made_of, ".py")
    if _STATEMENT.search(text) and _is_python(text):
        return Contents("a Python module", ending=".py")
    if _SECTION.search(text) and _is_toml(text):
        return Contents("TOML", ending=".toml")
    written = _FORMULA.search(text) is not None
    if not written and _SECTION.match(text) and _is_ini(text):
        return Contents("settings (INI)", ending=".ini")
    if _is_yaml(text, written=written):
        return Contents("YAML", ending=".yaml")
    if _is_table(text):
        return Contents("a table (CSV)", ending=".csv")
    if _FENCE.search(text):
        return Contents(
            "Markdown", "copy what stands between the lines of ``` into a file"
        )
    if _COMMAND.search(text):
        return Contents("LaTeX", "copy the equations into a file, one a line")
    return None


def _data(text: str) -> Contents | None:
    """What a text is that begins as JSON does."""
    notebook = Contents("a notebook", "copy what stands below %%rf into a file")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        # It may be cut off.
        return notebook if re.match(r'\s*\{\s*"cells"\s*:', text) else None
    is_notebook = isinstance(found, dict) and "cells" in found
    return notebook if is_notebook else Contents("JSON", ending=".json")


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _is_toml(text: str) -> bool:
    import tomllib

    try:
        tomllib.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_ini(text: str) -> bool:
    import configparser

    try:
        configparser.ConfigParser(interpolation=None, strict=False).read_string(text)
    except configparser.Error:
        return False
    return True


def _is_yaml(text: str, *, written: bool) -> bool:
    """Whether each line is an entry.

    A file of formulas whose statements have colons is one with mistakes: these stand alone,
    and some begin with a letter, or with the word of a statement.

    Args:
        text: of the file.
        written: whether something of it is written as formulas are; then entries have
            to stand in an entry.
    """
    lines = [line.rstrip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.lstrip().startswith("#")]
    if lines[:1] == ["---"]:
        del lines[0]
    entries = [_ENTRY.match(line.strip()) for line in lines]
    if not all(entries):
        return False
    if written:
        return any(k.endswith(":") and item[0] in " -" for k, item in pairwise(lines))
    if any(line[0] in " -" for line in lines):
        return True
    keys = {entry["key"] for entry in entries if entry}
    alone = any(len(key) == 1 or key in KEYWORDS for key in keys)
    return len(lines) > 1 and not alone


def _is_table(text: str) -> bool:
    """Whether it is lines of as many values each: without a sign of a statement's."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2 or set(text) & set("=()<>#") or not _NUMBERS.search(text):
        return False
    values = {len(re.findall(r"[,;\t]", line)) for line in lines}
    return len(values) == 1 and all(map(_ROW.match, lines))
