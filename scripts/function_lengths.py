# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Where the functions of a C++ or Python file begin and how many lines they have, for check_tree.py. Not a script.

C++ is not parsed: comments, literals and preprocessor lines are blanked, and braces are counted. A brace that follows a
parameter list opens a function, one after a class or namespace opens a scope that is looked into, and any other belongs to
what surrounds it. A lambda is part of the function it stands in.
"""
import ast
import re
from pathlib import Path
from typing import NamedTuple


class Function(NamedTuple):
    name: str
    line: int  # of its first line, from 1
    lines: int


BLANKED = re.compile(r'//[^\n]*|/\*.*?\*/|R"([^()\\\s]{0,16})\(.*?\)\1"|"(?:[^"\\\n]|\\.)*"'
                     r"|(?<![0-9A-Za-z_])'(?:[^'\\\n]|\\.)+'|^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.DOTALL | re.MULTILINE)
# After the head of a function: its parameters, what may stand behind them, and how a constructor sets its members.
HEAD = re.compile(r"([~A-Za-z_][\w:~]*|operator[^\s\w(]+|operator\(\))\s*\(")
QUALIFIED = re.compile(r"\)\s*(?:const|noexcept(?:\s*\([^()]*\))?|override|final|mutable|&&?|\s)*(?:->[^{};=]+|:[^:].*[)}])?\s*$", re.DOTALL)
SCOPE = re.compile(r"\b(?:namespace|class|struct|union|extern)\b")


def blanked(text: str) -> str:
    """The text with the same lines, but without comments, literals and preprocessor lines."""
    return BLANKED.sub(lambda match: "\n" * match.group(0).count("\n") or " ", text)


def opens_function(head: str) -> bool:
    return "=" not in re.sub(r"\([^()]*\)|[=!<>]=|operator\s*\S+", "", head) and QUALIFIED.search(head) is not None and HEAD.search(head) is not None


def of_cpp(text: str) -> list[Function]:
    found = []
    text = blanked(text)
    start = 0  # of the declaration that is being read
    stack: list[tuple[str, str, int]] = []  # what each open brace opened: kind, name, place
    for brace in re.finditer(r"[{};]", text):
        sign, place = brace.group(0), brace.start()
        inside = any(kind == "function" for kind, _, _ in stack)
        if sign == "{":
            head = text[start:place]
            if inside:
                stack.append(("inner", "", place))
            elif opens_function(head):
                begin = start + len(head) - len(head.lstrip())
                stack.append(("function", HEAD.search(head).group(1), begin))
            elif SCOPE.search(head):
                stack.append(("scope", "", place))
                start = place + 1
            else:
                stack.append(("value", "", place))  # an enumeration, an initialiser: what is read goes on behind it
        elif sign == "}" and stack:
            kind, name, begin = stack.pop()
            if kind == "function":
                first = text.count("\n", 0, begin) + 1
                found.append(Function(name, first, text.count("\n", 0, place) + 2 - first))
            if kind in ("function", "scope"):
                start = place + 1
        elif sign == ";" and not inside and not any(kind == "value" for kind, _, _ in stack):
            start = place + 1
    return found


def of_python(text: str) -> list[Function]:
    return [Function(node.name, node.lineno, node.end_lineno - node.lineno + 1) for node in ast.walk(ast.parse(text))
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def functions(path: Path, text: str) -> list[Function]:
    if path.suffix in (".cc", ".h", ".cpp"):
        return of_cpp(text)
    return of_python(text) if path.suffix == ".py" else []
