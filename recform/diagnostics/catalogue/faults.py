"""RF9: faults of recform, of its installation, of its usage."""

from __future__ import annotations

from recform.diagnostics.catalogue.entry import Entry

ENTRIES = {
    "RF901": Entry(
        "not proved",
        "Before a file is written, recform proves that its blocks compute the equations. "
        "Here it could not: this is a fault of recform, and nothing was written.",
    ),
    "RF902": Entry(
        "`recform fmt` would make another file",
        "A file in canonical form has the same words and the same comments as before; this is "
        "tried each time, and here it would not. It is a fault of recform. The file is as it "
        "was: please report it with the file.",
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
