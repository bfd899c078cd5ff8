"""Plays writer, solver and reviser of code in other languages than Python, with the faults of the Python players."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from served_model.rehearsal.bank import recognise
from served_model.rehearsal.code_player import UNKNOWN_PROBLEM, draft_problem
from served_model.rehearsal.draft import CannotAnswer, Draft
from served_model.rehearsal.revise_player import revision_reply
from served_model.rehearsal.role import Asked, Play
from served_model.rehearsal.tongue_tests import WRITERS, cases_of, write_copied, write_gutted, write_right
from served_model.rehearsal.tongues import Tongue, draw_task_in, families_in

Tags = Mapping[str, str]
POSED_IN = re.compile(r"^Invent one task in (\w+),", re.MULTILINE)
HEADERS = {"go": re.compile(r"^func ", re.MULTILINE), "javascript": re.compile(r"^function ", re.MULTILINE)}
WRONG = ("when_large", "always")
# What a program does before its wrong result, by fault and variant. `$first` is its first parameter.
DEEDS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "javascript": {
        "endless_loop": {"while": "while ($first !== undefined) {}"},
        "memory_bomb": {
            "arrays": "const hoard = [];\n  while (true) hoard.push(new Array(1 << 18).fill(hoard.length));"
        },
        "sandbox_attack": {
            "kill_all": "try { process.kill(-1, 'SIGKILL'); } catch (error) { /* not allowed */ }",
            "write_outside": "try { require('fs').writeFileSync('/etc/passwd', ''); } catch (error) {}",
            "spawn": "try { require('child_process').execSync('rm -rf /'); } catch (error) { /* not allowed */ }",
        },
        "verdict_spoof": {
            "exit": "process.exit(0);",
            "silenced_assert": "console.assert = () => {};",
            "printed": "console.log('all tests passed');",
        },
        "undefined_name": {"helper": "$first = prepare_$first($first);"},
        "missing_import": {"module": "$first = util.isDeepStrictEqual($first, null) ? $first : $first;"},
    },
    "go": {
        "endless_loop": {"for": "for {\n\t}"},
        "memory_bomb": {
            "slices": "hoard := [][]byte{}\n\tfor {\n\t\tblock := make([]byte, 1<<24)\n\t\tfor place := range block {\n"
            "\t\t\tblock[place] = 1\n\t\t}\n\t\thoard = append(hoard, block)\n\t}"
        },
        "sandbox_attack": {"remove_all": 'os.RemoveAll("/")', "write_outside": 'os.WriteFile("/etc/passwd", nil, 0)'},
        "verdict_spoof": {"exit": "os.Exit(0)", "printed": 'fmt.Println("PASS")'},
        "undefined_name": {"helper": "$first = prepare_$first($first)"},
        "missing_import": {"package": '_ = strings.TrimSpace(" ")'},
    },
}
IMPORTED = {"os.": "os", "fmt.": "fmt"}


def in_any_language(python: Callable[[Tags, Random, str | None], Draft], other: Play) -> Play:
    """A player that leaves what is not Python to `other`."""

    def play(asked: Asked, rng: Random, fault: str | None) -> Draft:
        return other(asked, rng, fault) if language_of(asked) else python(asked.tags, rng, fault)

    return play


def language_of(asked: Asked) -> str:
    """The language of the task; empty for Python."""
    signature = asked.tags.get("signature", "")
    for language, header in HEADERS.items():
        if header.search(signature):
            return language
    found = [POSED_IN.search(str(message.get("content", ""))) for message in asked.messages]
    named = [match[1] for match in found if match and match[1] != "python"]
    return named[0] if named and not signature else ""


def known_tongue(asked: Asked) -> Tongue | None:
    """The task; None for one that is not in the bank, or not in this language."""
    language = language_of(asked)
    task = recognise(asked.tags.get("problem", ""), asked.tags.get("signature", ""))
    if task is None or language not in HEADERS or task.family not in families_in(language) or task.twist:
        return None
    return Tongue(language, task)


def _known(asked: Asked) -> Tongue:
    """Raises CannotAnswer for a task that it does not know."""
    tongue = known_tongue(asked)
    if tongue is None:
        raise CannotAnswer(UNKNOWN_PROBLEM)
    return tongue


def fenced(tongue: Tongue, code: str) -> str:
    """The code as a fenced block of the language."""
    return f"```{tongue.language}\n{code.strip(chr(10))}\n```"


def play_problem_in(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """The sections Problem and Signature. Raises CannotAnswer for a language without a bank."""
    language = language_of(asked)
    if language not in HEADERS:
        raise CannotAnswer(f"I know no tasks in {language}: I am the rehearsal model.")
    snippet = asked.tags.get("snippet", "")
    tongue = Tongue(language, draw_task_in(language, snippet, rng))
    detail = {"family": tongue.task.family.name, "language": language}
    return draft_problem((snippet, tongue.task.problem, fenced(tongue, tongue.signature)), detail, rng, fault)


def play_solution_in(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """Reasoning in prose and one code block."""
    tongue = _known(asked)
    detail: dict[str, Any] = {"family": tongue.task.family.name, "language": tongue.language}
    reasoning = f"{tongue.task.family.idea} The inputs that deserve care are empty ones and those on a boundary."
    if fault == "no_code_block":
        return Draft(f"{reasoning}\n\nWith this plan the function is easy to write down.", detail=detail)
    program, more = _program(tongue, rng, fault)
    text = f"{reasoning}\n\n{fenced(tongue, program)}"
    if fault == "truncated":
        start = text.index("```") + len(tongue.language) + 3
        return Draft(text[: start + rng.randint(10, (len(text) - start) // 2)], "length", detail=detail)
    return Draft(text, detail={**detail, **more})


def _program(tongue: Tongue, rng: Random, fault: str | None) -> tuple[str, dict[str, Any]]:
    if fault == "wrong_solution":
        wrong = wrong_kind(tongue, rng)
        return tongue.program(wrong), {"wrong": wrong}
    if fault == "poor_style":
        return tongue.poor(), {"harm": tongue.poor().strip()}
    if fault == "syntax_error":
        return tongue.program().rstrip().removesuffix("}") + "\n", {"variant": "open_brace"}
    variants = DEEDS[tongue.language].get(fault or "")
    if variants is None:
        return tongue.program(), {}
    variant = rng.choice(sorted(variants))
    return _with_deed(tongue, variants[variant]), {"variant": variant}


def _with_deed(tongue: Tongue, deed: str) -> str:
    """A program that does something else first, and returns wrong results after it."""
    go = tongue.language == "go"
    head = f"{tongue.signature.splitlines()[-1]} {{\n"
    deed = deed.replace("$first", tongue.task.parameters[0])
    program = tongue.program("always").replace(head, f"{head}{chr(9) if go else '  '}{deed}\n", 1)
    for use, name in IMPORTED.items():
        if go and use in deed:
            program = program.replace("package main\n", f'package main\n\nimport "{name}"\n', 1)
    return program


def wrong_kind(tongue: Tongue, rng: Random) -> str:
    """A kind of wrong program that the task's own inputs find."""
    right = tongue.outputs()
    return rng.choice([kind for kind in WRONG if tongue.outputs(kind) != right])


def play_tests_in(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """One code block of tests."""
    tongue = _known(asked)
    opening = "These tests cover the example, empty and small inputs, and the boundaries of the rule."
    detail = {"family": tongue.task.family.name, "language": tongue.language}
    if fault == "no_code_block":
        return Draft(f"{opening} Each one calls the function and compares the result.", detail=detail)
    writer = WRITERS.get(fault or "")
    source, more = writer(tongue, rng) if writer else (write_right(tongue, cases_of(tongue)), {})
    return Draft(f"{opening}\n\n{fenced(tongue, source)}", detail={**detail, **more})


def play_revise_in(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """A JSON object with `diagnosis`, `explanation`, `change` and `code`, as the Python reviser's."""
    try:
        tongue = _known(asked)
    except CannotAnswer as error:
        raise CannotAnswer(revision_reply(error.text, "solution", asked.tags.get("solution", ""))) from None
    solution, tests = asked.tags.get("solution", ""), asked.tags.get("tests", "")
    detail = {"family": tongue.task.family.name, "language": tongue.language}
    right = _same(solution, tongue.program())
    if fault == "gutted_tests":
        text = revision_reply("The tests are stricter than the problem.", "tests", write_gutted(tongue))
    elif fault == "no_op" and not (right and "Independent solutions" in asked.tags.get("feedback", "")):
        part = "tests" if right else "solution"
        text = revision_reply("It looks right to me as it is.", part, tests if right else solution)
    elif fault == "tests_copy_bug":
        text = revision_reply(
            "The tests expected something else.", "tests", write_copied(tongue, _wrong(tongue, solution))
        )
    elif fault in ("still_wrong", "no_op"):
        others = [kind for kind in WRONG if not _same(solution, tongue.program(kind)) and _tells(tongue, kind)]
        text = revision_reply("One condition was wrong.", "solution", tongue.program((others or WRONG)[0]))
    else:
        text = _honest(tongue, right)
        text = text[: rng.randint(2, len(text) - 2)] if fault == "malformed_json" else text
    return Draft(text, detail=detail)


def _honest(tongue: Tongue, right: bool) -> str:
    if right:
        return revision_reply("An expectation of the tests is wrong.", "tests", write_right(tongue, cases_of(tongue)))
    return revision_reply("The solution does not do what is asked.", "solution", tongue.program())


def _wrong(tongue: Tongue, solution: str) -> str:
    """The kind of wrong program that the solution is; else the first that the inputs find."""
    same = [kind for kind in WRONG if _same(solution, tongue.program(kind))]
    return (same or [kind for kind in WRONG if _tells(tongue, kind)])[0]


def _tells(tongue: Tongue, kind: str) -> bool:
    return tongue.outputs(kind) != tongue.outputs()


def _same(one: str, other: str) -> bool:
    return "".join(one.split()) == "".join(other.split())
