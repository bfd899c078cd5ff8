"""One task in every language: a right program, a wrong one, and tests of each kind that a model may write."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Suite:
    """`check` turns an argument and an expected value into one assertion; `frame` makes tests of them."""

    signature: str
    right: str
    wrong: str
    check: str  # {given}, {want}
    frame: str = "{checks}"
    vacuous: str = ""  # like `check`, but anything passes
    flaky: str = ""  # an assertion that depends on chance
    name: str = "clamp_sum"
    stubs: int = 2
    comma: str = ", "

    def tests(self, cases: dict[str, str], form: str = "") -> str:
        checks = [
            (form or self.check).format(given=given, want=want, n=n) for n, (given, want) in enumerate(cases.items())
        ]
        return self.frame.format(checks="\n".join(checks))

    @property
    def cases(self) -> dict[str, str]:
        """Sum of the numbers, but never below 0 and never above 100."""
        return {self._list(given): str(want) for given, want in CASES}

    def _list(self, numbers: tuple[int, ...]) -> str:
        return self.comma.join(map(str, numbers))

    @property
    def good(self) -> str:
        return self.tests(self.cases)

    @property
    def gutted(self) -> str:
        return self.tests(dict(list(self.cases.items())[:2]))

    @property
    def mistaken(self) -> str:
        first, *rest = self.cases.items()
        return self.tests(dict([(first[0], "77"), *rest]))


CASES: tuple[tuple[tuple[int, ...], int], ...] = (
    ((1, 2, 3), 6), ((60, 41), 100), ((-5, 2), 0), ((50, 50), 100), ((99, 0), 99), ((1, -1), 0), ((0, 0, 1), 1),
)  # fmt: skip

JS_RIGHT = """function clamp_sum(numbers) {
  let total = 0;
  for (const number of numbers) {
    total += number;
  }
  if (total < 0) {
    return 0;
  }
  return total > 100 ? 100 : total;
}
"""
TS_RIGHT = JS_RIGHT.replace("(numbers)", "(numbers: number[]): number")
PHP_RIGHT = """<?php
function clamp_sum(array $numbers): int {
    $total = 0;
    foreach ($numbers as $number) {
        $total += $number;
    }
    if ($total < 0) {
        return 0;
    }
    return $total > 100 ? 100 : $total;
}
"""
GO_RIGHT = """package main

func ClampSum(numbers []int) int {
	total := 0
	for _, number := range numbers {
		total += number
	}
	if total < 0 {
		return 0
	}
	if total > 100 {
		return 100
	}
	return total
}
"""
RUST_RIGHT = """fn clamp_sum(numbers: &[i64]) -> i64 {
    let mut total = 0;
    for number in numbers {
        total += number;
    }
    if total < 0 {
        return 0;
    }
    if total > 100 { 100 } else { total }
}
"""
JAVA_RIGHT = """class Solution {
    static int clampSum(int[] numbers) {
        int total = 0;
        for (int number : numbers) {
            total += number;
        }
        if (total < 0) return 0;
        return total > 100 ? 100 : total;
    }
}
"""
CPP_RIGHT = """#include <vector>
int clamp_sum(std::vector<int> numbers) {
    int total = 0;
    for (int number : numbers) total += number;
    if (total < 0) {
        return 0;
    }
    return total > 100 ? 100 : total;
}
"""
C_RIGHT = """#include <stddef.h>
int clamp_sum(const int *numbers, size_t count) {
    int total = 0;
    for (size_t i = 0; i < count; i++) {
        total += numbers[i];
    }
    if (total < 0) return 0;
    return total > 100 ? 100 : total;
}
"""
BASH_RIGHT = """clamp_sum() {
    local total=0 number
    for number in "$@"; do
        total=$((total + number))
    done
    if [ "$total" -lt 0 ]; then
        total=0
    elif [ "$total" -gt 100 ]; then
        total=100
    fi
    echo "$total"
}
"""
SQL_TABLES = "CREATE TABLE numbers (value INTEGER NOT NULL);\n"
SQL_RIGHT = SQL_TABLES + (
    "CREATE VIEW clamp_sum (total) AS\nSELECT CASE WHEN sum(value) < 0 THEN 0 WHEN sum(value) > 100 THEN 100\n"
    "ELSE sum(value) END FROM numbers;\n"
)

SUITES = {
    "javascript": Suite(
        "/**\n * @param {number[]} numbers\n * @returns {number}\n */\nfunction clamp_sum(numbers)",
        JS_RIGHT,
        JS_RIGHT.replace("total > 100", "total > 101"),
        "console.assert(clamp_sum([{given}]) === {want});",
        vacuous="console.assert(clamp_sum([{given}]) !== {n} || true);",
        flaky="console.assert(clamp_sum([1]) === 1 && Math.random() > 0.5);",
        stubs=4,
    ),
    "typescript": Suite(
        "function clamp_sum(numbers: number[]): number;",
        TS_RIGHT,
        TS_RIGHT.replace("total < 0", "total <= 1"),
        "console.assert(clamp_sum([{given}]) === {want});",
        vacuous="console.assert(clamp_sum([{given}]) !== {n} || true);",
        stubs=4,
    ),
    "php": Suite(
        "<?php\nfunction clamp_sum(array $numbers): int {}",
        PHP_RIGHT,
        PHP_RIGHT.replace("$total > 100 ?", "$total > 101 ?"),
        "assert(clamp_sum([{given}]) === {want});",
        vacuous="assert(clamp_sum([{given}]) !== {n} || true);",
        flaky="assert(clamp_sum([1]) === 1 && mt_rand(0, 1) > 0);",
        stubs=4,
    ),
    "go": Suite(
        "func ClampSum(numbers []int) int",
        GO_RIGHT,
        GO_RIGHT.replace("total > 100", "total >= 100").replace("return 100", "return 99"),
        "func TestCase{n}(t *testing.T) {{\n\tif got := ClampSum([]int{{{given}}}); got != {want} {{\n"
        '\t\tt.Fatalf("got %d", got)\n\t}}\n}}\n',
        'package main\n\nimport "testing"\n\n{checks}',
        vacuous="func TestCase{n}(t *testing.T) {{\n\tif got := ClampSum([]int{{{given}}}); got != got {{\n"
        '\t\tt.Fatalf("got %d", got)\n\t}}\n}}\n',
        name="ClampSum",
        stubs=1,
    ),
    "rust": Suite(
        "fn clamp_sum(numbers: &[i64]) -> i64;",
        RUST_RIGHT,
        RUST_RIGHT.replace("total < 0", "total <= 1"),
        "    #[test]\n    fn case_{n}() {{\n        assert_eq!(clamp_sum(&[{given}]), {want});\n    }}",
        "#[cfg(test)]\nmod tests {{\n    use super::*;\n{checks}\n}}\n",
        vacuous="    #[test]\n    fn case_{n}() {{\n        assert!(clamp_sum(&[{given}]) != {n} || true);\n    }}",
        stubs=1,
    ),
    "java": Suite(
        "static int clampSum(int[] numbers)",
        JAVA_RIGHT,
        JAVA_RIGHT.replace("total < 0", "total <= 1"),
        "        assert Solution.clampSum(new int[] {{{given}}}) == {want};",
        "public class Main {{\n    public static void main(String[] args) {{\n{checks}\n    }}\n}}\n",
        vacuous="        assert Solution.clampSum(new int[] {{{given}}}) != {n} || true;",
        name="clampSum",
        stubs=1,
    ),
    "cpp": Suite(
        "#include <vector>\nint clamp_sum(std::vector<int> numbers);",
        CPP_RIGHT,
        CPP_RIGHT.replace("total < 0", "total <= 1"),
        "    assert(clamp_sum({{{given}}}) == {want});",
        "int main() {{\n{checks}\n}}\n",
        vacuous="    assert(clamp_sum({{{given}}}) != {n} || true);",
        stubs=1,
    ),
    "c": Suite(
        "#include <stddef.h>\nint clamp_sum(const int *numbers, size_t count)",
        C_RIGHT,
        C_RIGHT.replace("total < 0", "total <= 1"),
        "    assert(clamp_sum((int[]) {{{given}}}, sizeof((int[]) {{{given}}}) / sizeof(int)) == {want});",
        "int main(void) {{\n{checks}\n    return 0;\n}}\n",
        vacuous="    assert(clamp_sum((int[]) {{{given}}}, 1) != {n} || 1);",
        stubs=2,
    ),
    "bash": Suite(
        "# arguments: the numbers\nclamp_sum()",
        BASH_RIGHT,
        BASH_RIGHT.replace("-lt 0", "-lt 2"),
        '[ "$(clamp_sum {given})" = "{want}" ]',
        vacuous='[ "$(clamp_sum {given})" != "n{n}" ]',
        flaky='[ "$(clamp_sum 1) $((RANDOM % 2))" = "1 1" ]',
        stubs=4,
        comma=" ",
    ),
    "sql": Suite(
        SQL_TABLES + "CREATE VIEW clamp_sum (total) AS ...;",
        SQL_RIGHT,
        SQL_RIGHT.replace("THEN 100", "THEN 101"),
        "DELETE FROM numbers;\nINSERT INTO numbers SELECT value FROM json_each('[{given}]');\n"
        "SELECT total = {want} FROM clamp_sum;",
        vacuous="SELECT count(*) >= 0 FROM clamp_sum WHERE {n} = {n};",
        flaky="DELETE FROM numbers;\nINSERT INTO numbers VALUES (1);\n"
        "SELECT total + abs(random() % 2) = 1 FROM clamp_sum;",
    ),
}
