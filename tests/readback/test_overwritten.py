"""What code writes over is nobody else's: faults in a network for inference are found."""

from __future__ import annotations

import ast

import pytest

import recform
from recform.classes.network import plan_network
from recform.diagnostics import CompileError
from recform.emit.checked import check
from recform.emit.module import printed
from recform.execution.forms import Changed, Made, Table
from recform.execution.overwritten import Overwritten
from recform.plan.namespace import Namespace

FRAME = "stages 4 x 4\nW = conv(3, c) > relu > conv(3, c) > bn\n"
ADDED = "self.W(x_prev).add_(x_prev)"
#: Code of a block that hands on its sum, and what it could be instead; whether that is
#: the same network.
ADDING = {
    "as it is": (ADDED, True),
    "twice": (f"{ADDED}.add_(x_prev).sub_(x_prev)", True),
    "as a statement": (
        "x = self.W(x_prev)\n        x += x_prev\n        return x",
        True,
    ),
    "not in place": ("self.W(x_prev) + x_prev", True),
    "taken off again": (
        "w = self.W(x_prev)\n        y = w.add_(x_prev)\n        z = y - x_prev\n"
        "        return z + x_prev",
        True,
    ),
    "taken off again in place": (
        "x = self.W(x_prev).add_(x_prev).sub_(x_prev)\n        return x + x_prev",
        True,
    ),
    "taken off again in place, and the one before it read": (
        "w = self.W(x_prev)\n        y = [w]\n        x = w.add_(x_prev).sub_(x_prev)\n"
        "        return y[0] + x_prev",
        False,
    ),
    "taken off again, and the one before it read": (
        "w = self.W(x_prev)\n        y = w.add_(x_prev)\n        z = y - x_prev\n"
        "        return w + x_prev",
        False,
    ),
    "taken off again, and written over": (
        "w = self.W(x_prev)\n        y = w.add_(x_prev)\n        z = y - x_prev\n"
        "        u = z.add_(x_prev)\n        return z + x_prev",
        False,
    ),
    "the other one": ("x_prev.add_(self.W(x_prev))", False),
    "the other one, as a statement": (
        "x = self.W(x_prev)\n        x_prev += x\n        return x_prev",
        False,
    ),
    "what no operator makes": ("F.relu(x_prev).sub_(x_prev)", False),
    "too often": (f"{ADDED}.add_(x_prev)", False),
    "the other sign": (ADDED.replace("add_", "sub_"), False),
    "with a factor": (ADDED.replace("add_(x_prev)", "add_(x_prev, alpha=2)"), False),
}
READ = "wx = self.W(x_prev)  # rf:3\n        x = wx + wx_prev  # rf:3"
#: Likewise of a block that hands on what it makes for its sum as well.
READING = {
    "not in place": (READ, True),
    "in place": ("wx = self.W(x_prev)\n        x = wx.add_(wx_prev)", False),
    "as a statement": (
        "wx = self.W(x_prev)\n        x = wx\n        x += wx_prev",
        False,
    ),
    "under another name": (
        "wx = self.W(x_prev)\n        y = wx\n        x = y.add_(wx_prev)",
        False,
    ),
    "as part of a list": (
        "wx = self.W(x_prev)\n        y = [wx]\n        x = wx.add_(wx_prev)\n"
        "        wx = y[0]",
        False,
    ),
    "as a view": (
        "wx = self.W(x_prev)\n        y = wx.chunk(1, dim=1)\n"
        "        x = wx.add_(wx_prev)\n        (wx,) = y",
        False,
    ),
}
#: Code of a block whose equation is `relu(W_i*X_<i-1> + X_<i-1>) + X_<i-1>`, in place.
SUMMED = "return F.relu(self.W(x_prev).add_(x_prev), inplace=True) + x_prev"
FUNCTIONS = {
    "as it is": (SUMMED, True),
    "of a sum with a name": (
        "s = self.W(x_prev) + x_prev\n        s = F.relu(s, inplace=True)\n"
        "        return s + x_prev",
        True,
    ),
    "of a sum that is there twice": (
        "s = self.W(x_prev) + x_prev\n        return F.relu(s, inplace=True) + s"
        " - self.W(x_prev)",
        False,
    ),
    "of the other one": (
        f"unread = F.relu(x_prev, inplace=True)\n        {SUMMED}",
        False,
    ),
    "by another name": (f"unread = F.relu_(x_prev)\n        {SUMMED}", False),
    "by a method": (f"unread = x_prev.relu_()\n        {SUMMED}", False),
    "without a word": (f"unread = F.relu(x_prev, True)\n        {SUMMED}", False),
    "by a module": (
        f"unread = nn.ReLU(inplace=True)(x_prev)\n        {SUMMED}",
        False,
    ),
    "by dropout": (
        f"unread = F.dropout(x_prev, 0.0, inplace=True)\n        {SUMMED}",
        False,
    ),
    "of a name for it": (
        "s = self.W(x_prev) + x_prev\n        t = [s]\n"
        "        x = F.relu(s, inplace=True)\n        (s,) = t\n"
        "        unread = s + 1\n        return x + x_prev",
        False,
    ),
    "of a view of it": (
        "s = self.W(x_prev) + x_prev\n        t = s.chunk(1, dim=1)\n"
        "        x = F.relu(s, inplace=True)\n        (s,) = t\n"
        "        unread = s + 1\n        return x + x_prev",
        False,
    ),
    "of a sum that is computed again": (
        "s = self.W(x_prev) + x_prev\n        t = x_prev + 0.5*x_prev\n"
        "        u = 1.5*x_prev\n        unread = F.relu(t, inplace=True) + u\n"
        "        return F.relu(s, inplace=True) + x_prev",
        True,
    ),
}


def _check(right: str, old: str, new: str) -> None:
    graph = recform.compile(f"{FRAME}{right}", inference=True).graph
    plan = plan_network(graph, Namespace())
    code = printed([plan])
    assert old in code, code
    check([graph], [plan], ast.parse(code.replace(old, new)))


@pytest.mark.parametrize("what", ADDING)
def test_a_sum_in_place(what: str) -> None:
    new, same = ADDING[what]
    new = new if "return" in new else f"return {new}"
    right = "X_i = W_i*X_<i-1> + X_<i-1>"
    if same:
        _check(right, f"return {ADDED}", new)
    else:
        with pytest.raises(CompileError, match="RF901"):
            _check(right, f"return {ADDED}", new)


@pytest.mark.parametrize("what", READING)
def test_what_is_read_later(what: str) -> None:
    new, same = READING[what]
    right = "X_i = W_i*X_<i-1> + W_<i-1>*X_<i-2>"
    if same:
        _check(right, READ, new)
    else:
        with pytest.raises(CompileError, match="RF901"):
            _check(right, READ, new)


@pytest.mark.parametrize("what", FUNCTIONS)
def test_functions_in_place(what: str) -> None:
    new, same = FUNCTIONS[what]
    right = "X_i = relu(W_i*X_<i-1> + X_<i-1>) + X_<i-1>"
    if same:
        _check(right, f"{SUMMED}", new)
    else:
        with pytest.raises(CompileError, match="RF901"):
            _check(right, f"{SUMMED}", new)


#: Of terms of which one is left: their sum is a tensor of its own all the same.
LEFT = "F.relu(2 * x_prev - x_prev, inplace=True)"
CANCELLED = {
    "as it is": (f"return {LEFT}", True),
    "with a name": (
        "s = 2*x_prev - x_prev\n        return F.relu(s, inplace=True)",
        True,
    ),
    "the term itself": ("return F.relu(x_prev, inplace=True)", False),
    "a name of the term": (
        "s = x_prev\n        return F.relu(s, inplace=True)",
        False,
    ),
    "a product of the term": (
        "unread = 2*x_prev - x_prev\n        return F.relu(x_prev, inplace=True)",
        False,
    ),
    "read again": (
        "s = 2*x_prev - x_prev\n        t = F.relu(s, inplace=True)\n"
        "        unread = s + 1\n        return t",
        False,
    ),
    "a part that may be a view": (
        "s = 2*x_prev - x_prev\n        (t,) = s.chunk(1, dim=1)\n"
        "        return F.relu(s, inplace=True) + t - x_prev",
        False,
    ),
    "another shape of it": (
        "s = 2*x_prev - x_prev\n        t = s.expand(-1, -1, -1, -1)\n"
        "        unread = t\n        return F.relu(s, inplace=True)",
        False,
    ),
    "twice": (
        "s = 2*x_prev - x_prev\n        unread = F.relu(s, inplace=True)\n"
        "        return F.relu(s, inplace=True)",
        False,
    ),
}


@pytest.mark.parametrize("what", CANCELLED)
def test_terms_that_cancel(what: str) -> None:
    new, same = CANCELLED[what]
    right = "X_i = relu(2*X_<i-1> - X_<i-1>)"
    if same:
        _check(right, f"return {LEFT}", new)
    else:
        with pytest.raises(CompileError, match="RF901"):
            _check(right, f"return {LEFT}", new)


@pytest.mark.parametrize("view", ("chunk(1, dim=1)", "flatten(1)"))
def test_a_view_of_a_multiple(view: str) -> None:
    """Of a sum that is one term with another factor."""
    right, left = "relu(3*X_<i-1> - X_<i-1>)", LEFT.replace("2", "3")
    code = f"s = 3*x_prev - x_prev\n        t = s.{view}\n        "
    code += "u = F.relu(s, inplace=True)\n        unread = t\n        return u"
    _check(f"X_i = {right}", f"return {left}", f"return {left}")
    with pytest.raises(CompileError, match="RF901"):
        _check(f"X_i = {right}", f"return {left}", code)


@pytest.mark.parametrize(
    "right",
    [
        "X_<i-1> + W_i*X_<i-1> + W_i*i*X_<i-1>",
        "W_i*X_<i-1> + relu(W_i*i*X_<i-1>)",
        "relu(X_<i-1> + W_i*X_<i-1>) + W_i*i*X_<i-1>",
        "W_i*X_<i-1> + W_i*i*X_<i-1> + W_i*i^2*X_<i-1>",
        "0.5*X_<i-1> - mean(X_<i-1> + X_<i-2> - Z_i, X_<i-2>)\n"
        "Z_i = W_i*X_<i-1> + 0.5*Z_<i-1>\noutput X_L",
        "X_<i-1> + W_i*X_<i-1> - max(X_<i-1>, U_i*X_<i-2>)\noutput X_L + X_<L-1>",
    ],
)
def test_an_equal_call_that_runs_again(right: str) -> None:
    """In block 1 all calls get the same, and each of them may be written over."""
    for frame in ("stages 4 x 3\n", "stages 4 x 1\nW = conv(3, c)\n", FRAME):
        recform.compile(f"{frame}X_i = {right}", inference=True).module()


def test_equal_calls_are_told_apart() -> None:
    table = Table()
    seen = Overwritten(table)
    call = table.node("call", Made(("nn.Conv2d", 4.0)), "x")
    first, second, other = (
        seen.made({call: 1.0}),
        seen.made({call: 1.0}),
        {call: 1.0},
    )
    seen.add(first)
    seen.check(second)
    for lost in (first, other, table.atom("item", table.frozen(second), 0.0)):
        with pytest.raises(Changed):
            seen.check(lost)
    with pytest.raises(Changed):
        seen.add(other)
    seen.add(second)
    with pytest.raises(Changed):
        seen.check(second)
    with pytest.raises(Changed):
        seen.add(second)


def test_another_value_may_be_that_of_any_equal_call() -> None:
    table = Table()
    seen = Overwritten(table)
    call = table.node("call", Made(("nn.Conv2d", 4.0)), "x")
    values = [seen.made({call: 1.0}) for _ in range(2)]
    seen.add({call: 1.0})
    for value in values:
        with pytest.raises(Changed):
            seen.check(value)
