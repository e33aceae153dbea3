"""Files with numbers of stages and of blocks, in every place where a number may stand."""

from __future__ import annotations

from random import Random

#: Numbers that need be no whole ones: steps, rates, starts.
REAL = (
    *("a", "g", "k_i", "h_i", "t", "u", "r", "i/L", "1/(i+1)", "j/8", "0.3", "t*g"),
    *("k_i*a", "u/2", "q", "max(t, 0.2)", "r*k_i", "L/100", "sin(i)^2", "k_1"),
    *("(t+u)/3", "1/j"),
)
#: Whole ones above 0: sizes.
WHOLE = ("w", "m", "b", "2", "1", "2*m", "m+b", "w*b", "j")
#: The same inside of a definition, which has no block.
REAL_INSIDE = ("a", "g", "r", "0.3", "r*a", "q", "z")
WHOLE_INSIDE = ("w", "2", "1", "min(w,3)")
OPERATORS = {
    "image": (
        *(
            "conv(2*({n})-1, {width})",
            "dwconv(3, multiplier={n})",
            "conv(3, dilation={n})",
        ),
        *("wsconv(3, gain={x})", "bn(eps=0.01*({x}))", "pad({n}) > conv(3)"),
        *(
            "conv(1, {width}, bias=true)",
            "gn(1, eps=0.1*({x}))",
            "prelu(start=0.1*({x}))",
        ),
    ),
    "vector": ("linear({width})", "linear({width}, bias=false)", "repeat({n})"),
}
ANYWHERE = (
    *("dropout(({x})*0.1)", "droppath(0.1*({x}))", "elu({x})", "leaky_relu({x})"),
    *("append({x})", "ln(eps=0.01*({x}))"),
)
EQUATIONS = (
    "X_i = X_<i-1> + W_i*X_<i-1>",
    "X_i = {x}*X_<i-1> + W_i*X_<i-1>",
    "X_i = X_<i-1> + {x}*W_i*X_<i-1> + U_i*({y}*X_<i-1>)",
    "X_i = W_i*X_<i-1> + {x}*U_<i-1>*X_<i-2>",
    "X_i = X_<i-1> + U*W_i*X_<i-1>",
    "X_i = X_<i-1> + V_i*X_<i-1>\nV = E > {last}",
    "X_i = X_<i-1> + V_i*X_<i-1>\nV = E(z={x}) > {last}",
    "X_i = W_i*X_<i-1> + X_<i-1>\nX_1 = W_1*X_0 + W_0*X_0",
    "X_i = ({x} + {y}*W_i)*X_<i-1>",
    "X_i = W_i*X_<i-1> + p_i*X_<i-1>\nscalar p_i = {x}",
    "X_i = W_i*concat(X_<i-1>, {x})",
    "X_i = W_i*X_<i-1> + X_<i-1>\nX_2 = {x}*X_1",
)
DEFINITIONS = (
    "E(x, z=2) = P*x + z*x where P = {row} > {last}",
    "E(x, z={x}) = z*x + tanh(P*x) where P = {row} > {last}",
    "E(x, z=1.5) = z*P*x where P = {row}",
    "E(x, z=0.5) = P*x*e where P = {row}, scalar e = 0.5",
)


def files(random: Random) -> str:
    """A file with constants of all kinds and the operators that take them."""
    image = random.random() < 0.35
    layout, last = ("image", "conv(1, {})") if image else ("vector", "linear({})")
    depths = random.choice(((3,), (1,), (2, 3), (2, 1, 2)))
    stages = [f"4 x {depths[0]}"]
    for depth in depths[1:]:
        finer = " / 2" if image and random.random() < 0.5 else ""
        stages.append(f"{random.choice((4, 4, 8))} x {depth}{finer}")
    text = (
        "input 3 x 12 x 12\nstem conv(3, c)\n" if image else "input 4\nstem linear(c)\n"
    )
    head = "avgpool > dropout(r) > linear(3)" if image else "dropout(r) > linear(3)"
    text += f"head {random.choice(('none', head))}\nstages {', '.join(stages)}\n"
    text += "scope stage\n" * (random.random() < 0.3)
    text += "param r = 0.3\nparam w = 2\nconst a = 0.7\nconst g = a/2\n"
    blocks, per_stage = sum(depths), len(depths)
    text += f"const t = {_table(random, (0.1, 0.5, '1/3', 'a', 'r'), per_stage)} per stage\n"
    text += f"const m = {_table(random, (1, 2, 3), per_stage)} per stage\n"
    text += f"const u = {_table(random, (0.1, 0.5, 1, 2, 'a'), blocks)} per block\n"
    text += f"const b = {_table(random, (1, 2), blocks)} per block\n"
    text += "const k_i = 1/(i+1)\n"
    text += f"const h_i = {random.choice(('k_i*a', 'sin(i)', 'L/10', 'k_i*r'))}\n"
    text += f"const q = {random.choice(('k_1', 'a^2', 'r/2', '0.2'))}\n"
    inner = _row(random, layout, inside=True)
    inside = {"x": random.choice(REAL[:2]), "row": inner, "last": last.format("cin")}
    text += random.choice(DEFINITIONS).format(**inside) + "\n"
    end = "conv(1, c, stride=s)" if image else "linear(c)"
    for letter in "WU":
        text += f"{letter} = {_row(random, layout, inside=False)} > {end}\n"
    x, y = random.choice(REAL), random.choice(REAL)
    return text + random.choice(EQUATIONS).format(x=x, y=y, last=end) + "\n"


def _table(random: Random, values: tuple[object, ...], count: int) -> str:
    chosen = [str(random.choice(values)) for _ in range(count)]
    return f"({', '.join(chosen)}{',' * (count == 1)})"


def _row(random: Random, layout: str, inside: bool) -> str:
    return " > ".join(_one(random, layout, inside) for _ in range(random.randint(1, 3)))


def _one(random: Random, layout: str, inside: bool) -> str:
    whole = random.choice(WHOLE_INSIDE if inside else WHOLE)
    real = random.choice(REAL_INSIDE if inside else REAL)
    times = "cin" if inside else random.choice(("c", "cin", "4"))
    width = random.choice((f"{whole}*{times}", whole))
    operator = random.choice((*ANYWHERE, *OPERATORS[layout]))
    return operator.format(n=whole, x=real, width=width)
