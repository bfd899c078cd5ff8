"""Example environments for stateful tool tasks. One is a Python file with a SCHEMA and functions over a database.

Such a file is text for the sandbox and is never imported here. `SCHEMA` is the SQL (SQLite) that makes the first state;
every public function with `db: sqlite3.Connection` as its first parameter is a tool. The other parameters need an
annotation, the function a docstring. A function that raises leaves the database as it was; its error is the result.
"""
