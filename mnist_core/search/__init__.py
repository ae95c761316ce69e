"""A study: many runs of one configuration of which some settings vary, and what came of them.

Each trial is a run like others (``runs``), trained in a worker like others (``training``). What to
try next follows from the trials so far alone (``suggest``), so that a study can be taken up by any
process, whatever became of the one before. One process, the conductor, asks for runs and writes
down what came of them; all others read.
"""
