"""How weights start: what a constructor does with modules, and what `init` says of them.

The loops with which a network's constructor ends are not run, for they change no module
that the proof knows: they are read as a table. What it says has to be what follows from the
formula's rules, by the operators that the network may run.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from recform.algebra.definitions.body import every_step
from recform.algebra.formula import InitRule
from recform.algebra.pipeline import Pipeline
from recform.execution.forms import Unreadable
from recform.execution.library import Start
from recform.graph.model import NetworkGraph

#: A call that starts a weight: its function and what that is given.
Call: TypeAlias = tuple[str, tuple[object, ...], tuple[tuple[str, object], ...]]
#: For a label (empty for none), a class and an attribute, what is called in this order.
Starts: TypeAlias = Mapping[tuple[str, str, str], tuple[Call, ...]]
#: Learned scalars, and what each starts with.
Learns: TypeAlias = "Counter[tuple[str, Start | None]]"


def starts_in(loops: Iterable[ast.For]) -> Starts:
    """What the loops over a network's modules do.

    Raises:
        Unreadable: if there is something that no generated file has.
    """
    found: dict[tuple[str, str, str], tuple[Call, ...]] = {}
    by_label = False
    for loop in loops:
        labels: Sequence[str] = ("",)
        others: Sequence[str] = ()
        branch: Sequence[ast.stmt]
        match loop:
            case ast.For(
                target=ast.Name(id=module),
                iter=ast.Call(func=ast.Attribute(attr="modules"), args=[], keywords=[]),
                body=[ast.If() as branch_],
            ) if not by_label:  # what has a label comes last
                told: str | None = None
            case ast.For(
                target=ast.Tuple(elts=[ast.Name(id=name), ast.Name(id=module)]),
                iter=ast.Call(
                    func=ast.Attribute(attr="named_modules"), args=[], keywords=[]
                ),
                body=[
                    ast.Assign(targets=[ast.Name(id=letter)], value=test),
                    ast.If() as branch_,
                ],
            ):
                labels, others = _labels(test, name)
                told = letter
                if labels == ("",) and by_label:
                    raise Unreadable(ast.unparse(loop))
                by_label = labels != ("",)
            case _:
                raise Unreadable(ast.unparse(loop))
        done: set[str] = set()
        branch = [branch_]
        while branch:
            match branch:
                case [ast.If() as case]:
                    classes = _classes(case.test, module, told)
                case _:
                    raise Unreadable(ast.unparse(loop))
            for attribute, calls in _calls(case.body, module).items():
                for kind in classes:
                    if kind not in done:
                        keys = [(label, kind, attribute) for label in labels]
                        # Of two rules for a weight the later one would be the last word.
                        if not found.keys().isdisjoint(keys):
                            raise Unreadable(ast.unparse(loop))
                        found |= dict.fromkeys(keys, calls)
                        found |= {(label, kind, attribute): () for label in others}
            done.update(classes)
            branch = case.orelse
    return found


def reset_in(kind: ast.ClassDef) -> tuple[ast.FunctionDef | None, tuple[Call, ...]]:
    """The method that puts a new last layer in place, and how it starts its weight.

    Raises:
        Unreadable: if it does anything else.
    """
    for node in kind.body:
        if isinstance(node, ast.FunctionDef) and node.name == "reset_classifier":
            match node.body:
                case [ast.Expr(value=above), ast.Assign() as got, ast.If() as case] if (
                    ast.unparse(above)
                    == "super().reset_classifier(num_classes, global_pool)"
                    and ast.unparse(got) == "classifier = self.get_classifier()"
                    and ast.unparse(case.test) == "isinstance(classifier, nn.Linear)"
                    and not case.orelse
                ):
                    found = _calls(case.body, "classifier")
                    if list(found) == ["weight"]:
                        return node, found["weight"]
            raise Unreadable(ast.unparse(node))
    return None, ()


def _labels(test: ast.expr, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The labels of which a module's name has to have one at its end, or has to have none.

    All that has none of some is of no label.
    """
    match test:
        case ast.Compare(left=left, ops=[how], comparators=[other]) if (
            ast.unparse(left) == f"{name}.rpartition('.')[2]"
        ):
            match how, other:
                case ast.Eq() | ast.NotEq(), ast.Constant(value=str() as label):
                    found: tuple[str, ...] = (label,)
                case ast.In() | ast.NotIn(), ast.Tuple(elts=elements):
                    found = tuple(ast.literal_eval(item) for item in elements)
                case _:
                    raise Unreadable(ast.unparse(test))
            is_among = isinstance(how, ast.Eq | ast.In)
            return (found, ()) if is_among else (("",), found)
    raise Unreadable(ast.unparse(test))


def _classes(test: ast.expr, module: str, told: str | None) -> list[str]:
    """The classes of which a module has to be."""
    match test:
        case ast.BoolOp(op=ast.And(), values=[ast.Name(id=first), more]) if (
            told == first
        ):
            return _classes(more, module, None)
        case ast.Call(
            func=ast.Name(id="isinstance"), args=[ast.Name(id=name), kind], keywords=[]
        ) if name == module and told is None:
            kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
            return list(map(ast.unparse, kinds))
    raise Unreadable(ast.unparse(test))


def _calls(
    statements: Iterable[ast.stmt], module: str
) -> Mapping[str, tuple[Call, ...]]:
    """What is called for each attribute of a module."""
    found: dict[str, tuple[Call, ...]] = {}
    for statement in statements:
        match statement:
            case ast.Expr(
                value=ast.Call(
                    func=func,
                    args=[
                        ast.Attribute(value=ast.Name(id=name), attr=attribute),
                        *more,
                    ],
                    keywords=words,
                )
            ) if name == module and ast.unparse(func).startswith("nn.init."):
                function = ast.unparse(func).removeprefix("nn.init.")
            case ast.Expr(
                value=ast.Call(
                    func=ast.Attribute(
                        value=ast.Attribute(
                            value=ast.Attribute(
                                value=ast.Name(id=name), attr=attribute
                            ),
                            attr="data",
                        ),
                        attr="mul_" as function,
                    ),
                    args=more,
                    keywords=words,
                )
            ) if name == module:
                pass
            case _:
                raise Unreadable(ast.unparse(statement))
        given = tuple(_literal(item) for item in more)
        named = tuple(sorted((str(w.arg), _literal(w.value)) for w in words))
        found[attribute] = (*found.get(attribute, ()), (function, given, named))
    return found


def _literal(node: ast.expr) -> object:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        raise Unreadable(ast.unparse(node)) from None
    return float(value) if isinstance(value, int | float) else value


def starts_of(network: NetworkGraph) -> Starts:
    """What follows from the rules of a formula, for all that it has; often nothing."""
    rules = network.recurrence.formula.init
    found: dict[tuple[str, str, str], tuple[Call, ...]] = {}
    for pipeline in _pipelines(network):
        for step in every_step(pipeline):
            label = step.label.rpartition(".")[2]
            for weights in step.operator.weights:
                # A name that it would have anyway is no label of its author's.
                named = (label,) if label not in ("", weights.kind) else ()
                for said in ("", *named):
                    rule = rules.get(said or weights.kind)
                    if said and rule is None:
                        rule = rules.get(weights.kind)
                    for kind in weights.modules:
                        found[said, kind, weights.name] = _said(rule)
    return found


def _pipelines(network: NetworkGraph) -> Iterator[Pipeline]:
    """Those that the network may run."""
    formula = network.recurrence.formula
    found: list[Pipeline | None] = [formula.stem, formula.head]
    found += formula.operators.values()
    if any(s.block.sites for stage in network.stages for s in stage.segments):
        found += [formula.adapter, formula.rise]
    if network.transitions:
        found += [formula.transition, formula.lift]
    return (pipeline for pipeline in found if pipeline is not None)


def _said(rule: InitRule | None) -> tuple[Call, ...]:
    """What torch calls a rule; it has no gain for most of them."""
    if rule is None or rule.rule == "torch":
        return ()
    numbers = {name: float(value) for name, value in rule.numbers}
    gain = numbers.pop("gain", 1.0)
    named: dict[str, object] = {k: v for k, v in numbers.items() if k != "value"}
    given = tuple(v for k, v in numbers.items() if k == "value")
    if rule.mode:
        named |= {"mode": rule.mode, "nonlinearity": "relu"}
    own = rule.rule.startswith("xavier")
    if own and gain != 1:
        named["gain"] = gain
    first = (f"{rule.rule}_", given, tuple(sorted(named.items())))
    return (first,) if own or gain == 1 else (first, ("mul_", (gain,), ()))


def odd_starts(code: Learns, said: Learns) -> list[tuple[str, Start | None]]:
    """The learned scalars that one side alone has, or that start there in another way."""
    written, wanted = list((code - said).elements()), list((said - code).elements())
    for name, start in tuple(written):
        like = [(n, s) for n, s in wanted if n == name and _is_near(start, s)]
        if like:
            written.remove((name, start))
            wanted.remove(like[0])
    return [*written, *wanted]


def _is_near(written: Start | None, exact: Start | None) -> bool:
    return written is not None and exact is not None and written.is_near(exact)
