"""README, CONTRIBUTING and docs/: links resolve, Python blocks import what they name, commands have flags that exist."""

import ast
import builtins
import importlib
import importlib.util
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
import yaml

from gax.config import choices, config_file, flag_parsers
from gax.config import fields as config_fields

ROOT = Path(__file__).parents[1]
DOCS = ROOT / 'docs'
PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted(DOCS.rglob('*.md'))]
TRAINING = ('algebra', 'own_loop', 'vectorize')  # pages whose Python trains: run as slow tests
EXAMPLES = ('gax/gans/matching.py', 'configs/matching_mnist.py')  # files that a guide has the reader write


def name_of(page):
    return str(page.relative_to(ROOT))


def blocks(language):
    """(page, number, text) of the fenced blocks in a language."""
    for page in PAGES:
        found = re.findall(rf'```{language}\n(.*?)```', page.read_text(), re.DOTALL)
        yield from ((page, number, text) for number, text in enumerate(found))


def commands():
    """(page, command) for the commands of indented and fenced blocks, comments cut off."""
    for page in PAGES:
        text = re.sub(r'```(?!sh).*?```', '', page.read_text(), flags=re.DOTALL)
        lines = re.findall(r'^(?:    |(?=python ))(.*)', re.sub(r'\\\n\s*', ' ', text), re.MULTILINE)
        for line in lines:
            words = shlex.split(line, comments=True) if re.search(r'\b(python|gax-\w+) ', line) else []
            if words:
                yield page, words


def script_of(words):
    """The script that a command runs: `python FILE ...`, or `gax-NAME ...`, which is experiments/NAME.py."""
    if words[0].startswith('gax-'):
        return ROOT / 'experiments' / f'{words[0][4:].replace("-", "_")}.py'
    return next(ROOT / word for word in words if word.endswith('.py') and '=' not in word)


def module_file(name):
    """The file of a module of the repository; None of any other."""
    path = ROOT / name.replace('.', '/')
    return next((p for p in (path.with_suffix('.py'), path / '__init__.py') if p.exists()), None)


@cache
def flags_and_imports(file):
    """The names of the flags that a file defines, and the files of gax that it imports at its top."""
    text, files = file.read_text(), set()
    names = set(re.findall(r"(?:DEFINE_\w+|define_mode)\(\s*'(\w+)'", text))
    names |= {'config'} if 'define_config()' in text else set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and (node.module or '').partition('.')[0] == 'gax':
            modules = [node.module, *(f'{node.module}.{alias.name}' for alias in node.names)]
            files |= {path for module in modules if (path := module_file(module))}
    return names, files


@cache
def flags_of(script):
    """The names of the flags that a script and the gax modules it imports define."""
    names, files, read = set(), {script}, set()
    while files:
        file = files.pop()
        read.add(file)
        defined, imported = flags_and_imports(file)
        names |= defined
        files |= imported - read
    return names


def unbound(code):
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


def anchors(page):
    """The anchors of a page's headings, as MkDocs and GitHub make them."""
    text = re.sub(r'```.*?```', '', page.read_text(), flags=re.DOTALL)
    headings = re.findall(r'^#+ (.*)', text, re.MULTILINE)
    return {re.sub(r'[\s]+', '-', re.sub(r'[^\w\s-]', '', heading.lower()).strip()) for heading in headings}


def is_public(path):
    """Whether 'gax.core.types.Net' can be imported."""
    module, _, name = path.rpartition('.')
    return hasattr(importlib.import_module(module), name)


def dead_links(page):
    for target, anchor in re.findall(r'\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)', page.read_text()):
        file = (page.parent / target).resolve() if target else page
        known = not anchor or file.suffix != '.md' or anchor in anchors(file)
        known = known or ('.' in anchor and is_public(anchor))
        if not file.exists() or not known:
            yield f'{target}#{anchor}'


def gallery():
    spec = importlib.util.spec_from_file_location('gallery', DOCS / 'gallery.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


IMPORTING = [
    pytest.param(text, id=f'{name_of(page)}-{number}')
    for page, number, text in blocks('python')
    if 'import' in text
]
RUNNABLE = [
    pytest.param(
        text,
        id=f'{name_of(page)}-{number}',
        marks=[pytest.mark.slow] * any(t in name_of(page) for t in TRAINING),
    )
    for page, number, text in blocks('python')
    if 'import' in text
]
COMMANDS = {f'{name_of(page)}: {" ".join(words)}': words for page, words in commands()}


def test_the_readme_can_be_read_in_ten_minutes():
    text = (ROOT / 'README.md').read_text()
    assert len(text.splitlines()) <= 160
    assert len(text.split()) <= 2000
    assert '    make test ' in text  # the command that CI runs


def test_links_and_anchors_resolve():
    assert {name_of(page): dead for page in PAGES if (dead := list(dead_links(page)))} == {}


def test_files_that_are_named_exist():
    named = r'`((?:gax|tests|benchmarks|configs|experiments|docs)/[\w./]+\w)'
    pairs = [(name_of(page), name) for page in PAGES for name in re.findall(named, page.read_text())]
    assert [pair for pair in pairs if pair[1] not in EXAMPLES and not (ROOT / pair[1]).exists()] == []


def test_every_page_is_in_the_navigation():
    def leaves(nav):
        for entry in nav:
            value = next(iter(entry.values())) if isinstance(entry, dict) else entry
            yield from leaves(value) if isinstance(value, list) else [value]

    nav = list(leaves(yaml.safe_load((ROOT / 'mkdocs.yml').read_text())['nav']))
    assert sorted(nav) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob('*.md'))


def test_every_package_has_a_page_of_reference():
    packages = {path.parent.name for path in (ROOT / 'gax').glob('*/__init__.py')} - {'main', 'examples'}
    assert {path.stem for path in (DOCS / 'reference').glob('*.md')} - {'index'} == packages
    core = {path.stem for path in (ROOT / 'gax' / 'core').glob('*.py')} - {
        '__init__'
    }  # in an order of its own
    assert (
        set(re.findall(r'^::: gax\.core\.(\w+)', (DOCS / 'reference' / 'core.md').read_text(), re.M)) == core
    )


def test_every_config_has_its_card_and_the_page_is_up_to_date():
    made = gallery()
    page = made.PAGE.read_text()
    assert page == made.text(), 'run python docs/gallery.py'
    assert anchors(made.PAGE) >= set(made.configs())


@pytest.mark.parametrize('docstring', ['A GAN.', 'A GAN.\n\n    python train.py --config=configs/new.py'])
def test_a_card_needs_a_command_and_a_measurement(docstring):
    with pytest.raises(ValueError, match=r'configs/new\.py'):
        gallery().card('new', docstring)


def test_a_name_that_was_left_behind_is_seen():
    assert unbound('from gax.data import shuffle\nrows = order.indices(0, shuffle)') == {'order'}


@pytest.mark.parametrize('code', IMPORTING)
def test_python_imports_what_is_there_and_uses_what_it_imports(code):
    assert unbound(code) == set()
    for node in ast.parse(code).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            exec(compile(ast.Module([node], []), 'block', 'exec'), {})


@pytest.mark.parametrize('code', RUNNABLE)
def test_python_runs(code):
    exec(compile(code, 'block', 'exec'), {'__name__': 'block'})


def test_scripts_and_their_flags_exist():
    unknown = {}
    for command, words in COMMANDS.items():
        script = script_of(words)
        names = {re.match(r'--?(?:no)?(\w+)', word)[1] for word in words if word.startswith('--')}
        if not script.exists() or names - flags_of(script) - {'help'}:
            unknown[command] = names
    assert unknown == {}


def test_fields_of_configs_exist():
    unknown = []
    for command, words in COMMANDS.items():
        name = next((word.partition('=')[2] for word in words if word.startswith('--config=configs/')), '')
        if not name or name in EXAMPLES or name.startswith('configs/images.py'):
            continue  # no config, or one that looks at files of the reader
        config = config_file.load_config(str(ROOT / name))
        overrides = flag_parsers.overrides(words)
        choices.follow(config, overrides)
        unknown += [(command, path) for path in overrides if path not in config_fields.fields_of(config)]
    assert unknown == []
