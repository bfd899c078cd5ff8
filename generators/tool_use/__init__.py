"""Recipes for tool use: every call is executed in the sandbox, every result is real."""
