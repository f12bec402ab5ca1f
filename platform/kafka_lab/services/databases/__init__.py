"""Databases from the system's packages."""
