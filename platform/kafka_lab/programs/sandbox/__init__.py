"""Sandboxes: where the programs and builds of strangers run.

``kinds`` says which there are and chooses one; ``box`` is a running one, seen from the harness;
``inside`` is its first process.
"""
