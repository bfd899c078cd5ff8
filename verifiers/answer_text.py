r"""Brings an answer's notation to one form: LaTeX layout, Unicode signs and spacing go, the mathematics stays.

`canonical` keeps the LaTeX that carries meaning (`\frac`, `\sqrt`, braces), so that both the readers here and the
symbolic library can go on from it.
"""

from __future__ import annotations

import re
from itertools import accumulate

SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
SUPERSCRIPT_RUN = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+")
SIGNS = str.maketrans(
    {
        "−": "-",
        "–": "-",
        "—": "-",
        "‐": "-",
        "×": r" \times ",
        "·": r" \cdot ",
        "⋅": r" \cdot ",
        "÷": "/",
        "⁄": "/",
        "∕": "/",
        "∞": r" \infty ",
        "π": r" \pi ",
        "θ": r" \theta ",
        "≤": r" \le ",
        "≥": r" \ge ",
        "≠": r" \neq ",
        "∪": r" \cup ",
        "∩": r" \cap ",
        "∅": r" \emptyset ",
        "±": r" \pm ",
        "≈": r" \approx ",
        "°": r"^{\circ}",
        "\u00a0": " ",
        "\u2009": " ",
        "\u202f": " ",
        "“": '"',
        "”": '"',
        "’": "'",
        "‘": "'",
        **{chr(0xFF10 + digit): str(digit) for digit in range(10)},  # full-width digits
        **{
            character: f" {top}/{bottom}"
            for character, top, bottom in (
                ("½", 1, 2),
                ("⅓", 1, 3),
                ("⅔", 2, 3),
                ("¼", 1, 4),
                ("¾", 3, 4),
                ("⅕", 1, 5),
                ("⅖", 2, 5),
                ("⅗", 3, 5),
                ("⅘", 4, 5),
                ("⅙", 1, 6),
                ("⅚", 5, 6),
                ("⅛", 1, 8),
                ("⅜", 3, 8),
                ("⅝", 5, 8),
                ("⅞", 7, 8),
            )
        },
    }
)
ROOT_SIGN = re.compile(r"√\s*(?:\(([^()]*)\)|([\w.]+))")
REWRITES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?<=\d)\s*(?:\{,\}|\\,|\\!,?\\?!?|,\\!)\s*(?=\d{3}(?!\d))", ","),  # thousands in LaTeX
        (r"\\(?:left|right|big|Big|bigg|Bigg|bigl|bigr|displaystyle|textstyle|limits)(?![A-Za-z])\s*\.?", ""),
        (r"(?<!\\)\\(?:[,;:!> ]|quad\b|qquad\b|thinspace\b)|~|&nbsp;", " "),
        (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
        (r"\\(?:leq|leqslant)(?![A-Za-z])|<=|=<", r"\\le "),
        (r"\\(?:geq|geqslant)(?![A-Za-z])|>=", r"\\ge "),
        (r"\\ne(?![A-Za-z])|!=", r"\\neq "),
        (r"\\lt(?![A-Za-z])", "<"),
        (r"\\gt(?![A-Za-z])", ">"),
        (r"\\(?:varnothing|O)(?![A-Za-z])|\\\{\s*\\\}", r"\\emptyset "),
        (r"\\(?:lbrace)(?![A-Za-z])", r"\\{"),
        (r"\\(?:rbrace)(?![A-Za-z])", r"\\}"),
        (r"\\(?:lbrack)(?![A-Za-z])", "["),
        (r"\\(?:rbrack)(?![A-Za-z])", "]"),
        (r"\^\s*\{?\s*(?:\\circ|\\degree)\s*\}?|\\degree(?![A-Za-z])", " degrees "),
        (r"\\(?:%|pct)|\\?%", "%"),
        (
            r"\\frac\s*\{\s*\\(?:text|mathrm)\{([^{}]*)\}(\^\{?\d\}?)?\s*\}\{\s*\\(?:text|mathrm)\{([^{}]*)\}(\^\{?\d\}?)?\s*\}",
            r" \1\2/\3\4 ",  # metres per second as a fraction
        ),
        (r"\\(?:text|mathrm|textrm|mbox|textbf|mathbf|textit|operatorname|mathit)\s*\{([^{}]*)\}", r" \1 "),
        (r"\\(?:text)?color\s*\{[^{}]*\}", ""),
        (r"\\(?:underline|boxed|fbox|bm|boldsymbol|emph|mathsf)\s*\{([^{}]*)\}", r"\1"),
        (r"\\(?:begin|end)\s*\{(?:aligned|align\*?|equation\*?|gathered|split)\}", " "),
        (r"\\(?:bf|rm|it)(?![A-Za-z])|`", " "),
        (r"(?<![A-Za-z\\])(?:infinity|infty|inf|oo)(?![A-Za-z])", r"\\infty "),
        (r"(?<![A-Za-z\\])pi(?![A-Za-z])", r"\\pi "),
        (r"(?<![A-Za-z\\])sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}"),
        (r"\\frac\s*(\d)\s*(\d)(?!\d)", r"\\frac{\1}{\2}"),
        (r"\\frac\s*(\d)\s*\{", r"\\frac{\1}{"),
        (r"\\sqrt\s*(\d)", r"\\sqrt{\1}"),
        (r"^\*\*(.+)\*\*$", r"\1"),  # bold type
        (r"^(?:minus|negative)\s+(?=[\d.$\\])", "-"),
        (r"\*\*", "^"),
        (
            r"\\(sin|cos|tan|cot|sec|csc)\s*[({]?\s*(\d+(?:\.\d+)?)\s*degrees\s*[)}]?",
            r"\\\1(\\frac{\2\\pi}{180})",
        ),
        (r"\^\s*(-?\d{2,}|-\d)", r"^{\1}"),  # x^10 is meant as x^{10}
        (r"\s+", " "),
    )
)
MATH_DELIMITERS = ((r"\(", r"\)"), (r"\[", r"\]"), ("$$", "$$"), ("$", "$"))
TRAILING = re.compile(r"[\s.;:,]+$")


def canonical(text: str) -> str:
    """The answer in one notation. Linear in the length of the text for a text of any content."""
    text = undelimited(text.strip())
    text = SUPERSCRIPT_RUN.sub(lambda run: "^{" + run.group().translate(SUPERSCRIPTS) + "}", text)
    text = text.translate(SIGNS)
    text = ROOT_SIGN.sub(lambda root: r"\sqrt{" + (root[1] or root[2] or "") + "}", text)
    for pattern, replacement in REWRITES:
        text = pattern.sub(replacement, text)
    return TRAILING.sub("", undelimited(text.strip())).strip()


def undelimited(text: str) -> str:
    """Without math delimiters: around the whole, or around a part of it ("$5$ cm"). A lone `$` is a currency sign."""
    for opening, closing in MATH_DELIMITERS:
        inner = text[len(opening) : len(text) - len(closing)]
        whole = text.startswith(opening) and text.endswith(closing) and len(text) > len(opening) + len(closing)
        if whole and opening not in inner.replace(r"\$", ""):
            return inner.strip()
    text = text.replace(r"\(", "").replace(r"\)", "")
    return re.sub(r"(?<!\\)\$([^$\\]*(?:\\.[^$\\]*)*)(?<!\\)\$", r"\1", text).replace(r"\$", "$")


def shown(text: str, characters: int) -> str:
    """The beginning of a text that a model wrote, fit to be stored as evidence: no halves of surrogate pairs."""
    return text[:characters].encode("utf-8", "replace").decode()


def depths(text: str) -> list[int]:
    """How many brackets are open after each character."""
    return list(accumulate((character in "([{") - (character in ")]}") for character in text))


def split_outside(text: str, separator: re.Pattern[str]) -> list[str]:
    """The text split at the separators that stand outside every bracket; the parts are stripped."""
    depth, parts, start = depths(text), [], 0
    for match in separator.finditer(text):
        if depth[match.start()] == 0:
            parts.append(text[start : match.start()])
            start = match.end()
    return [part.strip() for part in (*parts, text[start:])]
