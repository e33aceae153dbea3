"""A module held against its formula: emitted, freshly or in a file, and by the equations."""
