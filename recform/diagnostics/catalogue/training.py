"""RF8: training and comparison."""

from __future__ import annotations

from recform.diagnostics.catalogue.entry import Entry

ENTRIES = {
    "RF801": Entry(
        "a recipe that is not TOML",
        "A recipe is a flat file of TOML: a setting a line, such as `lr = 0.1`, texts in "
        "quotes.",
        command="echo 'lr = ' > mine.toml; recform train net.rf --recipe mine.toml",
    ),
    "RF802": Entry(
        "no such setting of a recipe",
        "A recipe, or `--override`, names a setting that no recipe has; look at its name.",
        command="recform train net.rf --override lrr=0.1",
    ),
    "RF803": Entry(
        "a value that a recipe cannot have",
        "A setting of a recipe is of another kind, too small or too large, or does not go "
        "with another one.",
        command="echo 'epochs = 0' > mine.toml; recform train net.rf --recipe mine.toml",
    ),
    "RF804": Entry(
        "no such recipe",
        "Neither a recipe that comes with recform nor a file whose name ends in `.toml`.",
        command="recform train net.rf --recipe quik",
    ),
    "RF805": Entry(
        "no such data",
        "`--data` names a kind of data that recform does not know, or one that needs a path.",
        command="recform train net.rf --data digit",
    ),
    "RF806": Entry(
        "data that cannot be read",
        "A file or folder of data is missing, is broken or has another form. Of an image "
        "that cannot be read the name is told; the run goes on from its last checkpoint "
        "when it is mended or gone, and the same command is given.",
        command="recform train net.rf --data npz:no.npz",
    ),
    "RF807": Entry(
        "a network that does not fit the data",
        "The input and the classes of a file become those of the data where nothing else is "
        "said: the input by itself, the classes by a parameter `classes`, `num_classes` or "
        "`vocabulary`. A module says by its arguments what it takes.",
        command="recform train net.rf --set classes=7",
    ),
    "RF808": Entry(
        "packages for training are missing",
        "Training needs packages that the rest of recform does without, so that they are an "
        "extra.",
        command="python -c \"import sys; sys.modules['accelerate'] = None; "
        "sys.argv[1:] = ['train', 'net.rf']; from recform.cli import main; main()\"",
    ),
    "RF809": Entry(
        "a run of another process",
        "Another process writes to the folder of this run. It is left alone.",
        command="mkdir -p runs/a; flock runs/a/.lock recform train net.rf --name a",
    ),
    "RF810": Entry(
        "the folder of another run",
        "The folder has a run of another network, of other data, another recipe, seed or "
        "precision. It stays as it is.",
        command='mkdir -p runs/a; echo \'{"key": "", "seed": 1}\' > runs/a/run.json; '
        "recform train net.rf --name a",
    ),
    "RF811": Entry(
        "numbers that are not finite",
        "The loss, or a weight, has become infinite or no number. The steps up to there are "
        "run again to find what was not finite first, and where that is in the formula. The "
        "last checkpoint is that of before. Of scores on examples that are only looked at, "
        "held-out or of the test set, the step is told.",
        command="recform train net.rf --override lr=1000 --override weight_decay=1000 "
        "--device cpu > out.txt",
    ),
    "RF812": Entry(
        "too little memory for a batch",
        "The examples of a step do not fit into the memory of the device. They can be run in "
        "parts, whose gradients are added: the batch stays the same.",
    ),
    "RF813": Entry(
        "a module that cannot be made",
        "`--module` names no function, or one that fails, makes no `torch.nn.Module`, or one "
        "that fails in training.",
        command="recform train --module torchvision.models:resnet81",
    ),
    "RF814": Entry(
        "a checkpoint that cannot be written",
        "The disk is full, or the folder of the run cannot be written to. The checkpoint "
        "before is still there, and the same command goes on from it.",
        command="mkdir -p runs/a; echo > runs/a/checkpoint; "
        "recform train net.rf --name a --checkpoint 0 --device cpu > out.txt",
    ),
    "RF815": Entry(
        "no such device",
        "torch finds no GPU, or the device does not compute with this precision, or has no "
        "deterministic form of an operation (`--deterministic`).",
        command="recform train net.rf --device cpu --precision fp16",
    ),
    "RF816": Entry(
        "a batch that cannot be cut",
        "Each of the processes gets the same share of each part of a batch; a norm over the "
        "batch needs more than one example of it.",
        command="recform train net.rf --override batch=4000 --override accumulate=2000 "
        "> out.txt",
    ),
    "RF817": Entry(
        "no name of a run",
        "`--name` is the name of a folder within that of all runs, with no folders in it.",
        command="recform train net.rf --name ../a",
    ),
    "RF818": Entry(
        "a checkpoint that cannot be read",
        "A file of the last checkpoint is broken, or of another version, or it has weights in "
        "shards and this run has none, or the other way round. Nothing was changed.",
        command="mkdir -p runs/a/checkpoint/step-0000000001; "
        "echo > runs/a/checkpoint/step-0000000001/progress.json; "
        "recform train net.rf --name a > out.txt",
    ),
    "RF819": Entry(
        "nothing to learn",
        "The network has no parameters.",
        command="printf '%s\\n' 'input 10 x 8 x 8' 'stem relu' 'stages 10 x 1' "
        "'head avgpool' 'W = relu' 'X_i = W*X_<i-1>' > pool.rf; "
        "recform train pool.rf --data fake",
    ),
    "RF820": Entry(
        "torch.compile fails",
        "`--compile` needs what torch compiles with: on a CPU a compiler of C++, on a GPU "
        "Triton. Without it the numbers are the same, and steps take longer.",
    ),
    "RF821": Entry(
        "an old kind of shards",
        "Weights are cut into shards by the second version of FSDP, which the launcher has to "
        "name.",
    ),
    "RF825": Entry(
        "no Ray cluster",
        "`--ray` names the address of a cluster's head; `auto` finds one that runs on this "
        "machine, or starts one. A cluster of another version of Ray does not count.",
    ),
    "RF826": Entry(
        "no such run",
        "The folder of runs has none of this name, or several that begin so, or one whose "
        "`run.json` is broken or of another version.",
        command="recform runs show ResNet",
    ),
    "RF827": Entry(
        "a run without a result",
        "Of the runs of a comparison one came to nothing; the others are compared all the "
        "same. `recform train` of the same network, data and seed says more, and the same "
        "`recform compare` tries it once more.",
    ),
    "RF828": Entry(
        "two networks of one name",
        "A report calls networks by their names, so each of them has one of its own.",
        command="recform compare net.rf net.rf",
    ),
    "RF829": Entry(
        "too few examples to hold some out",
        "The epoch whose weights are kept is chosen by a held-out share of every class, and "
        "no class has so many examples that such a share is one of them.",
        command='python -c "import numpy as n; x, y = n.zeros((4, 8, 8)), n.arange(4); '
        "n.savez('few.npz', x_train=x, y_train=y, x_test=x, y_test=y)\"; "
        "recform train net.rf --data npz:few.npz",
    ),
    "RF830": Entry(
        "examples of one class",
        "Where all examples are of one class, whatever a network answers is right.",
        command='python -c "import numpy as n; x, y = n.zeros((9, 8, 8)), n.arange(9) * 0; '
        "n.savez('one.npz', x_train=x, y_train=y, x_test=x, y_test=y)\"; "
        "recform train net.rf --data npz:one.npz",
    ),
    "RF831": Entry(
        "a class without examples (a warning)",
        "Classes are the whole numbers from 0 to the largest label, and to train on there is "
        "no example of some: labels may be counted from 1, or have gaps. The network gets a "
        "score for each class all the same, and never learns that one.",
        command='python -c "import numpy as n; x, y = n.zeros((60, 8, 8)), n.arange(60); '
        "y = y % 3 + 1; n.savez('one.npz', x_train=x, y_train=y, x_test=x, y_test=y)\"; "
        "recform train net.rf --data npz:one.npz --override epochs=1 --device cpu > out.txt",
    ),
    "RF832": Entry(
        "a warning from within runs",
        "While the runs of a comparison were trained, Python warned of this (a "
        "`UserWarning`, of torch or of a module); `recform train` shows it where it "
        "happens, and `result.json` of each run has it.",
    ),
    "RF851": Entry(
        "nothing to compare",
        "What is compared are formulas, which are trained, or scores that somebody measured, "
        "from one or more tables that `--results` names: one of the two.",
        command="recform compare",
    ),
    "RF852": Entry(
        "not a table of results",
        "A table of results has a line of headings and a row a model (or a row a run, with "
        "columns `data` and `seed`), separated by commas, semicolons or tabs.",
        command="printf 'model\\nA\\nB\\n' > r.csv; recform compare --results r.csv",
    ),
    "RF853": Entry(
        "not a number",
        "A score is a finite number with a decimal point, and a percent sign if you like; a "
        "seed is a whole number. An empty cell is a score that is not there.",
        command="printf 'model;0;1\\nA;93,54;93,41\\nB;94.1;94.0\\n' > r.csv; "
        "recform compare --results r.csv",
    ),
    "RF854": Entry(
        "twice in a table",
        "A model has one score for each data set and seed, and columns have headings of "
        "their own.",
        command="printf 'model,CIFAR10\\nA,93.54\\nB,94.1\\nA,93.41\\n' > r.csv; "
        "recform compare --results r.csv",
    ),
    "RF855": Entry(
        "scores are missing (a warning)",
        "Some model has no score where others have one. It is said what is left out.",
        command="printf 'model,0,1,2\\nA,93.5,93.4,93.1\\nB,94.1,94.0,\\n' > r.csv; "
        "recform compare --results r.csv > out.txt",
    ),
    "RF856": Entry(
        "a row of another length",
        "Each row has a cell under each heading.",
        command="printf 'model,0\\nA,93,54\\nB,94,1\\n' > r.csv; "
        "recform compare --results r.csv",
    ),
    "RF857": Entry(
        "packages for comparing are missing",
        "Statistics are computed by scipy, statsmodels and scikit-posthocs, and matplotlib "
        "draws the pictures of a report. They are an extra, since the other commands do "
        "without.",
        command="printf 'model,0,1\\nA,93.5,93.4\\nB,94.1,94.0\\n' > r.csv; "
        "python -c \"import sys; sys.modules['scipy'] = None; "
        "sys.argv[1:] = ['compare', '--results', 'r.csv']; "
        'from recform.cli import main; main()"',
    ),
    "RF858": Entry(
        "no such baseline",
        "`--baseline` is the name of a model, as it stands in the table.",
        command="printf 'model,0,1\\nResNet,93.5,93.4\\nB,94.1,94.0\\n' > r.csv; "
        "recform compare --results r.csv --baseline Resnet",
    ),
    "RF859": Entry(
        "too few models",
        "It takes two models with scores to compare any.",
        command="printf 'model,0,1\\nA,93.5,93.4\\n' > r.csv; "
        "recform compare --results r.csv",
    ),
    "RF860": Entry(
        "no such report",
        "A report is an HTML, Markdown, LaTeX or JSON file, by the ending of its name.",
        command="printf 'model,0,1\\nA,93.5,93.4\\nB,94.1,94.0\\n' > r.csv; "
        "recform compare --results r.csv -o report.doc",
    ),
    "RF861": Entry(
        "columns that cannot be understood",
        "Columns are told by their headings: `model`, `data` and `seed` say whose a score "
        "is, a number is a seed, anything else a data set. Beside a column `data` there is "
        "one column of scores, or one for each seed.",
        command="printf 'A,93.5,93.4\\nB,94.1,94.0\\n' > r.csv; "
        "recform compare --results r.csv",
    ),
    "RF862": Entry(
        "percent, or not",
        "Scores are all in percent, or all are not: 0.935 beside 94.1% would be a great "
        "difference.",
        command="printf 'model,0,1\\nA,0.935,0.934\\nB,94.1%%,94.0%%\\n' > r.csv; "
        "recform compare --results r.csv",
    ),
    "RF863": Entry(
        "too much to compare",
        "Each pair of models is tested on each data set, and there are limits to that.",
        command="(echo model,0,1; for i in $(seq 70); do echo m$i,$i,$i; done) > r.csv; "
        "recform compare --results r.csv",
    ),
}
