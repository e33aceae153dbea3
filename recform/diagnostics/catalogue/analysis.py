"""RF6: analysis, derivation, equality and pictures."""

from __future__ import annotations

from recform.diagnostics.catalogue.entry import Entry

ENTRIES = {
    "RF601": Entry(
        "no linearisation",
        "Paths are read off derivatives, and a maximum has none that is the same "
        "everywhere. Nor is there a recurrence of finite order for a sum over depth, in "
        "which each block weighs all earlier ones anew, or a word for `dot` and `norm`.",
        command="echo 'X_i = max(X_<i-1>, W_i*X_<i-1>)' | recform derive -",
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
    "RF612": Entry(
        "no such operator to open",
        "`--open` names an operator of the equations, or a definition by equations that "
        "one of them is made of.",
        command="recform render net.rf --open V",
    ),
    "RF613": Entry(
        "too much to open",
        "With all that is opened the picture would have more nodes than can be laid out "
        "and read.",
        command="printf 'input 64\\nstages 64 x 4\\nMany(x) = concat(Y_<1..64>)\\n"
        "  where S_<1..64> = split(x, 64), K = linear(cin)\\n  where Y_k = K_k*S_k\\n"
        "W = Many\\nX_i = W_i*X_<i-1>\\n' > wide.rf; "
        "recform render wide.rf --view unrolled --blocks 4 --open Many",
    ),
    "RF614": Entry(
        "not legible in so little room",
        "`--width` would make the type of the picture smaller than 5 points, in rows and "
        "from top to bottom too.",
        command="recform render net.rf --view network --width 1cm",
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
        command="printf 'stages 4 x 2, 8 x 2 / 2\\nadapter none\\npaths pass* skip*\\n' "
        "| recform derive -",
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
}
