"""Runs inside the sandbox: values to try a function with, by kind, and the JSON Schema of each kind."""

from __future__ import annotations

from typing import Any

SAMPLES: dict[str, list[Any]] = {
    "string": [
        "hello world",
        "2024-03-15",
        "The quick brown fox, jumping",
        "17",
        "a",
        "reports/q3 summary.txt",
        "https://example.org/shop?item=7&lang=en#top",
        "192.168.1.10",
        "Ann Lee <ann@example.org>",
        "12.5",
        '{"city": "Oslo", "size": 3}',
        "Fri, 15 Mar 2024 10:30:00 +0000",
        "4a6f",
        "x = [1, 2]",
        "%Y-%m-%d",
    ],
    "integer": [12, 3, 7, 2024, 1],
    "number": [2.5, 0.5, 19.99],
    "numbers": [[3, 1, 4, 1, 5], [12.5, 7.25, 9.0], [2, 4]],
    "strings": [["pear", "apple", "fig"], ["x", "y"]],
    "object": [{"a": 1, "b": 2}, {"city": "Oslo"}],
    "boolean": [True, False],
    "bytes": ["hello world", "aGVsbG8=", "4a6f686e", "MFRGG===", "=41=42", "a"],
}
BORDERS: dict[str, list[Any]] = {  # values of a good type that many functions refuse
    "number": [-1, 0, -2.5, 1e300],
    "integer": [-1, 0, 10**12],
    "array": [[]],
    "string": ["", "no such thing", "("],
}
ERRORS = ("ValueError", "ZeroDivisionError", "OverflowError", "IndexError", "KeyError", "StatisticsError")
ANNOTATIONS = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "dict": "object",
    "bytes": "bytes",
}

SCHEMAS: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "numbers": {"type": "array", "items": {"type": "number"}},
    "strings": {"type": "array", "items": {"type": "string"}},
    "object": {"type": "object"},
    "boolean": {"type": "boolean"},
    "bytes": {"type": "string"},
}
