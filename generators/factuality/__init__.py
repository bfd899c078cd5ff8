"""Factuality: what a model knows is probed, and it learns to answer that, and to say so where it does not know."""
