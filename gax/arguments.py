"""The command line, checked before absl and ml_collections read it: each mistake is one line that says what to write.

Those two raise a dozen kinds of errors for mistakes, some with the usage of every flag, some with a traceback. So the
arguments are taken apart here first, by the same rules, and what gets through is what they accept.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict

from gax import choices, errors
from gax import config as configs

EXAMPLES = {'config': 'configs/mnist.py', 'workdir': 'runs/mnist'}
KINDS = {'int': 'a whole number', 'float': 'a number', 'bool': 'true or false'}
LITERALS = {'true': True, 'false': False, 't': True, 'f': False, '1': True, '0': False}


def check(argv: Sequence[str], values: flags.FlagValues) -> None:
    """Raises GaxError for the first thing in `argv` (without the program's name) that cannot be meant."""
    given = list(split(argv, values))
    for name, _ in given:
        if not name.startswith('config.') and find(name, values) is None:
            raise errors.GaxError(unknown_flag(name, values))
    check_required({name for name, _ in given}, values)
    config = None
    for name, value in given:
        flag = find(name, values)
        if name == 'config' and flag is not None:
            config = load_config(value)
            choices.follow(
                config, {n.removeprefix('config.'): v for n, v in given if n.startswith('config.')}
            )
        elif flag is not None:
            check_value(name, value, flag)
        elif config is None:
            raise errors.GaxError(f'--{name} must come after --config=FILE')
        else:
            check_override(name.removeprefix('config.'), value, config)


def split(argv: Sequence[str], values: flags.FlagValues) -> Iterator[tuple[str, str]]:
    """(name, value) of every flag; a flag without a value has '', a boolean one 'true'. --noNAME is NAME, 'false'."""
    rest = list(argv)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith('-') or argument in ('-', '--'):
            raise errors.GaxError(f'unexpected argument {argument!r}; flags look like --workdir=runs/mnist')
        name, equals, value = argument.lstrip('-').partition('=')
        flag = find(name, values)
        if not equals and flag is not None and flag.boolean:
            yield (name, 'true') if name in values else (name.removeprefix('no'), 'false')
        elif equals or not rest or rest[0].startswith('--'):
            yield name, value if equals else ('true' if name.startswith('config.') else '')
        else:
            yield name, rest.pop(0)


def find(name: str, values: flags.FlagValues) -> Any:
    """The flag called `name`, or that `name` says no to; None if there is none."""
    if name in values:
        return values[name]
    positive = name.removeprefix('no')
    return values[positive] if positive != name and positive in values and values[positive].boolean else None


def unknown_flag(name: str, values: flags.FlagValues) -> str:
    names = own(values)
    near = errors.nearest(name, names)
    if near == name.partition('.')[0] == 'config':
        near = ''
    hint = f' (nearest: --{near})' if near else ''
    return f'unknown flag --{name}{hint}; there are: {", ".join(f"--{n}" for n in names)}'


def own(values: flags.FlagValues) -> list[str]:
    """The names of the flags of the script and of gax, not those that absl, Grain and others bring along."""
    found: set[str] = set()
    for module, its in values.flags_by_module_dict().items():
        if module == sys.argv[0] or module.partition('.')[0] == 'gax':
            found.update(flag.name for flag in its)
    return sorted(name for name in found if not name.startswith('config.'))


def check_required(names: set[str], values: flags.FlagValues) -> None:
    for name in own(values):
        if name not in names and values[name].validators and values[name].value is None:
            raise errors.GaxError(f'missing --{name}, e.g. --{name}={EXAMPLES.get(name, "...")}')


def check_value(name: str, value: str, flag: Any) -> None:
    if not value and flag.flag_type() not in ('string', 'multi string', 'bool'):
        raise errors.GaxError(f'--{name} needs a value, {KINDS.get(flag.flag_type(), flag.flag_type())}')
    if not value and flag.validators:
        raise errors.GaxError(f'--{name} is empty; give e.g. --{name}={EXAMPLES.get(name, "...")}')
    try:
        flag.parser.parse(value)
    except (ValueError, TypeError) as error:
        kind = KINDS.get(flag.flag_type())
        said = f'must be {kind}, and is {value!r}' if kind else f'{value!r}: {errors.first_line(error)}'
        raise errors.GaxError(f'--{name} {said}') from error


def check_override(path: str, value: str, config: ConfigDict) -> None:
    """Raises GaxError unless `--config.PATH=VALUE` sets a field of `config` to a value of the field's type."""
    if is_section(path, config):
        inside = configs.fields_of(configs.get(config, path))
        some = 'name' if 'name' in inside else next(iter(inside), 'FIELD')
        raise errors.GaxError(
            f'config.{path} is a section; set its fields one by one, e.g. --config.{path}.{some}=...'
        )
    kinds = configs.fields_of(config)
    if path not in kinds:
        raise errors.GaxError(configs.unknown_field(path, config))
    if not reads_as(value, kinds[path]):
        raise errors.GaxError(f'config.{path} must be {configs.SAID[kinds[path]]}, and is {value!r}')


def is_section(path: str, config: ConfigDict) -> bool:
    return isinstance(configs.get(config, path), ConfigDict)


def reads_as(value: str, kind: type) -> bool:
    """Whether the text `value` is read as a `kind`, as absl reads it."""
    if kind is bool:
        return value.lower() in LITERALS
    try:
        if kind is tuple:
            return isinstance(ast.literal_eval(value), tuple)
        kind(value) if kind is not object else float(value)
    except (ValueError, SyntaxError):
        return False
    return True


def load_config(path: str) -> ConfigDict:
    """What `get_config` of the file returns; 'FILE:ARGUMENT' gives it an argument. Raises GaxError for any failure."""
    name, colon, argument = path.partition(':')
    file = Path(name)
    if not name or not file.is_file() or file.suffix != '.py':
        raise errors.GaxError(no_such_config(file))
    make_importable(file)
    try:
        spec = importlib.util.spec_from_file_location('gax_checked_config', file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if not hasattr(module, 'get_config'):
            raise errors.GaxError(f'config file {file} defines no get_config()')
        config = module.get_config(*[argument] * bool(colon))
    except errors.GaxError as error:
        raise errors.GaxError(str(error) if str(file) in str(error) else f'{file}: {error}') from error
    except Exception as error:
        said = f'{type(error).__name__}: {errors.first_line(error)}'
        raise errors.GaxError(f'config file {file} cannot be used: {said}{line_of(error, file)}') from error
    if not isinstance(config, ConfigDict):
        raise errors.GaxError(
            f'config file {file}: get_config() must return a ConfigDict, and returned {type(config).__name__}'
        )
    return config


def make_importable(file: Path) -> None:
    """Lets a config import its neighbours as `configs.NAME`, wherever the script was started."""
    folder = file.absolute().parent
    if (folder / '__init__.py').exists() and str(folder.parent) not in sys.path:
        sys.path.append(str(folder.parent))


def line_of(error: Exception, file: Path) -> str:
    """', line 7' where that is known."""
    if isinstance(error, SyntaxError):
        return ''  # its text has it
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f.lineno for f in frames if Path(f.filename).absolute() == file.absolute()]
    return f' (line {lines[-1]})' if lines else ''


def no_such_config(file: Path) -> str:
    folder = file.parent if file.parent.is_dir() and any(file.parent.glob('*.py')) else Path('configs')
    names = sorted(str(p) for p in folder.glob('*.py') if p.stem != '__init__')
    near = errors.nearest(str(file), names)
    hint = f' (nearest: {near})' if near else ''
    return f'no config file {file}{hint}; there are: {", ".join(names) or "none"}'
