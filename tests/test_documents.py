"""The Python of README.md and CONTRIBUTING.md: what it imports is there, and every name that it uses is defined."""

import ast
import builtins
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCKS = [
    pytest.param(code, id=f'{page}-{number}')
    for page in ('README.md', 'CONTRIBUTING.md')
    for number, code in enumerate(re.findall(r'```python\n(.*?)```', (ROOT / page).read_text(), re.DOTALL))
]


def missing(code):
    """Names that are read and nowhere bound in these lines."""
    nodes = list(ast.walk(ast.parse(code)))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    bound = {node.id for node in names if not isinstance(node.ctx, ast.Load)} | set(dir(builtins))
    bound |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    bound |= {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    for node in nodes:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            bound |= {(alias.asname or alias.name).partition('.')[0] for alias in node.names}
    return {node.id for node in names if isinstance(node.ctx, ast.Load)} - bound


def test_a_name_that_was_left_behind_is_seen():
    assert missing('from gax.data import shuffle\nrows = order.indices(0, shuffle)') == {'order'}


@pytest.mark.parametrize('code', [block for block in BLOCKS if 'import' in block.values[0]])
def test_blocks_import_what_is_there_and_use_what_they_import(code):
    assert missing(code) == set()
    for node in ast.parse(code).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            exec(compile(ast.Module([node], []), 'block', 'exec'), {})
