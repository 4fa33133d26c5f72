"""The files that a run, a sweep and a search leave behind: names, schemas, readers."""
