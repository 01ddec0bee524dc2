"""Programs that use the library: published systems built again, and comparisons with other frameworks.

Nothing in the library imports them; the command line runs them.
"""
