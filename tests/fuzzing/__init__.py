"""Mutated files for each loader; `python -m tests.fuzzing --help` says how to run more of them."""
