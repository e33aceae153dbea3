"""Modules in containers: parts whose names begin alike, networks that are one row."""
