"""RF0: what is wrong with a file: it is not there, too large, no text."""

from __future__ import annotations

from recform.diagnostics.catalogue.entry import ONE, Entry

ENTRIES = {
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
        ONE,
    ),
    "RF004": Entry(
        "too large",
        "A formula file has 32 KiB at most, a table of results 512 KiB; this is something "
        "else.",
        command="yes '# more' | head -n 9000 > large.rf; recform check large.rf",
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
        f'use "blocks.rf"\n{ONE}',
        ONE,
    ),
    "RF008": Entry(
        "`use` of a pipe or a device",
        "A file that is used is a regular file: one that is there whole.",
        command="mkfifo pipe.rf; echo 'use \"pipe.rf\"' > a.rf; recform check a.rf",
    ),
    "RF009": Entry(
        "another kind of file",
        "The file is something else by what stands in it, whatever its name is: a module, "
        "weights, data, a picture. Give the formula file.",
        command="recform compile net.rf -o made.py; recform check made.py",
    ),
}
