"""A second index as unknowns, operators and scalars of their own for each time."""

from __future__ import annotations

import re

#: The unknown at each time.
NAMES = ("Xa", "Xb", "Xc")
_READ = re.compile(r"X_<([^,<>]+),t(-\d+)?>")
#: What is learned for each time, by what it is called where there are several.
_OF_TIMES = (("b_t", "b{}"), ("d_<i,t>", "d{}_i"), ("G_<i,t>", "G{}_i"), ("C_t", "C{}"))
_LEFT_OUT = ("X_<i,t>", "times", "scalar b_t", "scalar d_<")


def unrolled(text: str) -> str:
    """A file of :func:`tests.oracle.files.timed` without its second index."""
    (times,) = map(int, re.findall(r"^times (\d+)", text, re.MULTILINE))
    (equation,) = re.findall(r"^X_<i,t> = (.*)$", text, re.MULTILINE)
    lines, equations = [], []
    for time in range(1, times + 1):
        lines += [f"scalar b{time} = 0.3", f"scalar d{time}_i = 0.2"]
        said = _READ.sub(lambda found, time=time: _at(found, time), equation)
        for name, own in _OF_TIMES:
            said = said.replace(name, own.format(time))
        equations.append(f"{NAMES[time - 1]}_i = {said}")
    for line in text.splitlines():
        flow = re.match(r"([GC]) = (.*)", line)
        if flow:
            lines += [f"{flow[1]}{time + 1} = {flow[2]}" for time in range(times)]
        if line.startswith("output"):
            lines += [*equations, f"output {_output(line, times)}"]
        elif not line.startswith(_LEFT_OUT):
            lines.append(line)
    return "\n".join(lines) + "\n"


def _at(found: re.Match[str], time: int) -> str:
    """What a block reads at a time; before the first one lies what no block has made."""
    time += int(found[2] or 0)
    return f"{NAMES[time - 1]}_<{found[1]}>" if time > 0 else f"{NAMES[0]}_<i-32>"


def _output(line: str, times: int) -> str:
    last = [f"{name}_L" for name in NAMES[:times]]
    function = re.match(r"output (\w+)\(", line)
    if function is None:
        return last[-1]
    return (
        " + ".join(last)
        if function[1] == "sum"
        else f"{function[1]}({', '.join(last)})"
    )
