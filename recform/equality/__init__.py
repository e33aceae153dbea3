"""Whether two networks are equal: proved for every depth, or shown by a case that differs."""
