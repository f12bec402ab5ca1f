"""Exercises: manifests, plugins and the catalog."""
