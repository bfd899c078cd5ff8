"""Code out of free text: the shapes that models write, and which block counts as the solution."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.code_blocks import fenced, find_blocks, language_of, outside_fences, pick_solution

F = "def f(x):\n    return x + 1\n"
G = "def g(x):\n    return x\n"

# (what it is, reply, expected code)
PICKED = [
    ("one block", f"```python\n{F}```", F),
    ("prose around", f"Think first.\n\n```python\n{F}```\nDone: it is linear.", F),
    ("short tag", f"```py\n{F}```", F),
    ("capital tag", f"```Python3\n{F}```", F),
    ("tag with attributes", f"```python title=a.py\n{F}```", F),
    ("tag in braces", f"```python{{linenos}}\n{F}```", F),
    ("no tag", f"```\n{F}```", F),
    ("tilde fence", f"~~~python\n{F}~~~", F),
    ("carriage returns", f"```python\r\n{F}```\r\n".replace("\n", "\r\n").replace("\r\r", "\r"), F),
    ("usage after it", f"```python\n{F}```\nUse it:\n```python\nprint(f(1))\n```", F),
    ("usage before it", f"```python\nf(1)\n```\n```python\n{F}```", F),
    ("corrected version comes last", f"```python\n{F}```\nWait.\n```python\n{F}# better\n```", f"{F}# better\n"),
    ("helper block longer than the solution", f"```python\n{G}{G}{G}```\n```python\n{F}```", F),
    ("other language first", f"```bash\npip install f\n```\n```python\n{F}```", F),
    ("text block and tagged block", f"```text\n{G}{G}\n```\n```python\n{F}```", F),
    ("tagged goes before untagged", f"```\n{F}# out\n```\n```python\n{F}```", F),
    ("shorter fence inside", f'````python\n{F}"""\n```\n"""\n````', f'{F}"""\n```\n"""\n'),
    ("fence with longer closing", f"```python\n{F}`````", F),
    ("indented in a list", "1. So:\n   ```python\n   def f(x):\n       return x + 1\n   ```", F),
    ("no fence at all", f"{F}", F),
    ("no fence, prose before and after", f"Here is the code:\n\n{F}\nThis adds one.", F),
    ("closed goes before unclosed", f"```python\n{F}```\n```python\ndef f(x):\n    retu", F),
]

NONE = [
    ("empty", ""),
    ("prose", "I would loop over the list and add the numbers."),
    ("prose that begins with a keyword-like word", "Definitely not code.\nImportant: class is over."),
    ("empty block", "```python\n```"),
    ("blank block", "```python\n\n   \n```"),
    ("only other languages", "```javascript\nlet a = 1;\n```"),
    ("inline code", "Use `f(x)` and ```f``` here."),
]


@pytest.mark.parametrize(("reply", "code"), [case[1:] for case in PICKED], ids=[case[0] for case in PICKED])
def test_the_solution_is_found(reply: str, code: str) -> None:
    block = pick_solution(reply, "python", "f")
    assert block is not None
    assert (block.code, block.closed) == (code, True)


@pytest.mark.parametrize("reply", [case[1] for case in NONE], ids=[case[0] for case in NONE])
def test_no_code_is_none(reply: str) -> None:
    assert pick_solution(reply, "python", "f") is None


def test_an_unclosed_block_is_given_as_such() -> None:
    block = pick_solution(f"Here:\n```python\n{F}    # and th", "python", "f")
    assert block is not None
    assert (block.code, block.closed) == (f"{F}    # and th\n", False)


def test_without_an_entry_point_the_longest_block_counts() -> None:
    block = pick_solution(f"```python\n{F}{G}```\n```python\nf(1)\n```", "python")
    assert block is not None and block.code == F + G


def test_unfenced_text_of_other_languages_is_not_guessed_at() -> None:
    assert pick_solution("function f(x) { return x; }", "javascript", "f") is None


def test_headings_in_code_are_inside() -> None:
    text = "## Problem\n```python\n## not a heading\n```\n## Signature\n"
    assert outside_fences(text) == [(0, "## Problem"), (4, "## Signature")]


@pytest.mark.parametrize(
    ("tag", "language"), [("Py3", "python"), ("JS", "javascript"), ("c++", "cpp"), ("cobol", "cobol")]
)
def test_spellings_of_languages(tag: str, language: str) -> None:
    assert language_of(tag) == language


@given(st.text(alphabet=st.sampled_from("`~\n ab#\"'def f(x):\r\t"), max_size=200))
def test_any_code_survives_being_fenced(code: str) -> None:
    wanted = code.replace("\r\n", "\n").replace("\r", "\n").rstrip()
    (block,) = find_blocks(fenced(wanted, "python"))
    assert block.closed
    assert block.code.rstrip() == wanted


@given(st.text(alphabet=st.sampled_from("`~\n ab#def f(x):\r\tpython"), max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    for block in find_blocks(text):
        assert block.code == "" or block.code.endswith("\n")
    pick_solution(text, "python", "f")
