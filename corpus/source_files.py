"""Which files a source-code corpus consists of: the standard library, a folder, a file, or a glob."""

from __future__ import annotations

import glob
import os
import sys
import sysconfig
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from corpus.errors import CorpusError

STDLIB = "stdlib"

LANGUAGES = {
    ".py": "python",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".ts": "typescript",
    ".java": "java",
    ".go": "go",
    ".rs": "rust",
    ".c": "c",
    ".h": "c",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".cxx": "cpp",
    ".hpp": "cpp",
    ".php": "php",
    ".sh": "bash",
    ".bash": "bash",
    ".sql": "sql",
}

# Not written as source to be read: other people's packages, tests, vendored copies, build data, tables.
SKIPPED_FOLDERS = frozenset({
    "__pycache__", "node_modules", "site-packages", "dist-packages", "venv", "build", "dist", "target", "vendor",
})  # fmt: skip
STDLIB_SKIPPED = frozenset({
    "__phello__", "ensurepip", "encodings", "idlelib", "idle_test", "lib-dynload", "lib2to3", "msilib", "pydoc_data",
    "site-packages", "dist-packages", "test", "tests", "turtledemo", "__pycache__",
})  # fmt: skip
STDLIB_SKIPPED_PREFIXES = ("config-", "_sysconfigdata")


@dataclass(frozen=True, slots=True)
class Corpus:
    """The files of one corpus, as sorted POSIX paths relative to `root`."""

    root: Path
    label: str  # how a seed's source begins; never an absolute path
    licence: str
    files: tuple[str, ...]


def find_files(pattern: str, licence: str, suffixes: Collection[str] = LANGUAGES.keys()) -> Corpus:
    """The corpus that `pattern` names; of a folder, the files with the suffixes. Raises CorpusError where it names
    nothing."""
    if pattern == STDLIB and suffixes == LANGUAGES.keys():
        return _stdlib()
    root, rest = _split(pattern)
    try:
        if root.is_file():
            root, files = root.parent, [root.name]
        elif root.is_dir():
            files = _glob(root, rest) if rest else _walk(root, suffixes)
        else:
            remedy = "no such file or folder; give a folder, a file, a glob, or 'stdlib'"
            raise CorpusError(pattern, None, "corpus", remedy)
    except (OSError, ValueError) as error:
        raise CorpusError(pattern, None, "corpus", f"it cannot be searched: {error}") from error
    if not files:
        raise CorpusError(pattern, None, "corpus", "it holds no such file; known suffixes: " + " ".join(suffixes))
    return Corpus(root, root.resolve().name or "corpus", licence, tuple(sorted(set(files))))


def _split(pattern: str) -> tuple[Path, str]:
    """The leading folders that hold no wildcard, and the rest, which is empty for a plain path."""
    parts = Path(pattern).parts
    magic = next((index for index, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return Path(*parts[:magic]), "/".join(parts[magic:])


def _glob(root: Path, rest: str) -> list[str]:
    """What the glob names, without caches and hidden files, as a shell would have it."""
    found = (file.relative_to(root) for file in root.glob(rest) if file.is_file())
    return [file.as_posix() for file in found if not any(part.startswith((".", "__pycache__")) for part in file.parts)]


def _walk(root: Path, suffixes: Collection[str]) -> list[str]:
    files = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS and not name.startswith(".")]
        files += [Path(folder, name) for name in names if Path(name).suffix in suffixes]
    return [file.relative_to(root).as_posix() for file in files if file.is_file()]


def _stdlib() -> Corpus:
    """Python files of the running interpreter's library, without its tests, tools and tables."""
    root = Path(sysconfig.get_paths()["stdlib"])
    files = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if _in_stdlib(name)]
        files += [Path(folder, name) for name in names if name.endswith(".py") and _in_stdlib(name)]
    if not files:
        raise CorpusError(STDLIB, None, "corpus", "this interpreter has no library sources; name a folder")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    label = f"{sys.implementation.name}-{version} stdlib"
    return Corpus(root, label, "PSF-2.0", tuple(sorted(file.relative_to(root).as_posix() for file in files)))


def _in_stdlib(name: str) -> bool:
    return name not in STDLIB_SKIPPED and not name.startswith(STDLIB_SKIPPED_PREFIXES)
