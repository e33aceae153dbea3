"""The lines for Neovim in docs/editors.md, where it is installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

NEOVIM = shutil.which("nvim")
WRONG = "stem conv(3, 64) > rleu\nW = conv( 3, c,stride=s)>bn\nX_i = X_<i-1> + W_i*X_<i-1>\n"
MENDED = """\
stem    conv(3, 64) > relu
F = conv(3, c, stride=s) > bn
X_i = X_<i-1> + F_i*X_<i-1>
"""
#: What somebody does; each waits for what is to be seen of it.
STEPS = """
local seen = {}
local function wait(what, found)
  local value
  vim.wait(30000, function() value = found() return value and value ~= 0 end, 20)
  seen[what] = value
end
local function line(number) return vim.fn.getline(number) end
wait("codes", function()
  local found = vim.diagnostic.get(0)
  return #found > 0 and vim.tbl_map(function(item) return item.code end, found)
end)
vim.fn.cursor(1, 21)
vim.lsp.buf.code_action({ apply = true })
wait("fixed", function() return line(1):find("relu") end)
wait("good", function() return #vim.diagnostic.get(0) == 0 end)
vim.fn.cursor(2, 1)
vim.lsp.buf.hover()
wait("hover", function()
  for _, window in ipairs(vim.api.nvim_list_wins()) do
    if vim.api.nvim_win_get_config(window).relative ~= "" then
      local text = vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(window), 0, -1, true)
      vim.api.nvim_win_close(window, true)
      return table.concat(text, " ")
    end
  end
end)
vim.lsp.buf.rename("F")
wait("renamed", function() return line(2):find("^F") end)
vim.lsp.buf.format()
wait("formatted", function() return line(1):find("^stem    ") end)
wait("hints", function() return #vim.lsp.inlay_hint.get({ bufnr = 0 }) end)
-- While a script waits, Neovim does not tell that the text has changed.
vim.cmd("doautocmd TextChanged")
wait("lens", function()
  local found = vim.lsp.codelens.get(0)[1]
  return found and found.command and found.command.title
end)
wait("colours", function() return #(vim.lsp.semantic_tokens.get_at_pos(0, 0, 8) or {}) end)
seen.text = table.concat(vim.fn.getline(1, "$"), "\\n") .. "\\n"
vim.cmd("normal ggjgcc")
seen.comment = line(2)
vim.fn.writefile({ vim.json.encode(seen) }, "seen.json")
vim.cmd("qa!")
"""


@pytest.mark.skipif(NEOVIM is None, reason="Neovim is not installed")
def test_the_documented_lines(tmp_path: Path) -> None:
    text = (REPOSITORY / "docs" / "editors.md").read_text()
    (documented,) = re.findall(r"```lua\n(.*?)```", text, re.DOTALL)
    # The server of this Python.
    command = json.dumps([sys.executable, "-m", "recform", "lsp"])
    lines = documented.replace('{ "recform", "lsp" }', f"{{{command[1:-1]}}}")
    assert lines != documented
    (tmp_path / "init.lua").write_text(lines)
    (tmp_path / "steps.lua").write_text(STEPS)
    (tmp_path / "wrong.rf").write_text(WRONG)
    words = ["--headless", "-i", "NONE", "-n", "-u", "init.lua", "wrong.rf"]
    home = {f"XDG_{name}_HOME": str(tmp_path) for name in ("CONFIG", "DATA", "STATE")}
    done = subprocess.run(
        [str(NEOVIM), *words, "-c", "luafile steps.lua"],
        cwd=tmp_path,
        env={**os.environ, **home, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (tmp_path / "seen.json").exists(), done.stderr
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen["codes"] == ["RF202"]
    assert seen["text"] == MENDED
    assert seen["hover"].startswith("`W`: operator")
    assert seen["lens"].startswith("order 1 · state: 1 tensor · ")
    assert seen["hints"] > 0 and seen["colours"] > 0
    assert seen["comment"] == "# F = conv(3, c, stride=s) > bn"
