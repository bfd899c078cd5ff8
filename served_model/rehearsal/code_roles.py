"""The prompts of the code recipes, with the faults that are planted in their replies."""

from __future__ import annotations

from served_model.rehearsal.code_player import play_problem, play_solution, play_tests
from served_model.rehearsal.evolve_player import play_evolve
from served_model.rehearsal.judge_player import JUDGE_FAULTS
from served_model.rehearsal.quality_player import play_quality
from served_model.rehearsal.revise_player import play_revise
from served_model.rehearsal.rewrite_player import play_document, play_fidelity, play_rebuild
from served_model.rehearsal.role import Fault, Role, of_tags
from served_model.rehearsal.tongue_player import (
    in_any_language,
    play_problem_in,
    play_revise_in,
    play_solution_in,
    play_tests_in,
)
from served_model.rehearsal.tongues import LANGUAGES
from served_model.rehearsal.translate_player import TRANSLATION_FAULTS, play_translate

PROBLEM = "generators.code/problem"
SOLUTION = "generators.code/solution"
TESTS = "generators.code/tests"
REVISE = "generators.code/revise"
QUALITY = "generators.code/quality"
IMPROVE = "generators.code/improve"
EVOLVE = "generators.code/evolve"
DOCUMENT = "generators.code/document"
REDOCUMENT = "generators.code/redocument"
REBUILD = "generators.code/rebuild"
FIDELITY = "generators.code/fidelity"
TRANSLATE = "generators.code/translate"
RETRANSLATE = "generators.code/retranslate"
TEST_FAULTS = {
    "wrong_tests": Fault(4, "execution"),
    "vacuous_tests": Fault(4, "execution"),
    "tests_swallow_failures": Fault(3, "execution"),
    "syntax_error_in_tests": Fault(2, "execution"),
    "flaky_tests": Fault(3, "execution"),
    "weak_tests": Fault(3, "execution"),
    "no_code_block": Fault(2, "format"),
}
DOCUMENT_FAULTS = {
    "leaks_code": Fault(4, "format"),
    "vague": Fault(2, "execution"),
    "wrong_documentation": Fault(4, "execution"),
    "truncated": Fault(1, "format"),
}

ROLES = (
    Role(
        PROBLEM,
        frozenset({"snippet"}),
        {
            "missing_section": Fault(2, "format"),
            "sections_out_of_order": Fault(2, "format"),
            "truncated": Fault(2, "format"),
        },
        in_any_language(play_problem, play_problem_in),
    ),
    # The costly kinds (each holds a sandbox until its limit) come less often.
    Role(
        SOLUTION,
        frozenset({"problem", "signature"}),
        {
            "wrong_solution": Fault(6, "execution"),
            "syntax_error": Fault(2, "execution"),
            "undefined_name": Fault(2, "execution"),
            "missing_import": Fault(2, "execution"),
            "endless_loop": Fault(1, "execution"),
            "memory_bomb": Fault(1, "execution"),
            "sandbox_attack": Fault(3, "execution"),
            "verdict_spoof": Fault(4, "execution"),
            "poor_style": Fault(3, "judge"),
            "no_code_block": Fault(2, "format"),
            "truncated": Fault(2, "format"),
        },
        in_any_language(play_solution, play_solution_in),
    ),
    Role(TESTS, frozenset({"problem", "signature"}), TEST_FAULTS, of_tags(play_tests)),
    *(
        Role(f"{TESTS}_{language}", frozenset({"problem", "signature"}), TEST_FAULTS, play_tests_in)
        for language in LANGUAGES
    ),
    Role(
        REVISE,
        frozenset({"problem", "signature", "solution", "tests", "feedback"}),
        {
            "gutted_tests": Fault(3, "execution"),
            "still_wrong": Fault(3, "execution"),
            "tests_copy_bug": Fault(4, "execution"),
            "malformed_json": Fault(2, "format"),
            "no_op": Fault(2, "execution"),
        },
        in_any_language(play_revise, play_revise_in),
    ),
    Role(
        EVOLVE,
        frozenset({"problem", "signature", "solution"}),
        {
            "same_problem": Fault(4, "execution"),
            "holds_solution": Fault(2, "format"),
            "missing_section": Fault(1, "format"),
            "truncated": Fault(1, "format"),
        },
        of_tags(play_evolve),
    ),
    Role(TRANSLATE, frozenset({"code"}), TRANSLATION_FAULTS, play_translate),
    Role(RETRANSLATE, frozenset({"code", "translation", "feedback"}), TRANSLATION_FAULTS, play_translate),
    Role(DOCUMENT, frozenset({"code"}), DOCUMENT_FAULTS, of_tags(play_document)),
    Role(REDOCUMENT, frozenset({"code", "documentation", "feedback"}), DOCUMENT_FAULTS, of_tags(play_document)),
    Role(
        REBUILD,
        frozenset({"documentation", "signature"}),
        {
            "wrong_solution": Fault(5, "execution"),
            "syntax_error": Fault(1, "execution"),
            "undefined_name": Fault(2, "execution"),
            "endless_loop": Fault(1, "execution"),
            "verdict_spoof": Fault(2, "execution"),
            "no_code_block": Fault(1, "format"),
            "truncated": Fault(1, "format"),
        },
        of_tags(play_rebuild),
    ),
    Role(
        FIDELITY,
        frozenset({"original", "documentation", "rebuilt"}),
        {"unparsable_judgement": Fault(1, "format")},
        play_fidelity,
    ),
    Role(QUALITY, frozenset({"problem", "signature", "solution"}), JUDGE_FAULTS, play_quality),
    Role(
        IMPROVE,
        frozenset({"problem", "signature", "solution", "review"}),
        {
            "poor_style": Fault(3, "judge"),
            "wrong_solution": Fault(3, "execution"),
            "verdict_spoof": Fault(1, "execution"),
            "no_code_block": Fault(1, "format"),
            "truncated": Fault(1, "format"),
        },
        in_any_language(play_solution, play_solution_in),
    ),
)
