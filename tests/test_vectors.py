"""The vectors themselves: how many cases there are, and that a test reads every file."""

import ast
import json
from pathlib import Path

HERE = Path(__file__).parent
FILES = sorted((HERE / "vectors").glob("*.json"))


def texts(path):
    """Return the strings of a test module."""
    tree = ast.parse(path.read_text("utf-8"))
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def names(text, file):
    return text == file.stem or text.rpartition("/")[2] == file.name


def test_every_vector_file_has_cases_and_a_test_module_that_names_it(capsys):
    others = [texts(path) for path in HERE.glob("test_*.py") if path != Path(__file__)]
    readers = [found for found in others if any("vectors" in text for text in found)]
    counts, unread = {}, []
    for file in FILES:
        counts[file.name] = len(json.loads(file.read_text("utf-8"))["cases"])
        if not any(names(text, file) for found in readers for text in found):
            unread.append(file.name)

    with capsys.disabled():
        print()
        for name, count in counts.items():
            print(f"{name}: {count} cases")
    assert FILES
    assert unread == []
    assert [name for name, count in counts.items() if not count] == []
