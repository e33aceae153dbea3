"""RF8: training and comparison."""

from __future__ import annotations

from recform.diagnostics.catalogue.entry import Entry

ENTRIES = {
    "RF825": Entry(
        "no Ray cluster",
        "`--ray` names the address of a cluster's head; `auto` finds one that runs on this "
        "machine, or starts one. A cluster of another version of Ray does not count.",
    ),
    "RF826": Entry(
        "no such run",
        "The folder of runs has none of this name, or several that begin so.",
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
    "RF851": Entry(
        "nothing to compare",
        "What is compared are scores, from one or more tables that `--results` names.",
        command="recform compare net.rf",
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
