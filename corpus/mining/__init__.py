"""Mines tools: Python functions with their schemas, found by running them, and real calls of them in code."""
