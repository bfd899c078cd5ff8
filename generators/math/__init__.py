"""Recipes for mathematics."""
