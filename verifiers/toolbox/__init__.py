"""Executes tool calls in the sandbox: what a tool is made of, the programs that run inside, and their results."""
