"""Export: a run -> a file for somebody else, as a model, a script or a report."""
