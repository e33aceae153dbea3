"""RF5: code, plugins and commands."""

from __future__ import annotations

from recform.diagnostics.catalogue.entry import ONE, Entry

ENTRIES = {
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
        "The output cannot be written, or is there and not as recform wrote it (its line "
        "`sealed:` tells); nothing was changed.",
        command="recform compile net.rf -o no/such/folder/net.py",
    ),
    "RF504": Entry(
        "no value of a parameter",
        "`--set input=3x32x32` stands for the line `input 3 x 32 x 32`: one to three whole "
        "numbers with an x between them. Any other parameter is a number, true or false.",
        command="recform summary net.rf --set input=large",
    ),
    "RF511": Entry(
        "a plugin that cannot be imported",
        "The file or module does not exist, or fails when it is imported. Of an installed "
        "package this is a warning, as are RF512 to RF514: what is wrong is left out, and "
        "files that do not use it compile.",
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
        "it should; or the generated module fails with the code of one, most often because "
        "it makes another shape than it tells.",
        command="printf '%s\\n' 'from recform.blocks import Emitted, Operator' "
        "'class Mine(Operator):' ' name, about = \"mine\", \"divides by zero\"' "
        "' def shape(self, x, a): return x/0' "
        "' def emit(self, x, a): return Emitted(\"{x}\")' > mine.py; "
        "echo 'stem conv(3, 8) > mine' >> net.rf; recform check net.rf --plugin mine.py",
    ),
    "RF515": Entry(
        "an operator that changes its input",
        "The code of a plugin's operator writes into its input, which other terms may "
        "read: the network would not be that of the formula. No code of an operator works in "
        "place, for what it writes over may be a view of what others read.",
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
    "RF530": Entry(
        "no such way to keep less",
        "What a network keeps for its backward pass is `plain`, `lean`, `checkpoint` or "
        "`reversible`: in a file, as `--memory`, and as `memory` of `recform.compile`.",
        f"memory little\n{ONE}",
        f"memory lean\n{ONE}",
    ),
    "RF531": Entry(
        "no way back",
        "`--memory reversible` runs blocks backwards, and so needs a formula that can be "
        "solved for its oldest tensor by sums and factors alone, as `recform analyze` tells: "
        "`X_i = W_i*X_<i-1> + X_<i-2>` can.",
        command="recform compile net.rf --memory reversible",
    ),
    "RF532": Entry(
        "a way back that blocks cannot take",
        "The formula can be solved for its oldest tensor, but what its blocks hand on is "
        "something else, or an operator runs more than once in a block, or has no module of "
        "its own.",
        command="printf 'stages 8 x 4\\nX_i = W_i*X_<i-1> + W_i*relu(X_<i-1>) + X_<i-2>\\n' "
        "> net.rf; recform compile net.rf --memory reversible",
    ),
    "RF537": Entry(
        "no budget of memory",
        "A budget is a size (`6GiB`, `900MiB`, `8GB`), or a share of what the plain network "
        "keeps for its backward pass (`50%`).",
        command="recform compile net.rf --memory-budget much",
    ),
    "RF538": Entry(
        "blocks that keep each their own, and have no class",
        "Where each block keeps what is said of it, a line in front of its pass tells where "
        "it begins. Blocks whose modules are the network's own have no such pass: they lie in "
        "one `nn.Sequential` under the names of somebody else's weights, and where a block "
        "begins is nowhere in the code.",
        command="printf 'names step = \".\"\nX_i = W_i*X_<i-1>\n' > net.rf; "
        "recform compile net.rf --memory checkpoint",
    ),
    "RF540": Entry(
        "a budget that is too small",
        "No plan trains the network within the budget, whatever runs again. The smallest "
        "budget that can be met is said; a smaller batch needs less.",
        command="recform compile net.rf --memory-budget 1MiB --batch 64",
    ),
    "RF541": Entry(
        "a budget, and a form for all parts",
        "A budget decides part by part what is kept for the backward pass, and so does not "
        "go with one form for all.",
        command="recform compile net.rf --memory-budget 1GiB --memory lean",
    ),
    "RF542": Entry(
        "two forms of a network at once",
        "A network for inference is written in one form: timm's interface and passes by "
        "positions are for networks as they are trained.",
        command="recform compile net.rf --for inference --timm",
    ),
    "RF543": Entry(
        "a module whose formula nobody knows",
        "`recform.optimize` knows the formula of a module that `load` or `compile` made in "
        "the same process. For any other, such as one of a generated file, name it.",
        command='python -c "import recform, torch; '
        "recform.optimize(torch.nn.Linear(2, 2))\" 2>&1 | sed -n '/RF543/,$p' >&2",
    ),
    "RF544": Entry(
        "a module that cannot be folded",
        "Before a module for inference is handed out, it is run beside the one that was "
        "trained, in double precision. Results that differ mean that the module is not "
        "what its formula says, or makes numbers that are not finite.",
        command="python -c \"import recform as r; m = r.load('net.rf'); "
        "m.head.fc.bias.data[0] = float('nan'); r.optimize(m)\" 2>&1 | "
        "sed -n '/RF544/,$p' >&2",
    ),
    "RF545": Entry(
        "weights for inference in a file",
        "A file of weights has those that were trained, with their formula. Those for "
        "inference are made of them, and are not written.",
        command="python -c \"import recform as r; one = r.compile('net.rf', inference=True); "
        "r.save_weights(one.module(), one, 'one.safetensors')\" 2>&1 | "
        "sed -n '/RF545/,$p' >&2",
    ),
    "RF546": Entry(
        "the language server is not installed",
        "`recform lsp`, which editors start, speaks with pygls. That is an extra, since all "
        "other commands do without it: `pip install 'recform[lsp]'`.",
        command="python -c \"import sys; sys.modules['pygls'] = None; "
        "sys.argv[1:] = ['lsp']; from recform.cli import main; main()\"",
    ),
    "RF548": Entry(
        "no playground to show",
        "`recform playground` shows a page that `make playground` builds (a wheel that was "
        "made later has it, too), on a port of this machine that nobody else has. It needs "
        "Pyodide, Python for browsers: from a host, or from a folder that `--pyodide` names.",
        command="recform playground --no-browser --folder nowhere",
    ),
}
