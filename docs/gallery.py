"""Writes docs/gallery.md, a card for each config, from the configs' docstrings: python docs/gallery.py

A docstring is the config's claim, and the card repeats it: what the config is, the commands, the paper, what was
measured and by what. `docs/pictures/CONFIG.png` is shown where it exists. Nothing is imported or trained.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from textwrap import dedent

DOCS = Path(__file__).parent
PAGE = DOCS / 'gallery.md'
HEAD = """# Gallery

One card for each file in `configs/`: what it trains, how to run it, the paper, and what was measured. The text is the
config's own docstring. A figure holds for the device, versions and date that stand with it, and for one seed unless the
card says otherwise. Pictures show digits by class, one class in each column. Made by `python docs/gallery.py`.
"""
# 'Odena et al., "Conditional ...", 2017', 'Zhao et al., 2017', 'Mirza and Osindero, "..."  (2014)'
NAMES = r"[A-Z][\w'-]+(?: and [A-Z][\w'-]+| et al\.|(?=, \"))"
PAPER = re.compile(rf'{NAMES}(?:, |\s)(?:"[^"]+"(?:, |\s))?\(?(?:19|20)\d\d')
MEASURED = re.compile(r'\b20\d\d-\d\d-\d\d\b|not been measured|not measured')


def configs(folder: Path = DOCS.parent / 'configs') -> dict[str, str]:
    """{name of the config: its docstring}, in alphabetical order."""
    files = sorted(path for path in folder.glob('*.py') if path.stem != '__init__')
    return {path.stem: ast.get_docstring(ast.parse(path.read_text())) or '' for path in files}


def paragraphs(docstring: str) -> list[str]:
    """The paragraphs of a docstring. Indented ones become fenced code, without their indent."""
    parts: list[str] = []
    for block in re.split(r'\n\s*\n', docstring.strip('\n')):
        if block.startswith('    '):
            language = 'sh' if 'python ' in block else 'text'
            parts.append(f'```{language}\n{dedent(block)}\n```')
        else:
            parts.append(' '.join(block.split()))
    return parts


def papers(docstring: str) -> list[str]:
    """The papers that a docstring names, each once."""
    text = ' '.join(docstring.split())
    return list(dict.fromkeys(match.group().replace('(', '') for match in PAPER.finditer(text)))


def card(name: str, docstring: str, pictures: Path = DOCS / 'pictures') -> str:
    """The Markdown of one config.

    Raises:
        ValueError: where the docstring has no command, or neither a dated measurement nor the words that there is none.
    """
    if f'configs/{name}.py' not in docstring:
        raise ValueError(f'configs/{name}.py: the docstring has no command that runs it')
    if not MEASURED.search(docstring):
        raise ValueError(f'configs/{name}.py: the docstring does not say what was measured and when')
    title, *rest = paragraphs(docstring)
    lines = [f'## {name}', f'**{title}**']
    if (pictures / f'{name}.png').exists():
        lines.append(f'![Samples of {name}](pictures/{name}.png)')
    cited = papers(docstring)
    if cited:
        lines.append(f'Paper{"s" * (len(cited) > 1)}: {"; ".join(cited)}.')
        rest = [part.removeprefix(f'{cited[0]}.').strip() for part in rest]  # it is not said twice
    return '\n\n'.join([*lines, *filter(None, rest)])


def text() -> str:
    """The whole page."""
    return '\n\n'.join([HEAD.strip(), *(card(name, doc) for name, doc in configs().items())]) + '\n'


if __name__ == '__main__':
    PAGE.write_text(text())
