"""Every code: what it means, a formula that earns it, and the same one mended.

docs/diagnostics.md is made from this table by ``make goldens``; a test runs every example.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One code.

    Attributes:
        title: in a few words.
        cause: what happened, in the user's words, and how to mend it.
        wrong: a file that earns the code; empty for mistakes outside of a file's text.
        mended: the same file as it could be.
        command: for those, what a user may have typed.
    """

    title: str
    cause: str
    wrong: str = ""
    mended: str = ""
    command: str = ""


def section(code: str, answer: str) -> str:
    """The part of the page that is about one code, as Markdown.

    Args:
        code: one of the catalogue's.
        answer: what recform says of the wrong file, or of the command.
    """
    entry = CATALOGUE[code]
    cause = textwrap.fill(entry.cause, 99, break_on_hyphens=False)
    parts = [f"## {code}: {entry.title}\n\n{cause}\n"]
    if entry.command:
        shown = f"\n{answer.rstrip()}" if answer else ""
        parts.append(f"```text\n$ {entry.command}{shown}\n```\n")
    if entry.wrong:
        if len(entry.wrong) < 400:
            parts.append(f"```\n{entry.wrong.rstrip()}\n```\n")
        parts.append(f"```text\n{answer.rstrip()}\n```\n")
        parts.append(f"Mended:\n\n```rf\n{entry.mended.rstrip()}\n```\n")
    return "\n".join(parts)


_ONE = "X_i = X_<i-1> + W_i*X_<i-1>"

CATALOGUE: dict[str, Entry] = {
    "RF001": Entry(
        "no such file",
        "The file does not exist; look at the name.",
        command="recform check nett.rf",
    ),
    "RF002": Entry(
        "not UTF-8",
        "The file is no UTF-8 text. Save it as UTF-8.",
        command="printf 'X_i = W_i*X_<i-1>  # caf\\351\\n' > latin.rf; recform check latin.rf",
    ),
    "RF003": Entry(
        "empty file",
        "The file has no statement. One equation is enough.",
        "# nothing but a comment\n",
        _ONE,
    ),
    "RF004": Entry(
        "too large",
        "A formula file has 32 KiB at most; this is something else.",
        command="head -c 200000 /dev/zero > large.rf; recform check large.rf",
    ),
    "RF005": Entry(
        "`use` in a circle",
        "Files use each other in a circle.",
        command="echo 'use \"b.rf\"' > a.rf; echo 'use \"a.rf\"' > b.rf; recform check a.rf",
    ),
    "RF006": Entry(
        "not readable",
        "The file is a folder, or may not be read; the name of a file that is used ends "
        "in `.rf`.",
        command="mkdir folder.rf; recform check folder.rf",
    ),
    "RF007": Entry(
        "`use` outside of a file",
        "Text that comes from no file has no folder in which `use` could look.",
        f'use "blocks.rf"\n{_ONE}',
        _ONE,
    ),
    "RF008": Entry(
        "`use` of a pipe or a device",
        "A file that is used is a regular file: one that is there whole.",
        command="mkfifo pipe.rf; echo 'use \"pipe.rf\"' > a.rf; recform check a.rf",
    ),
    "RF101": Entry(
        "not a statement",
        "Something stands where it cannot stand, or is missing at the end.",
        "X_i = X_<i-1> + * W_i",
        _ONE,
    ),
    "RF102": Entry(
        "brackets",
        "A bracket is never closed, closes nothing, or closes another kind.",
        "X_i = (1 + W_i*X_<i-1>",
        "X_i = (1 + W_i)*X_<i-1>",
    ),
    "RF103": Entry(
        "too many brackets",
        "Brackets are nested more than 50 deep. Give parts names of their own.",
        "X_i = " + "(" * 51 + "X_<i-1>" + ")" * 51,
        "X_i = W_i*X_<i-1>",
    ),
    "RF104": Entry(
        "a `*` is missing",
        "Two factors stand side by side; products are written with `*`.",
        "X_i = X_<i-1> + W_i X_<i-1>",
        _ONE,
    ),
    "RF105": Entry(
        "a character without meaning",
        "The language has no use for this character here.",
        "X_i = X_<i-1> + W_i*X_<i-1>;",
        _ONE,
    ),
    "RF106": Entry(
        "out of all reason",
        "A number is larger than any network could need.",
        f"stages 64 x 10^12\n{_ONE}",
        f"stages 64 x 12\n{_ONE}",
    ),
    "RF107": Entry(
        "unknown statement",
        "No statement starts with this word.",
        f"stagse 64 x 2\n{_ONE}",
        f"stages 64 x 2\n{_ONE}",
    ),
    "RF108": Entry(
        "statement too long",
        "A statement has 16 Ki characters at most. Write repeated terms with `sum`.",
        "X_i = X_<i-1>" + " + X_<i-1>" * 1700,
        "X_i = W_i*X_<i-1> + sum(k, 1, 3, X_<i-k>)",
    ),
    "RF109": Entry(
        "too much when it is written out",
        "`(1 + W_i)^12` stands for 4,096 terms. They are computed in 12 steps, but what "
        "they do is looked at one by one. What has a name counts once: give parts "
        "equations of their own.",
        "X_i = (1 + W_i)^12*X_<i-1>",
        "Y_i = (1 + W_i)^6*X_<i-1>\nX_i = (1 + W_i)^6*Y_i\noutput X_L",
    ),
    "RF110": Entry(
        "too many of a kind",
        "A file has 64 networks at most, and uses 32 others.",
        "".join(f"network N{k}\nX_i = W_i*X_<i-1>\n" for k in range(65)),
        f"network N0\n{_ONE}",
    ),
    "RF120": Entry(
        "an index in square brackets",
        "The index of a block stands below its name: `X_i`, `X_0`, `X_<i-1>`. Square "
        "brackets are those of a call, as papers write them: `g_i[X_<i-1>]`.",
        "X[i] = X[i-1] + W[i]*X[i-1]",
        _ONE,
    ),
    "RF121": Entry(
        "an arrow between operators",
        "Operators that follow each other have `>` between them.",
        f"W = conv(3, c, stride=s) -> bn\n{_ONE}",
        f"W = conv(3, c, stride=s) > bn\n{_ONE}",
    ),
    "RF122": Entry(
        "a number without its statement",
        "`W = ...` defines an operator; a number is declared by `param` (to be changed by "
        "`--set`), `const` or `scalar`. The other statements have no `=` behind their "
        "first word.",
        f"classes = 100\n{_ONE}",
        f"param classes = 100\n{_ONE}",
    ),
    "RF123": Entry(
        "an empty alternative",
        "What a path may leave out has a `?` behind it.",
        "paths (skip|)* pass",
        "X_i = X_<i-1> + W_i*X_<i-1>",
    ),
    "RF201": Entry(
        "unknown name",
        "A name is not known here. Declare it (`scalar`, `const`, `param`), or look for "
        "a slip of the pen.",
        "X_i = gamma*X_<i-1> + W_i*X_<i-1>",
        "const gamma = 0.9\nX_i = gamma*X_<i-1> + W_i*X_<i-1>",
    ),
    "RF202": Entry(
        "unknown operator or function",
        "The library has no operator of this name, and the file defines none.",
        "X_i = rleu(W_i*X_<i-1>)",
        "X_i = relu(W_i*X_<i-1>)",
    ),
    "RF203": Entry(
        "wrong arguments",
        "An argument is missing, unknown, given twice, or one too many.",
        f"W = conv(3, c, strde=s) > bn\n{_ONE}",
        f"W = conv(3, c, stride=s) > bn\n{_ONE}",
    ),
    "RF204": Entry(
        "a sum of two sorts",
        "A tensor and an operator cannot be added. Apply the operator first.",
        "X_i = X_<i-1> + W_i",
        _ONE,
    ),
    "RF205": Entry(
        "a product of the wrong sorts",
        "An operator stands in front of what it is applied to; only numbers divide.",
        "X_i = X_<i-1>*W_i",
        "X_i = W_i*X_<i-1>",
    ),
    "RF206": Entry(
        "a function of the wrong sort",
        "Elementwise functions take tensors, functions of numbers take numbers.",
        "X_i = relu(W_i)",
        "X_i = relu(W_i*X_<i-1>)",
    ),
    "RF207": Entry(
        "two equations",
        "An unknown has one equation, and one boundary equation for each index.",
        "X_i = W_i*X_<i-1>\nX_i = X_<i-1>",
        "X_i = W_i*X_<i-1> + X_<i-1>",
    ),
    "RF208": Entry(
        "an unknown without an equation",
        "A tensor is needed, and nothing says what this is.",
        "X_i = W_i*Z_<i-1>",
        "X_i = W_i*X_<i-1>",
    ),
    "RF209": Entry(
        "said twice",
        "A name or a statement stands here a second time, or already means something.",
        f"stages 16 x 2\nstages 32 x 2\n{_ONE}",
        f"stages 16 x 2, 32 x 2 / 2\n{_ONE}",
    ),
    "RF210": Entry(
        "an argument out of range",
        "The operator takes other values here.",
        f"W = conv(0, c)\n{_ONE}",
        f"W = conv(3, c, stride=s)\n{_ONE}",
    ),
    "RF211": Entry(
        "a number that does not exist",
        "A division by zero, a logarithm of zero, a root of a negative number.",
        "X_i = W_i*X_<i-1>/0",
        "X_i = W_i*X_<i-1>/2",
    ),
    "RF212": Entry(
        "something else is needed here",
        "This place takes a number, or one of a few words.",
        f"scope block\n{_ONE}",
        f"scope stage\n{_ONE}",
    ),
    "RF213": Entry(
        "defined by itself",
        "A definition uses itself, directly or over others.",
        f"W = V > bn\nV = W > relu\n{_ONE}",
        f"W = V > bn\nV = conv(3, c, stride=s)\n{_ONE}",
    ),
    "RF214": Entry(
        "not a flow",
        "`>` stands between operators, in definitions; equations use `*`.",
        "X_i = X_<i-1> > relu",
        "X_i = relu(W_i*X_<i-1>)",
    ),
    "RF215": Entry(
        "no equation",
        "A network is built from an equation.",
        "stages 16 x 2",
        f"stages 16 x 2\n{_ONE}",
    ),
    "RF216": Entry(
        "a general formula",
        "This says which paths there are; a network is built from a recursion.",
        "dX_L/dX_<L-i> = 1 + W_L",
        "X_i = (1 + W_i)*X_<i-1> - W_<i-1>*X_<i-2>",
    ),
    "RF217": Entry(
        "not a left side",
        "The left side is one unknown (X_i), or has no i at all (a boundary equation).",
        "2*X_i = W_i*X_<i-1>",
        "X_i = W_i*X_<i-1>/2",
    ),
    "RF218": Entry(
        "a number of each stage or block",
        "`const k = (...) per stage` has a number for every stage, `per block` for every "
        "block, and only operators that belong to a block know which is theirs. So it is with "
        "`i` and `L` in the arguments of operators.",
        "stages 16 x 2, 32 x 2 / 2\nconst k = (3, 5, 7) per stage\n"
        f"W = conv(k, c, stride=s)\n{_ONE}",
        "stages 16 x 2, 32 x 2 / 2\nconst k = (3, 5) per stage\n"
        f"W = conv(k, c, stride=s)\n{_ONE}",
    ),
    "RF219": Entry(
        "names that no module can have",
        "Brackets in a flow, labels with dots and `names` put modules into an nn.Sequential. "
        "It runs them in a row, counts them from 0, and holds modules of torch only. "
        "Two parts of one module cannot have one name.",
        f"W = (conv(1, c, stride=s) > bn > zeropad(2*c) > conv(3, c))\n{_ONE}",
        f"W = conv(1, c, stride=s) > bn > zeropad(2*c) > conv(3, c)\n{_ONE}",
    ),
    "RF222": Entry(
        "declared and not used (a warning)",
        "Something has a name, and nothing that the network returns reads it. Often the "
        "name is misspelt where it should be read, and something else stands there.",
        "Wide = conv(5, c, stride=s) > bn > relu\nX_i = X_<i-1> + Wid_i*X_<i-1>",
        "Wide = conv(5, c, stride=s) > bn > relu\nX_i = X_<i-1> + Wide_i*X_<i-1>",
    ),
    "RF301": Entry(
        "not causal",
        "A block would need what comes later, or itself.",
        "X_i = X_i + W_i*X_<i-1>",
        _ONE,
    ),
    "RF302": Entry(
        "no such block",
        "An index names a block that does not exist.",
        f"stages 16 x 3\n{_ONE}\noutput X_9",
        f"stages 16 x 3\n{_ONE}\noutput X_3",
    ),
    "RF303": Entry(
        "an operator of a later block",
        "Block i cannot use what block i+1 owns.",
        "X_i = X_<i-1> + W_<i+1>*X_<i-1>",
        _ONE,
    ),
    "RF304": Entry(
        "not an index",
        "An index is i, i-1, i-2, ... or a number, and stays as it was declared.",
        "X_i = X_<i-1> + W_i*X_<i/2>",
        "X_i = X_<i-1> + W_i*X_<i-2>",
    ),
    "RF305": Entry(
        "nothing is left",
        "All terms reach before the start. A boundary equation says where to begin.",
        "X_i = W_i*X_<i-2> + X_<i-3>",
        "X_i = W_i*X_<i-2> + X_<i-1>",
    ),
    "RF306": Entry(
        "no output named (a warning)",
        "With several unknowns the file should say which is the output.",
        "Y_i = W_i*X_<i-1>\nX_i = X_<i-1> + Y_i",
        "Y_i = W_i*X_<i-1>\nX_i = X_<i-1> + Y_i\noutput X_L",
    ),
    "RF307": Entry(
        "three indices",
        "A name has two indices at most: the block, and the time.",
        "X_<i,t> = W_<i,t,t>*X_<i-1,t>",
        "X_<i,t> = W_<i,t>*X_<i-1,t>",
    ),
    "RF308": Entry(
        "a range that cannot be",
        "A range of a sum or a history is empty, or its ends are no numbers.",
        "X_i = W_i*X_<i-1> + sum(k, 3, 1, X_<i-k>)",
        "X_i = W_i*X_<i-1> + sum(k, 1, 3, X_<i-k>)",
    ),
    "RF309": Entry(
        "dead blocks",
        "The output reads every second or third block only; the others would do nothing.",
        "X_i = W_i*X_<i-2>\nX_1 = X_0",
        "X_i = W_i*X_<i-2>\nX_1 = X_0\noutput X_L + X_<L-1>",
    ),
    "RF310": Entry(
        "the input is not seen (a warning)",
        "Whatever comes in, the same comes out: every way to the output has a factor 0.",
        "X_i = 0*X_<i-1>",
        _ONE,
    ),
    "RF311": Entry(
        "a term without its scalar or operator (a warning)",
        "Blocks are counted from 1, so a scalar of each block has no number 0, and the "
        "term with it is left out. An operator has one where a boundary equation applies "
        "it to the input, as in `X_0 = W_0*input`, and nowhere else.",
        "stages 8 x 4\nscalar a_i = 0.5\nY_i = W_i*X_<i-1>\n"
        "X_i = sum(k, 0, i, a_k*Y_k)\noutput X_L",
        "stages 8 x 4\nscalar a_i = 0.5\nY_i = W_i*X_<i-1>\n"
        "X_i = Y_0 + sum(k, 1, i, a_k*Y_k)\noutput X_L",
    ),
    "RF312": Entry(
        "statistics that all blocks share (a warning)",
        "In training `bn` normalises each call by its own batch, in evaluation all calls by "
        "one running mean and variance. Where all blocks share the module, these lie "
        "between what the blocks make, and evaluation is far from training.",
        "stages 8 x 4\nX_i = relu(W*X_<i-1> + X_0)",
        "stages 8 x 4\nW = conv(3, c) > gn(4)\nX_i = relu(W*X_<i-1> + X_0)",
    ),
    "RF401": Entry(
        "shapes that do not meet",
        "Terms of a sum, or the parts of a concat, cannot be brought to one shape.",
        "stages 16 x 2, 32 x 2 / 2\nX_i = W_i*concat(X_<0..i-1>)",
        "scope stage\nstages 16 x 2, 32 x 2 / 2\nX_i = W_i*concat(X_<0..i-1>)",
    ),
    "RF402": Entry(
        "does not divide",
        "Groups, or the parts of a split, do not divide the channels.",
        f"W = conv(3, c, stride=s, groups=3)\n{_ONE}",
        f"W = conv(3, c, stride=s, groups=4)\n{_ONE}",
    ),
    "RF403": Entry(
        "zero or negative",
        "A size or a number of blocks is at least 1.",
        f"stages 64 x 0\n{_ONE}",
        f"stages 64 x 2\n{_ONE}",
    ),
    "RF404": Entry(
        "not a whole number",
        "A size comes out as a fraction.",
        f"stages 30 x 2\nW = conv(1, c/4) > conv(3, c)\n{_ONE}",
        f"stages 32 x 2\nW = conv(1, c/4) > conv(3, c)\n{_ONE}",
    ),
    "RF405": Entry(
        "the wrong kind of tensor",
        "An operator takes images, tokens or vectors, and gets another.",
        f"head linear(10)\n{_ONE}",
        f"head avgpool > linear(10)\n{_ONE}",
    ),
    "RF406": Entry(
        "one module, two shapes",
        "A module is called on two shapes. An adapter stands in front of a term, never "
        "inside an operator; `scope stage` counts the index anew in each stage.",
        "stages 16 x 2, 32 x 2 / 2\nX_i = (1 + W_i + W_i*W_i)*X_<i-1>",
        "scope stage\nstages 16 x 2, 32 x 2 / 2\nX_i = (1 + W_i + W_i*W_i)*X_<i-1>",
    ),
    "RF407": Entry(
        "no adapter",
        "Shapes differ, and the file says `adapter none`.",
        f"adapter none\n{_ONE}",
        f"adapter none\nstages 64 x 4\n{_ONE}",
    ),
    "RF408": Entry(
        "a width that is not made (a warning)",
        "A stage declares a width, and its blocks make another: their operators end in a "
        "width of their own, so what the stage says is for nothing.",
        "stages 16 x 2, 32 x 2 / 2\nW = conv(3, stride=s) > bn > relu\nX_i = W_i*X_<i-1>",
        "stages 16 x 2, 32 x 2 / 2\nW = conv(3, c, stride=s) > bn > relu\n"
        "X_i = W_i*X_<i-1>",
    ),
    "RF501": Entry(
        "no such parameter",
        "`--set` names a parameter that is not there.",
        command="recform compile net.rf --set clases=100",
    ),
    "RF502": Entry(
        "no such network",
        "`--network` names a network that is not there.",
        command="recform compile net.rf --network Nett",
    ),
    "RF503": Entry(
        "not written",
        "The output cannot be written; nothing was changed.",
        command="recform compile net.rf -o no/such/folder/net.py",
    ),
    "RF511": Entry(
        "a plugin that cannot be imported",
        "The file or module does not exist, or fails when it is imported. A package that "
        "brings operators and fails is left out, with a warning.",
        command="recform check net.rf --plugin operatos.py",
    ),
    "RF512": Entry(
        "two operators of one name",
        "A plugin brings an operator, or a class for the generated file, whose name is "
        "taken. Give it another name.",
        command="printf '%s\\n' 'from recform.blocks import Emitted, Operator' "
        "'class Conv(Operator):' ' name, about = \"conv\", \"another one\"' "
        "' def emit(self, x, a): return Emitted(\"{x}\")' > mine.py; "
        "recform check net.rf --plugin mine.py",
    ),
    "RF513": Entry(
        "not an operator",
        "A plugin has no operator, or one whose declaration is not complete.",
        command="echo 'x = 1' > mine.py; recform check net.rf --plugin mine.py",
    ),
    "RF514": Entry(
        "an operator that fails",
        "A rule of a plugin's operator raises an exception, or gives something else than "
        "it should.",
        command="printf '%s\\n' 'from recform.blocks import Emitted, Operator' "
        "'class Mine(Operator):' ' name, about = \"mine\", \"divides by zero\"' "
        "' def shape(self, x, a): return x/0' "
        "' def emit(self, x, a): return Emitted(\"{x}\")' > mine.py; "
        "echo 'stem conv(3, 8) > mine' >> net.rf; recform check net.rf --plugin mine.py",
    ),
    "RF515": Entry(
        "an operator that changes its input",
        "The code of a plugin's operator writes into its input, which other terms may "
        "read: the network would not be that of the formula.",
        command="printf '%s\\n' 'from recform.blocks import Emitted, Operator' "
        "'class Mine(Operator):' ' name, about = \"mine\", \"doubles\"' "
        "' def emit(self, x, a): return Emitted(\"{x}.mul_(2)\")' > mine.py; "
        "echo 'stem conv(3, 8) > mine' >> net.rf; recform compile net.rf --plugin mine.py",
    ),
    "RF521": Entry(
        "no image classifier",
        "`--timm` is for networks that take images, hand on images from stage to stage, "
        "and end in a linear layer, as timm's models do.",
        command="echo 'head avgpool' >> net.rf; recform compile net.rf --timm",
    ),
    "RF522": Entry(
        "a model's name that cannot be had",
        "timm has a model of this name already, from elsewhere, or the name is none. "
        '`register` takes another: `name="rf_my_network"`, or `prefix="my_"` for all '
        "networks of a file.",
        command='python -c "import sys, recform.timm; sys.excepthook = lambda kind, error, '
        "trace: print(error, file=sys.stderr); recform.timm.register('net.rf', 'resnet18')\"",
    ),
    "RF523": Entry(
        "no entry of timm's configuration",
        "`default_cfg` has entries of timm's configuration, but for what the formula "
        "says: classes, the size of images, names of modules.",
        command='python -c "import sys, recform.timm; sys.excepthook = lambda kind, error, '
        "trace: print(error, file=sys.stderr); "
        "recform.timm.register('net.rf', default_cfg={'crop': 1.0})\"",
    ),
    "RF524": Entry(
        "an entry of timm's configuration that does not fit",
        "`mean` and `std` have a number for each channel of the images; `crop_pct` is "
        "more than 0 and at most 1.",
        command='python -c "import sys, recform.timm; sys.excepthook = lambda kind, error, '
        "trace: print(error, file=sys.stderr); "
        "recform.timm.register('net.rf', default_cfg={'mean': (0.5,)})\"",
    ),
    "RF601": Entry(
        "no linearisation",
        "Paths are read off derivatives, and a maximum has none that is the same "
        "everywhere.",
        command="echo 'X_i = max(X_<i-1>, W_i*X_<i-1>)' | recform analyze -",
    ),
    "RF602": Entry(
        "growing coefficients (a warning)",
        "Even with all operators at zero, values grow in every block. No training "
        "changes that.",
        command="echo 'X_i = 1.5*X_<i-1> + W_i*X_<i-1>' | recform analyze -",
    ),
    "RF603": Entry(
        "no block of this number",
        "A path is to start at a block, or a block is to be taken out, that the network "
        "does not have.",
        command="recform analyze net.rf --delete 40",
    ),
    "RF604": Entry(
        "not drawn",
        "A plot is an SVG, PNG or PDF file, and needs matplotlib.",
        command="recform analyze net.rf -o paths.gif",
    ),
    "RF605": Entry(
        "no such module",
        "The file that is to be verified cannot be run, or has no class of the "
        "network's name.",
        command="recform verify net.rf --module net.rf",
    ),
    "RF608": Entry(
        "module fails",
        "The module that is to be verified cannot be run as the formula's: its forward "
        "pass raises an exception, or returns no tensor of float64.",
        command="recform compile net.rf -o out.py; echo 'Net.forward = None' >> out.py; "
        "recform verify net.rf --module out.py",
    ),
    "RF609": Entry(
        "no answer",
        "A file that is to be verified runs in a process of its own. It ended that "
        "process, or was not ready in time (`--time-limit`), before all was tried; "
        "nothing is known of it.",
        command="echo 'import os; os._exit(0)' > out.py; "
        "recform verify net.rf --module out.py",
    ),
    "RF610": Entry(
        "other parameters",
        "The module that is to be verified has other parameters and buffers than the "
        "network of the formula, by name or by shape.",
        command="mkdir b; sed 's/x 2/x 3/' net.rf > b/net.rf; "
        "recform compile b/net.rf -o out.py; recform verify net.rf --module out.py",
    ),
    "RF631": Entry(
        "not a function of i",
        "A general formula says what X_L gets from X_<L-i>, for every i, and depends on "
        "the distance i alone.",
        command="echo 'dX_L/dX_<L-3> = 1 + W_L' | recform derive -",
    ),
    "RF632": Entry(
        "no sum over paths",
        "A general formula has sums, products, numbers, and operators of blocks that are "
        "counted from L.",
        command="echo 'dX_L/dX_<L-i> = 1 + W_i' | recform derive -",
    ),
    "RF633": Entry(
        "no path goes this way",
        "A path meets older blocks first, so their operators stand on the right; and it "
        "ends at block L.",
        command="echo 'dX_L/dX_<L-i> = 1 + W_<L-1>*W_L' | recform derive -",
    ),
    "RF634": Entry(
        "the path over no block (a warning)",
        "X_L is what it is: the path that makes no move is there, with the weight 1.",
        command="echo 'paths skip* pass' | recform derive -",
    ),
    "RF635": Entry(
        "an ellipsis with no unique reading",
        "The terms in front of `...` and the last one behind it must say how it goes on, "
        "in one way.",
        command="echo 'dX_L/dX_<L-i> = 1 + W_L + ...' | recform derive -",
    ),
    "RF636": Entry(
        "no finite recurrence",
        "Paths with these weights are not those of any recurrence of finite order, with "
        "any number of unknowns.",
        command="echo 'dX_L/dX_<L-i> = 1 + sum(k, 1, i, W_<L-k+1>/k)' | recform derive -",
    ),
    "RF637": Entry(
        "order too low",
        "The recursion reaches further back than `--order` allows.",
        command="echo 'paths (pass | skip skip)*' | recform derive - --order 1",
    ),
    "RF638": Entry(
        "one general formula",
        "A network is said by one general formula or by equations.",
        command="printf 'paths skip*\\nX_i = W_i*X_<i-1>\\n' | recform derive -",
    ),
    # RF639 said that a recursion has no general formula; now each one has.
    "RF640": Entry(
        "not a move",
        "A path skips a block, passes it, or passes an operator that is named.",
        command="echo 'paths skp* pass*' | recform derive -",
    ),
    "RF641": Entry(
        "weights without end",
        "What is repeated any number of times may be the path over no block, and has a "
        "weight: the ways add up without end.",
        command="echo 'paths ([2] pass?)*' | recform derive -",
    ),
    "RF642": Entry(
        "blocks that get nothing",
        "No path leads to some blocks, so they have nothing to compute from. The recursion "
        "is given all the same, if some block gets anything.",
        command="echo 'paths (skip pass)*' | recform derive -",
    ),
    "RF643": Entry(
        "nothing to compare",
        "Operators are the same where they have the same name; these networks have no "
        "name in common.",
        command="echo 'X_i = F_i*X_<i-1>' | recform equiv net.rf -",
    ),
    "RF644": Entry(
        "a recursion that the rest of the file does not fit",
        "The recursion has the paths that were asked for, but stages, operators or other "
        "statements of the file leave no network with it.",
        command="printf 'stages 4 x 2, 8 x 2 / 2\\npaths pass* skip*\\n' | recform derive -",
    ),
    "RF661": Entry(
        "too many blocks to draw",
        "`--expand` draws a node for each block, and the network has too many for a "
        "picture. Without it, equal blocks are one node.",
        command="printf 'stages 8 x 10000\\nX_i = W_i*X_<i-1>\\n' > deep.rf; "
        "recform render deep.rf --view network --expand",
    ),
    "RF662": Entry(
        "nothing to lay the picture out",
        "Graphviz places nodes and edges; neither the system's `dot` nor the package "
        "graphviz-pure is there, or not the program that `--renderer` names.",
        command="recform render net.rf --renderer no-such-program",
    ),
    "RF663": Entry(
        "not laid out",
        "The program that places nodes and edges failed.",
        command="recform render net.rf --renderer false",
    ),
    "RF664": Entry(
        "a package is missing",
        "The format is written with a package that is not installed (they come with "
        "recform, so somebody has taken it out again).",
        command="python -c \"import sys; sys.modules['pypdfium2'] = None; "
        "sys.argv[1:] = ['render', 'net.rf', '-o', 'net.png']; "
        'from recform.cli import main; main()"',
    ),
    "RF665": Entry(
        "no such block",
        "`--block` is the number of a block, counted from 1 through the network.",
        command="recform render net.rf --block 99",
    ),
    "RF666": Entry(
        "too many blocks side by side",
        "`--blocks` asks for more blocks than the view can show.",
        command="recform render net.rf --view unrolled --blocks 500",
    ),
    "RF667": Entry(
        "too many pixels",
        "`--dpi` makes the picture larger than a PNG should be.",
        command="recform render net.rf --view network -o net.png --dpi 2400",
    ),
    "RF701": Entry(
        "not a file of weights",
        "The file is no safetensors file, a part of one, or what it says of its formula "
        "is damaged.",
        command="head -c 100 /dev/zero > cut.safetensors; "
        "recform transplant cut.safetensors net.rf",
    ),
    "RF702": Entry(
        "weights of another formula",
        "The file says that its weights are of another formula. Comments, spaces and names "
        "do not count.",
        command='python -c "import recform as r; '
        "one, two = map(r.compile, ('X_i = W_i*X_<i-1>', 'X_i = (1 + W_i)*X_<i-1>')); "
        "r.save_weights(one.module(), one, 'one.safetensors'); "
        "r.load_weights(two.module(), two, 'one.safetensors')\" 2>&1 | "
        "sed -n '/RF702/,$p' >&2",
    ),
    "RF703": Entry(
        "tensors do not fit",
        "The file, or the module, does not have the tensors of the network.",
        command="python -c \"import recform as r; one = r.compile('net.rf'); "
        "r.save_weights(one.module(classes=5), one, 'one.safetensors'); "
        "r.load_weights(one.module(), one, 'one.safetensors')\" 2>&1 | "
        "sed -n '/RF703/,$p' >&2",
    ),
    "RF704": Entry(
        "the formula of a file of weights",
        "The file was written with operators or statements that are not known here.",
        command="python -c \"import recform as r; one = r.compile('net.rf'); "
        "r.save_weights(one.module(), one, 'one.safetensors')\"; "
        "sed -i 's/W_i/W i/' one.safetensors; "
        "recform transplant one.safetensors net.rf",
    ),
    "RF705": Entry(
        "no tensor in common",
        "No tensor of the file is for anything in the network, or has another shape.",
        command='python -c "import torch; from safetensors.torch import save_file; '
        "save_file({'weight': torch.zeros(2)}, 'other.safetensors')\"; "
        "recform transplant other.safetensors net.rf",
    ),
    "RF706": Entry(
        "a network that asks for numbers",
        "What a parameter is for is found out by running the network on tensors without "
        "numbers. An operator of a plugin that looks at numbers cannot be run so.",
        command="printf 'from recform.blocks import Emitted, Operator\\n\\n"
        'class Peek(Operator):\\n    name = "peek"\\n    about = "looks at the sum"\\n\\n'
        "    def emit(self, x, a):\\n"
        '        return Emitted("{x} * float({x}.sum())")\\n\' > peek.py; '
        "printf 'W = conv(3, c, stride=s) > peek\\nX_i = W_i*X_<i-1>\\n' > peek.rf; "
        'python -c "import torch; from safetensors.torch import save_file; '
        "save_file({'weight': torch.zeros(2)}, 'other.safetensors')\"; "
        "recform transplant other.safetensors net.rf --from peek.rf --plugin peek.py",
    ),
    "RF707": Entry(
        "numbers that are none",
        "Tensors that are taken hold an infinite number, or one that is no number (NaN): "
        "the network that they were trained in diverged. A warning.",
        command="python -c \"import recform as r; one = r.compile('net.rf'); "
        "m = one.module(); m.head.fc.bias.data[0] = float('nan'); "
        "r.save_weights(m, one, 'one.safetensors')\"; "
        "recform transplant one.safetensors net.rf > out.txt",
    ),
    "RF708": Entry(
        "another precision",
        "Tensors that are taken are of another precision than the network's. They are "
        "converted when they are loaded into a module, and stay what they are in a file "
        "that `recform transplant` writes. A warning.",
        command="python -c \"import recform as r; one = r.compile('net.rf'); "
        "m = one.module(); m.head.half(); "
        "r.save_weights(m, one, 'one.safetensors')\"; "
        "recform transplant one.safetensors net.rf > out.txt",
    ),
    "RF901": Entry(
        "not proved",
        "Before a file is written, recform proves that its blocks compute the equations. "
        "Here it could not: this is a fault of recform, and nothing was written.",
    ),
    "RF906": Entry(
        "torch is missing",
        "What runs a network needs torch: `verify`, `transplant`, `analyze --measure`, and "
        "`recform.load` in Python. The other commands write, read and draw formulas "
        "without it, so it is an extra: there are builds of it for many kinds of machine.",
        command="python -c \"import sys; sys.modules['torch'] = None; "
        "sys.argv[1:] = ['verify', 'net.rf']; from recform.cli import main; main()\"",
    ),
    "RF907": Entry(
        "no tables of the grammar",
        "Statements are read by tables that are made of the grammar with Lark, and come with "
        "recform. Somebody has changed or lost a file of the installation, and Lark is not "
        "there to make them anew.",
    ),
    "RF908": Entry(
        "no such code",
        "The catalogue has no diagnostic of this code.",
        command="recform explain RF24",
    ),
    "RF909": Entry(
        "wrong usage",
        "A command, an option or an argument is not one, is missing, or does not go with "
        "another one. The exit status is 2.",
        command="recform check net.rf --strct",
    ),
}
