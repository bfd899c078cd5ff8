"""Tests of a program that may be hostile: the tests run in one process, the program in another, values cross."""
