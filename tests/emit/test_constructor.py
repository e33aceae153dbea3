"""What a constructor takes makes the network that `--set` makes; all else is no argument."""

from __future__ import annotations

import ast
from inspect import signature

import pytest
import torch

import recform
from recform.compiler import compile_source, from_text
from recform.target import Target

#: Where a parameter stands, besides in the head.
ELSEWHERE = {
    "a coefficient": "X_i = X_<i-1> + W_i*X_<i-1>/k",
    "an index": "X_i = X_<i-1> + W_i*X_<i-k>",
    "the end of a sum": "X_i = W_i*X_<i-1> + sum(j, 1, k, X_<i-j>)",
    "a boundary": "X_i = X_<i-1> + W_i*X_<i-1>\nX_1 = k*X_0",
    "a coefficient at a time": "times 2\nX_<i,t> = X_<i-1,t> + k*W_i*X_<i-1,t>\n"
    "output X_<L,2>",
    "the output": "X_i = X_<i-1> + W_i*X_<i-1>\noutput X_L/k",
    "a constant": "X_i = X_<i-1> + a_i*W_i*X_<i-1>\nconst a_i = k/i",
    "a start": "X_i = X_<i-1> + a_i*W_i*X_<i-1>\nscalar a_i = k",
    "a rule of init": "X_i = X_<i-1> + W_i*X_<i-1>\ninit conv = normal(std=k)",
    "an equation of a definition": "X_i = X_<i-1> + F_i*X_<i-1>\nF(x) = x/k",
    "its default": "X_i = X_<i-1> + F_i*X_<i-1>\nF(x, r=k) = x/r",
    "a definition's default": "X_i = X_<i-1> + F_i*X_<i-1>\n"
    "F(r=k) = W > dropout(1/(r + 1))",
    "what a definition is given": "X_i = X_<i-1> + V_i*X_<i-1>\nV = F(k)\n"
    "F(r=3) = W > dropout(1/(r + 1))",
    "another parameter": "param other = 2*k\nX_i = X_<i-1> + W_i*X_<i-1>\n"
    "W = conv(3, c) > dropout(1/other)",
}
FRAME = "param k = {}\ninput 3 x 6 x 6\nstages 4 x 4\nhead avgpool > linear(5*k)\n"
BLOCK = "W = conv(3, c)\n"


def shown(network: torch.nn.Module) -> tuple[object, ...]:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 6, 6)
    return network(x).tolist(), str(network), list(network.state_dict())


def made(text: str, k: int) -> torch.nn.Module:
    torch.manual_seed(0)
    return recform.load(text.format(k))


@pytest.mark.parametrize("where", ELSEWHERE)
def test_what_a_network_is_built_by_is_no_argument(where: str) -> None:
    own = ELSEWHERE[where]
    text = FRAME + (own if "W = " in own else own + "\n" + BLOCK)
    assert "k" not in signature(type(made(text, 2))).parameters


@pytest.mark.parametrize("where", ELSEWHERE)
def test_flows_of_definitions_have_the_number_that_a_network_is_built_by(
    where: str,
) -> None:
    """A rate in one was an argument of the block, and none of the network: RF901."""
    own = ELSEWHERE[where].replace("X_i = ", "X_i = D_i*X_<i-1> + ", 1)
    inside = "D(x) = x + P*x where P = E > conv(1, cin)\n"
    inside += "E(x, q=2) = q*P*x where P = conv(2*k - 1, cin) > dropout(1/(k + 4))"
    text = FRAME + (own if "W = " in own else own + "\n" + BLOCK) + f"\n{inside}\n"
    rates = [m.p for m in made(text, 2).modules() if isinstance(m, torch.nn.Dropout)]
    assert (1 / 6 in rates) == ("D_i" in own)


@pytest.mark.parametrize(
    "own",
    (
        "X_i = X_<i-1> + W_i*X_<i-1>\n" + BLOCK,
        "X_i = X_<i-1> + W_i*X_<i-1>\nW = conv(3, c) > dropout(1/k)",
        "X_i = X_<i-1> + F_i*X_<i-1>\nF(x) = x + A*x where A = conv(3) > dropout(i/L/k)",
    ),
    ids=("head", "rate", "definition"),
)
def test_an_argument_does_what_set_does(own: str) -> None:
    text = FRAME + own
    network = type(made(text, 2))
    torch.manual_seed(0)
    assert shown(network(k=3)) == shown(made(text, 3))


@pytest.mark.parametrize(
    "head",
    (
        "avgpool > linear(k) > relu > linear(10)",
        "conv(1, 3*k) > bn > relu > avgpool > dropout(0.5) > linear(10, bias=false)",
    ),
    ids=("features", "channels"),
)
def test_an_argument_of_timms_in_front_of_the_classifier_does_what_set_does(
    head: str,
) -> None:
    text = f"{FRAME}X_i = X_<i-1> + W_i*X_<i-1>\n{BLOCK}head {head}"
    text = text.replace("head avgpool > linear(5*k)\n", "")
    sizes = []
    for k, given in ((2, {"k": 3}), (3, {})):
        (made,) = compile_source(from_text(text.format(k)), target=Target(timm=True))
        network = made.module(**given)
        network.reset_classifier(7)
        told = network.num_features, network.head_hidden_size, network.feature_info
        x = torch.zeros(1, 3, 6, 6)
        assert network.forward_features(x).shape[1] == network.num_features
        got = network.forward_head(network.forward_features(x), pre_logits=True)
        assert got.shape[1] == network.head_hidden_size
        sizes.append((str(network), told, network(x).shape))
    assert sizes[0] == sizes[1]


def test_an_argument_may_be_negative() -> None:
    text = (
        "param k = {}\ninput 3 x 6 x 6\nstages 4 x 2\nhead avgpool > linear(2)\n"
        "X_i = X_<i-1> + W_i*X_<i-1>\n"
        "W = append(abs(k)) > append(sqrt(k^2)) > conv(3, c)"
    )
    assert shown(made(text, -2)) == shown(made(text, 2))


@pytest.mark.parametrize("value", ("-0.5", "-3", "2.5", "3"))
def test_an_argument_of_a_definition_may_be_negative_or_a_fraction(value: str) -> None:
    """It was taken for a size: abs(r) and floor(r) were r."""
    frame = "input 3 x 6 x 6\nstages 4 x 2\nhead avgpool > linear(2)\n"
    body = "append(abs({r})) > append(floor({r})) > append({r}) > conv(3, cin)"
    told = f"F(x, r={value}) = x + A*x\n    where A = {body.format(r='r')}\nX_i = "
    number = f"F(x) = x + A*x\n    where A = {body.format(r=f'({value})')}\nX_i = "
    torch.manual_seed(0)
    named = recform.load(f"{frame}{told}F(X_<i-1>)")
    torch.manual_seed(0)
    plain = recform.load(f"{frame}{number}F(X_<i-1>)")
    x = torch.randn(2, 3, 6, 6)
    assert torch.equal(named(x), plain(x))


def test_the_stride_of_a_block_stands_before_those_of_adapters() -> None:
    text = (
        "stages 8 x 2, 16 x 2 / 2\nW = conv(3, c, stride=s)\nG = conv(3, c)\n"
        "X_i = W_i*X_<i-1> + G_i*X_<i-2>"
    )
    assert "stride: int = 1, gx_stride: int = 1" in recform.compile(text).source


def parameters(text: str) -> dict[str, list[str]]:
    """The parameters of each constructor, by its class."""
    found = {}
    for kind in ast.parse(recform.compile(text).source).body:
        for made in kind.body if isinstance(kind, ast.ClassDef) else []:
            if isinstance(made, ast.FunctionDef) and made.name == "__init__":
                takes = ast.unparse(made.args).removeprefix("self")
                found[kind.name] = takes.removeprefix(", ").split(", ")
    return found


@pytest.mark.parametrize("lag", [2, 3, 8, 17])
def test_a_block_takes_what_comes_in_what_it_makes_and_then_what_is_older(
    lag: int,
) -> None:
    text = (
        f"input 8\nstages 8 x {lag + 1}, 12 x 1, 16 x {lag + 1}\nW = linear(c)\n"
        f"X_i = W_i*X_<i-1> + X_<i-{lag}>"
    )
    step = parameters(text)["Step"]
    assert step == [
        "in_features: int",
        "features: int",
        f"x_prev{lag}_features: int",
    ]


def test_the_width_of_the_block_has_its_name_wherever_else_adapters_lead() -> None:
    """The sum of older tensors is formed in the width of the stage before."""
    text = (
        "stages 16 x 3, 32 x 3 / 2\nW = conv(3, c, stride=s)\nscalar a_i = 0.3\n"
        "V_i = 0.9*V_<i-1> + W_i*X_<i-1>\n"
        "X_i = X_<i-1> + V_i + sum(k, 1, 3, a_k*X_<i-k>)\noutput X_L"
    )
    made = recform.compile(text).source
    assert "self.W = WBlock(in_channels, channels, stride=stride)" in made
    assert "channels2" not in made


def test_what_comes_in_through_adapters_alone_is_called_so() -> None:
    text = "input 16\nstages 16 x 2, 24 x 3\nX_i = relu(X_<i-1>) + X_<i-2>"
    assert parameters(text)["Step"] == [
        "in_features: int",
        "features: int",
        "x_prev2_features: int",
    ]


def test_numbers_without_a_name_are_features_alone() -> None:
    text = (
        "input 16 x 12\nstages 8 x 3, 12 x 3\nconst kernel = (3, 5) per stage\n"
        "stem linear(c) > positions\n"
        "W = linear(c) > droppath(0.2*i/L)\n"
        "X_i = X_<i-1> + W_i*X_<i-1> + kernel*X_<i-2>"
    )
    calls = [
        node
        for node in ast.walk(ast.parse(recform.compile(text).source))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("WBlock", "Step", "Stem", "SecondStep")
    ]
    own = parameters(text)
    for call in calls:
        names = [item.split(":")[0] for item in own.get(ast.unparse(call.func), [])]
        for name, given in zip(names, call.args, strict=False):
            assert (
                "features" in name or "channels" in name or ast.unparse(given) == name
            )


@pytest.mark.parametrize("rate", [0, 1, 0.5])
def test_a_rate_is_no_whole_number_whatever_the_file_says(rate: float) -> None:
    text = (
        f"param drop = {rate}\nparam deep = {rate}\nstages 8 x 3\n"
        "SE(x, ratio=2, p=0) = x*sigmoid(G*x)\n"
        "    where G = avgpool > linear(cin/ratio) > dropout(p) > linear(cin)\n"
        "W = conv(3, c) > dropout(drop) > SE > droppath(deep*i/L)\n"
        "head avgpool > dropout(drop) > linear(classes)\nparam classes = 10\n"
        "X_i = X_<i-1> + W_i*X_<i-1>"
    )
    made = parameters(text)
    *_, whole = made.values()
    shown = float(rate)
    assert whole[1:] == [
        f"drop: float={shown}",
        f"deep: float={shown}",
        "classes: int=10",
    ]
    assert made["SE"] == ["in_channels: int", "ratio: int=2", "p: float=0.0"]
    assert "drop: float" in made["WBlock"]


def test_what_counts_in_a_rate_is_a_whole_number() -> None:
    text = (
        "param total = 17\nstages 8 x 3\n"
        "W = conv(3, c) > droppath(0.1*i/total)\n"
        "X_i = X_<i-1> + W_i*X_<i-1>"
    )
    *_, whole = parameters(text).values()
    assert whole[1] == "total: int=17"
