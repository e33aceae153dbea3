"""From text to frozen nodes: statements, Lark's tree, spans, and errors in plain words."""
