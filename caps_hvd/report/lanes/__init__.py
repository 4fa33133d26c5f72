"""Reports on lanes: plans, measured seconds, and searches."""
