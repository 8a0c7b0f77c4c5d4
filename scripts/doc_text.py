# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""What check_docs.py reads: the paragraphs of documents, the comments and docstrings of code. Not a script."""
import ast
import io
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path

import tree

RECORDED = (("tests", "data"), ("tests", "fuzz", "corpus"))  # data: they may say anything
HASH_COMMENTS = {".sh", ".cmake", ".toml", ".txt", ".service", ".in"}
CODE = re.compile(r"`([^`\n]+)`")  # in a document or a comment
# A string or a comment, whichever begins first, so that "http://" is no comment.
CXX = re.compile(r'R"\((?:.|\n)*?\)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|//[^\n]*|/\*(?:.|\n)*?\*/')


@dataclass
class Block:
    """A paragraph or a run of comment lines, its lines joined by newlines; `line` is the first one's number."""
    path: Path
    line: int
    text: str
    kind: str  # "prose", "table", "command" (code in a document), "comment" or "text" (a string in code)

    def place(self, offset: int) -> str:
        return f"{self.path}:{self.line + self.text.count(chr(10), 0, offset)}"


def is_recorded(path: Path) -> bool:
    return any(path.parts[:len(folder)] == folder for folder in RECORDED)


def documents() -> list[Path]:
    return [path for path in tree.files() if path.suffix == ".md" and not is_recorded(path)]


def document_blocks(path: Path) -> list[Block]:
    blocks: list[Block] = []
    fenced = False
    for number, line in enumerate(tree.read(path).splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
            blocks.append(Block(path, number, "", "prose"))
            continue
        before = blocks[-1] if blocks else None
        goes_on = before is not None and before.text and before.line + before.text.count("\n") + 1 == number
        if fenced or (line.startswith("    ") and not (goes_on and before.kind == "prose")):
            kind = "command"
        else:
            kind = "table" if line.startswith("|") else "prose"
        if not line.strip():
            continue
        if goes_on and before.kind == kind:
            before.text += "\n" + line
        else:
            blocks.append(Block(path, number, line, kind))
    return [block for block in blocks if block.text]


def joined(path: Path, lines: list[tuple[int, str]]) -> list[Block]:
    """Comment lines that follow one another are one block."""
    blocks: list[Block] = []
    for number, text in lines:
        if blocks and blocks[-1].line + blocks[-1].text.count("\n") + 1 == number:
            blocks[-1].text += "\n" + text
        else:
            blocks.append(Block(path, number, text, "comment"))
    return blocks


def cxx_comments(path: Path, text: str) -> list[tuple[int, str]]:
    lines = []
    for match in CXX.finditer(text):
        if match.group().startswith(("//", "/*")):
            first = text.count("\n", 0, match.start()) + 1
            lines += [(first + i, line.strip().lstrip("/*").strip()) for i, line in enumerate(match.group().splitlines())]
    return lines


def cxx_texts(path: Path) -> list[Block]:
    """String literals of code, neighbours joined: what messages and help texts say."""
    blocks: list[Block] = []
    text = tree.read(path)
    end = -1
    for match in CXX.finditer(text):
        if not match.group().startswith('"'):
            continue
        if blocks and not text[end:match.start()].strip():
            blocks[-1].text += match.group()[1:-1]
        else:
            blocks.append(Block(path, text.count("\n", 0, match.start()) + 1, match.group()[1:-1], "text"))
        end = match.end()
    return blocks


def python_comments(path: Path, text: str) -> list[tuple[int, str]]:
    lines = [(token.start[0], token.string.lstrip("# ")) for token in tokenize.generate_tokens(io.StringIO(text).readline)
             if token.type == tokenize.COMMENT]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(node):
            first = node.body[0].value
            lines += [(first.lineno + i, line) for i, line in enumerate(first.value.splitlines())]
    return sorted(lines)


def comment_blocks(path: Path) -> list[Block]:
    text = tree.read(path)
    if path.suffix in tree.CODE:
        return joined(path, cxx_comments(path, text))
    if path.suffix == ".py":
        return joined(path, python_comments(path, text))
    if path.suffix in HASH_COMMENTS or path.name in ("CMakeLists.txt", "Dockerfile", "setup", "test", "demo", "run"):
        found = [(number, re.search(r"(?:^|\s)#(?!SBATCH|!)\s?(.*)", line)) for number, line in enumerate(text.splitlines(), 1)]
        return joined(path, [(number, match.group(1)) for number, match in found if match])
    return []


def anchors(path: Path) -> set[str]:
    """The names that headings of a document can be linked by, as GitHub makes them."""
    found: dict[str, int] = {}
    for line in re.sub(r"```.*?```", "", tree.read(path), flags=re.DOTALL).splitlines():
        if match := re.match(r"#+ +(.*)", line):
            title = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match.group(1)).lower())
            name = title.strip().replace(" ", "-")
            found[name] = found.get(name, -1) + 1
            if found[name]:
                found[f"{name}-{found[name]}"] = 0
    return set(found) | set(re.findall(r'<a (?:id|name)="([^"]+)"', tree.read(path)))
