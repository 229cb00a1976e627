"""Mistakes on the command line, each as one line that says what to write.

absl and ml_collections raise a dozen kinds of errors, some with the usage of every flag, some with a
traceback.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Sequence
from typing import Any

from absl import flags
from ml_collections import ConfigDict

from gax import errors
from gax.config import defaults as configs

EXAMPLES = {'config': 'mnist', 'workdir': 'runs/mnist'}
KINDS = {'int': 'a whole number', 'float': 'a number', 'bool': 'true or false', 'tuple': 'a tuple'}


def explained(error: Exception, argv: Sequence[str], values: flags.FlagValues, parser: Any) -> str:
    """The message for an error of absl or ml_collections.

    Args:
      error: The error.
      argv: The name of the program, and its arguments.
      values: The flags that are defined.
      parser: The parser of --config, or None if the program has no such flag.

    Returns:
      One line.
    """
    words = [m.groups() for word in argv[1:] if (m := re.match(r'--?(?:no)?config(\.)?([^=]*)', word))]
    if parser and words and words[0][0]:
        return f'--config.{words[0][1]} must come after --config=FILE'
    if isinstance(error, flags.UnrecognizedFlagError):
        return unknown_flag(error.flagname, values)
    for dot, path in words:
        if dot and parser and parser.config is not None:
            check_path(path, parser.config)
    if flag := re.match(r'flag --([^=]+)=(.*?): (.*)', str(error), re.DOTALL):
        return bad_value(values, *flag.groups())
    return errors.first_line(error).removeprefix('ERROR:: ')


def bad_value(values: flags.FlagValues, name: str, value: str, why: str) -> str:
    """The message for a value that a flag does not accept.

    Args:
      values: The flags that are defined.
      name: The name of the flag.
      value: The text of the value.
      why: The reason that absl gives.

    Returns:
      One line.
    """
    if 'already defined' in why:
        return f'--{name} is given twice'
    if value == 'None' and values[name].value is None:
        return f'missing --{name}, e.g. --{name}={EXAMPLES.get(name, "...")}'
    where = name if name.startswith('config.') else f'--{name}'
    kind = KINDS.get(values[name].flag_type())
    return f'{where} must be {kind}, and is {value!r}' if kind else f'{where} {value!r}: {why}'


def unexpected(word: str, argv: Sequence[str], values: flags.FlagValues) -> str:
    """The message for an argument that is left over.

    It may be the value of a flag that takes its value after '=' only; then the message says so.
    """
    before = next((a for a, b in itertools.pairwise(argv) if b == word), '')
    name = before.lstrip('-')
    if before.startswith('-') and name in values and values[name].boolean:
        return f'unexpected argument {word!r}; write {before}={word}'
    return f'unexpected argument {word!r}; flags look like --workdir=runs/mnist'


def unknown_flag(name: str, values: flags.FlagValues) -> str:
    """The message for a flag that is not defined: the nearest flag, and all flags of gax."""
    names = gax_flags(values)
    near = errors.nearest(name, names)
    if near == name.partition('.')[0] == 'config':
        near = ''
    hint = f' (nearest: --{near})' if near else ''
    return f'unknown flag --{name}{hint}; there are: {", ".join(f"--{n}" for n in names)}'


def gax_flags(values: flags.FlagValues) -> list[str]:
    """The names of the flags of the script and of gax, without those of absl, Grain and other libraries."""
    names: set[str] = set()
    for module, its in values.flags_by_module_dict().items():
        if module == sys.argv[0] or module.partition('.')[0] == 'gax':
            names.update(flag.name for flag in its)
    return sorted(name for name in names if not name.startswith('config.'))


def check_path(path: str, config: ConfigDict) -> None:
    """Checks that a path names a field of a config.

    Args:
      path: The path, e.g. 'd.optimizer.name'.
      config: The config.

    Raises:
      GaxError: The config has no such field, or the path names a section.
    """
    inside = configs.get(config, path)
    if isinstance(inside, ConfigDict):
        kinds = configs.fields_of(inside)
        some = 'name' if 'name' in kinds else next(iter(kinds), 'FIELD')
        raise errors.GaxError(
            f'config.{path} is a section; set its fields one by one, e.g. --config.{path}.{some}=...'
        )
    if path not in configs.fields_of(config):
        raise errors.GaxError(configs.unknown_field(path, config))
