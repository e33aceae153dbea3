"""``recform compare``: which of several models is better, as far as can be told."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recform import files
from recform.cli import answer, common
from recform.cli.commands.train import Training
from recform.cli.trials import Compared
from recform.cli.trials import study as train_all
from recform.diagnostics import Diagnostics, refuse
from recform.modules import need

if TYPE_CHECKING:
    from recform.comparison import Study
    from recform.comparison.compare import Comparison

#: The forms of a report, by the ending of its name.
_FORMS = (".html", ".md", ".tex", ".json")
#: What has to be installed, by the name of an import.
_PACKAGES = ("scipy", "statsmodels", "scikit_posthocs")


def command(
    *,
    context: typer.Context,
    compared: Compared,
    training: Training,
    results: Annotated[
        list[Path] | None,
        typer.Option(
            "--results",
            metavar="FILE.csv",
            help="Scores that somebody measured: a row a model, a column a data set or "
            "seed. Several tables are taken together.",
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline",
            metavar="NAME",
            help="Compare the others with this model alone.",
        ),
    ] = None,
    alpha: Annotated[
        float,
        typer.Option(
            "--alpha", help="How often chance alone may look like a difference."
        ),
    ] = 0.05,
    lower: Annotated[
        bool, typer.Option("--lower-is-better", help="The scores are errors or losses.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="A report: OUT.html, OUT.md, OUT.tex or OUT.json.",
        ),
    ] = None,
    as_json: answer.AsJson = False,
) -> None:
    """Tell which of several models is better, and what cannot be told from so few runs."""
    if not 0 < alpha < 0.5:
        raise typer.BadParameter("it lies above 0 and below 0.5", param_hint="--alpha")
    ending = "" if output is None else output.suffix.lower()
    _known(output, ending)
    _asked([*(compared.files or []), *(compared.modules or [])], results or [])
    _of_use(context, trained=not results)
    if not compared.files:  # the form that keeps less is that of formulas
        memory = training.memory is not None
        common.one_of(module=bool(compared.modules), memory=memory)
    for package in _PACKAGES:
        need(package, "compare", "RF857", _INSTALL)
    from recform.comparison.compare import Asked, compare
    from recform.comparison.report.content import document

    asked = Asked(alpha, baseline)
    report = Diagnostics()
    if results:
        study = _read(results, lower, report)
    else:
        if output is not None:
            files.spare(output, ending)
        study = train_all(compared, training, asked, report)
    study = _reproducible(study, context)
    found = compare(study.results, asked, report)
    answer.show(report)
    if output is not None:
        common.write_sealed(output, _written(study, found, ending), ending)
    if as_json:
        from recform.comparison.report.data import as_dict

        answer.result(
            as_dict(study, found) | {"report": None if output is None else str(output)}
        )
        return
    from recform.comparison.report.text import render

    render(document(study, found))


_INSTALL = "pip install 'recform[train]'"


def _known(output: Path | None, ending: str) -> None:
    """Raises a CompileError if there can be no report of this name (RF503, RF860)."""
    if output is None:
        return
    if ending in _FORMS:
        if not output.parent.is_dir():  # not told when all is trained
            text = f"{output} cannot be written: there is no folder {output.parent}"
            hint = f"make it first: mkdir -p {output.parent}"
            refuse("RF503", text, hint, file=output.as_posix())
        return
    refuse(
        "RF860",
        f"a report ends in {', '.join(_FORMS)}, not in {ending or 'nothing'!r}",
        f"-o {output.stem or 'report'}.html",
        file=output.as_posix(),
    )


def _asked(networks: Sequence[str], results: Sequence[Path]) -> None:
    """Raises a CompileError unless there are tables or networks, not both (RF851)."""
    table = next((name for name in networks if name.endswith(".csv")), "")
    if bool(results) != bool(networks) and not table:
        return
    if table:
        refuse("RF851", f"{table} is no formula", f"--results {table}")
    if results:
        text = (
            f"{networks[0]} is trained, and {results[0]} was measured: not in one table"
        )
        refuse("RF851", text, "one of them a command")
    hint = "recform compare A.rf B.rf, or --results FILE.csv with measured scores"
    refuse("RF851", "there is nothing to compare", hint)


def _of_use(context: typer.Context, trained: bool) -> None:
    """Raises a BadParameter if an option says nothing of what is asked."""
    training = {item.name for group in (Training, Compared) for item in fields(group)}
    for parameter in context.command.params:
        told = context.params.get(parameter.name or "")
        given = told is not None and told != parameter.default
        if trained and parameter.name == "lower" and given:
            text = "what is trained is compared by its accuracy"
        elif not trained and parameter.name in training and given:
            text = "nothing is trained with --results"
        else:
            continue
        raise typer.BadParameter(text, param_hint=parameter.opts[0])


def _read(results: Sequence[Path], lower: bool, report: Diagnostics) -> Study:
    """What tables of scores say.

    Raises:
        CompileError: if one cannot be read.
    """
    from recform.comparison import Study
    from recform.comparison.results import read

    return Study(read(results, report, lower=lower))


def _words(context: typer.Context) -> Iterator[str]:
    """The command as it could be typed: what is as it would be anyway is left out."""
    yield from ("recform", "compare")
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        shown = parameter.name in ("as_json", "told_as")
        # As 0 is equal to False, and is no default.
        if shown or value is None or value is False or value in ([], parameter.default):
            continue
        for item in value if isinstance(value, list | tuple) else [value]:
            if parameter.param_type_name == "option":
                yield parameter.opts[0]
            if item is not True:
                yield f"{item:g}" if isinstance(item, float) else str(item)


def _reproducible(study: Study, context: typer.Context) -> Study:
    """The study with the command that makes it again, and what it was made with."""
    import platform
    from dataclasses import replace
    from importlib.metadata import version

    from recform.version import __version__

    packages = ["scipy", "statsmodels", "scikit-posthocs", "matplotlib"]
    packages += ["torch", "accelerate"] if study.models else []
    return replace(
        study,
        command=shlex.join(_words(context)),
        versions=(
            ("recform", __version__),
            ("Python", platform.python_version()),
            *((name, version(name)) for name in packages),
        ),
    )


def _written(study: Study, found: Comparison, ending: str) -> str:
    """The report in the form of its ending.

    Raises:
        CompileError: if what draws pictures is missing (RF857).
    """
    if ending == ".json":
        import json

        from recform.comparison.report.data import as_dict

        return json.dumps(as_dict(study, found), indent=2, allow_nan=False) + "\n"
    from recform.comparison.report import html, latex, markdown
    from recform.comparison.report.content import document

    if ending == ".html":
        need("matplotlib", "a report in HTML", "RF857", _INSTALL)
        return html.render(document(study, found))
    render = latex.render if ending == ".tex" else markdown.render
    return render(document(study, found))
