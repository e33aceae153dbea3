"""Installs the wheel without torch into a bare environment, and tries it: `make test-light`.

pip resolves what the wheel says that it needs, as it would for a user. Then every command
that writes, reads or draws formulas has to work, and each of the others has to say what
is missing (RF906, RF857, RF546).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "one.rf": "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>\n",
    "paths.rf": "paths skip* pass*\n",
    "scores.csv": "model,0,1\nA,93.5,93.4\nB,94.1,94.0\n",
    # What the playground does without.
    "bare.py": """
import sys
for name in ("pypdfium2", "reportlab", "rich", "safetensors", "typer"):
    sys.modules[name] = None
import recform
network = recform.compile("one.rf")
assert network.source and network.analyze() and network.summary()
print(network.picture("svg", view="network").decode())
""",
    "load.py": """
import sys, recform
from recform.diagnostics import CompileError, render_text
try:
    recform.load("one.rf")
except CompileError as error:
    sys.exit(render_text(error.diagnostics))
""",
}

#: Commands, and what they print or write.
WORK = {
    "compile one.rf": "^class One(nn.Module):",
    "check one.rf": "^one.rf: good (One)",
    "summary one.rf": "^Order 2",
    "analyze one.rf": "dX_L/dX_<L-2> = 1 + W_L + W_L*W_<L-1>",
    "derive paths.rf": "X_i = (1 + W_i)*X_<i-1> - W_<i-1>*X_<i-2>",
    "equiv one.rf one.rf": "^One and One: equal",
    "diff one.rf one.rf": "^One -> One",
    "render one.rf --to pdf": "^%PDF",
    "render one.rf": "<svg",
}
#: What needs torch, or another extra.
MISSING = [
    "recform compare --results scores.csv",
    "recform verify one.rf",
    "recform lsp",
    "recform analyze one.rf --delete 1 --measure",
    "recform transplant some.safetensors one.rf",
    "python load.py",
]


def main() -> None:
    """Builds, installs and tries.

    Raises:
        SystemExit: if something does not work.
    """
    with tempfile.TemporaryDirectory(prefix="recform") as name:
        folder = Path(name)
        build = ["-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
        _run([sys.executable, *build], folder)
        (wheel,) = folder.glob("*.whl")
        home = folder / "environment"
        venv.create(home, with_pip=False, symlinks=True)
        python = home / "bin" / "python"
        install = ["-m", "pip", "--python", python, "install", "-qq"]
        # Most of what is installed is never imported: Python compiles what is.
        _run([sys.executable, *install, "--no-compile", wheel], folder)
        for file, text in FILES.items():
            (folder / file).write_text(text)
        _try(home / "bin", folder)


def _try(programs: Path, folder: Path) -> None:
    absent = "from importlib.util import find_spec as f; print(f('torch'), f('lark'))"
    if _run([programs / "python", "-c", absent], folder) != "None None\n":
        sys.exit("the wheel without torch brings torch or lark along")
    for command, expected in WORK.items():
        printed = _run([programs / "recform", *command.split()], folder)
        pattern = re.escape(expected).replace(r"\^", "^", 1)
        if not re.search(pattern, printed, re.MULTILINE):
            sys.exit(f"recform {command} prints no {expected!r}:\n{printed}")
    bare = _run([programs / "python", "bare.py"], folder)
    if not bare.startswith("<svg"):
        sys.exit(f"packages for the terminal are needed to compile and draw:\n{bare}")
    if (ROOT / "recform" / "playground" / "page").is_dir():
        _playground(programs / "recform", folder)
    for command in MISSING:
        program, *arguments = command.split()
        printed = _run([programs / program, *arguments], folder, status=1)
        if not re.search("RF906|RF857|RF546", printed) or "Traceback" in printed:
            sys.exit(f"{command} does not say what is missing:\n{printed}")
    print(
        f"without torch: {len(WORK)} commands work, {len(MISSING)} say what is missing"
    )


def _playground(recform: Path, folder: Path) -> None:
    """The page that a wheel has where it was built before, with recform for the browser."""
    command = [recform, "playground", "--no-browser", "--port", "0"]
    server = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        said = server.stdout.readline() if server.stdout else ""
        found = re.search(r"http:\S+/", said)
        if found is None:
            sys.exit(f"recform playground serves no page: {said}")
        for name, size in (("main.js", 100_000), ("files.zip", 10_000_000)):
            with urlopen(f"{found[0]}{name}") as answer:
                if len(answer.read()) < size:
                    sys.exit(f"recform playground serves too little of {name}")
    finally:
        server.kill()
        server.wait()


def _run(command: list[str | Path], folder: Path, status: int = 0) -> str:
    """What a command prints.

    Raises:
        SystemExit: if it ends with another status.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=kept,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )
    printed = done.stdout.decode(errors="replace")
    if done.returncode != status:
        words = " ".join(map(str, command))
        sys.exit(f"{words} ends with status {done.returncode}:\n{printed}")
    return printed


if __name__ == "__main__":
    main()
