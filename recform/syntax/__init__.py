"""From text to frozen nodes: statements, trees, spans, and errors in plain words."""
