"""Recipes for code: problems from real snippets, proved by execution."""
