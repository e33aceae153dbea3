"""RF7: weights."""

from __future__ import annotations

from recform.diagnostics.catalogue.entry import Entry

ENTRIES = {
    "RF701": Entry(
        "not a file of weights",
        "The file is no safetensors file, a part of one, or what it says of its formula "
        "is damaged.",
        command="head -c 100 /dev/zero > cut.safetensors; "
        "recform transplant cut.safetensors net.rf",
    ),
    "RF702": Entry(
        "weights of another formula",
        "The file says that its weights are of another formula. Comments, spaces and names "
        "do not count.",
        command='python -c "import recform as r; '
        "one, two = map(r.compile, ('X_i = W_i*X_<i-1>', 'X_i = (1 + W_i)*X_<i-1>')); "
        "r.save_weights(one.module(), one, 'one.safetensors'); "
        "r.load_weights(two.module(), two, 'one.safetensors')\" 2>&1 | "
        "sed -n '/RF702/,$p' >&2",
    ),
    "RF703": Entry(
        "tensors do not fit",
        "The file, or the module, does not have the tensors of the network.",
        command="python -c \"import recform as r; one = r.compile('net.rf'); "
        "r.save_weights(one.module(classes=5), one, 'one.safetensors'); "
        "r.load_weights(one.module(), one, 'one.safetensors')\" 2>&1 | "
        "sed -n '/RF703/,$p' >&2",
    ),
    "RF704": Entry(
        "the formula of a file of weights",
        "The file was written with operators or statements that are not known here.",
        command="python -c \"import recform as r; one = r.compile('net.rf'); "
        "r.save_weights(one.module(), one, 'one.safetensors')\"; "
        "sed -i 's/W_i/W i/' one.safetensors; "
        "recform transplant one.safetensors net.rf",
    ),
    "RF705": Entry(
        "no tensor in common",
        "No tensor of the file is for anything in the network, or has another shape.",
        command='python -c "import torch; from safetensors.torch import save_file; '
        "save_file({'weight': torch.zeros(2)}, 'other.safetensors')\"; "
        "recform transplant other.safetensors net.rf",
    ),
    "RF706": Entry(
        "a network that asks for numbers",
        "What a parameter is for is found out by running the network on tensors without "
        "numbers. An operator of a plugin that looks at numbers cannot be run so.",
        command="printf 'from recform.blocks import Emitted, Operator\\n\\n"
        'class Peek(Operator):\\n    name = "peek"\\n    about = "looks at the sum"\\n\\n'
        "    def emit(self, x, a):\\n"
        '        return Emitted("{x} * float({x}.sum())")\\n\' > peek.py; '
        "printf 'W = conv(3, c, stride=s) > peek\\nX_i = W_i*X_<i-1>\\n' > peek.rf; "
        'python -c "import torch; from safetensors.torch import save_file; '
        "save_file({'weight': torch.zeros(2)}, 'other.safetensors')\"; "
        "recform transplant other.safetensors net.rf --from peek.rf --plugin peek.py",
    ),
    "RF707": Entry(
        "numbers that are none",
        "Tensors that are taken hold an infinite number, or one that is no number (NaN): "
        "the network that they were trained in diverged. A warning.",
        command="python -c \"import recform as r; one = r.compile('net.rf'); "
        "m = one.module(); m.head.fc.bias.data[0] = float('nan'); "
        "r.save_weights(m, one, 'one.safetensors')\"; "
        "recform transplant one.safetensors net.rf > out.txt",
    ),
    "RF708": Entry(
        "another precision",
        "Tensors that are taken are of another precision than the network's. They are "
        "converted when they are loaded into a module, and stay what they are in a file "
        "that `recform transplant` writes. A warning.",
        command="python -c \"import recform as r; one = r.compile('net.rf'); "
        "m = one.module(); m.head.half(); "
        "r.save_weights(m, one, 'one.safetensors')\"; "
        "recform transplant one.safetensors net.rf > out.txt",
    ),
}
