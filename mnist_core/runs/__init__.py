"""Runs: the folder that each one is, the store of all of them, and what can be done with them."""
