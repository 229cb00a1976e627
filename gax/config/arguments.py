"""The command line, read by absl and ml_collections.

The two libraries accept some mistakes silently (arguments that are left over, flags taken for values);
`parse` refuses these afterwards. `flag_errors.explained` turns each of their errors into one line.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from gax import errors
from gax.config import config_file, flag_errors, flag_parsers
from gax.config.flag_parsers import ConfigParser, NumberParser, TupleParser

HELP = (
    'Config file, a config of gax by its name, e.g. mnist, or RUN/config.json. Its fields are those of '
    '--dry_run, each set by --config.FIELD=VALUE. A name brings fields: --config.g.net.kind=sngan those of '
    'a module of gax/nets/, --config.d.optimizer.name=rmsprop those of its optax function, '
    '--config.terms.r1.weight=0.1 those of a term.'
)


def define_config() -> flags.FlagHolder:
    """Defines --config=FILE and --config.FIELD=VALUE. Returns the flag, whose value is a ConfigDict."""
    config_flags.register_flag_parser_for_type(tuple, TupleParser())
    config_flags.register_flag_parser_for_type(object, NumberParser())
    words: list[str] = []  # `parse` fills it. sys.argv would be read here, where no one handles its errors
    # allow_overwrite: a second file would undo the changes of the first one.
    holder = config_flags.DEFINE_config_file('config', None, HELP, allow_overwrite=False, sys_argv=words)
    flags.FLAGS['config'].parser = ConfigParser(words)
    flags.mark_flag_as_required('config')
    return holder


def define_mode(name: str, mode: str, help_string: str) -> flags.FlagHolder[str]:
    """Defines a flag that may be given alone, as --NAME, or with a mode, as --NAME=MODE.

    Args:
      name: The name of the flag.
      mode: The only mode.
      help_string: The help.

    Returns:
      The flag. Its value is 'true' for --NAME, `mode` for --NAME=MODE, and '' if it is not set.
    """
    parser = flags.EnumParser(['true', mode, ''])
    flag = flags.Flag(parser, flags.ArgumentSerializer(), name, '', help_string)
    flag.boolean = True  # it needs no value
    return flags.DEFINE_flag(flag)


def parse(argv: Sequence[str], values: flags.FlagValues) -> list[str]:
    """Sets the flags.

    Args:
      argv: The name of the program, and its arguments.
      values: The flags that are defined.

    Returns:
      A list that holds the name of the program alone.

    Raises:
      GaxError: Any mistake, in one line.
    """
    values.set_gnu_getopt(True)  # or nothing would be read after a word that is no flag
    parser = values['config'].parser if 'config' in values else None
    words = [flag_parsers.quoted(word) for word in argv]
    if isinstance(parser, ConfigParser):
        parser.words[:] = words
    try:
        rest = values(words)
    except (flags.Error, AttributeError, LookupError, TypeError, ValueError) as error:
        raise errors.GaxError(flag_errors.explained(error, argv, values, parser)) from error
    if rest[1:]:
        raise errors.GaxError(flag_errors.unexpected(rest[1], argv, values))
    for name, value in changes(values).items():
        if isinstance(value, ConfigDict):
            flag_errors.check_path(name.removeprefix('config.'), values['config'].value)
        if isinstance(value, str) and value.startswith('--'):
            raise errors.GaxError(f'--{name} needs a value, and {value!r} looks like a flag')
        if value in ('', ['']) and name in values and values[name].validators:
            raise errors.GaxError(
                f'--{name} is empty; give e.g. --{name}={flag_errors.EXAMPLES.get(name, "...")}'
            )
    return rest


def config_of(argv: Sequence[str]) -> ConfigDict | None:
    """Loads the config whose file `argv` names, without its overrides.

    Args:
      argv: The name of the program, and its arguments.

    Returns:
      The config, or None if `argv` names none.

    Raises:
      GaxError: The config cannot be loaded.
    """
    for word, after in itertools.pairwise([*argv, '']):
        if match := re.fullmatch(r'--?config(=(.*))?', word):
            return config_file.load_config(match[2] if match[1] else after)
    return None


def require(name: str, values: flags.FlagValues) -> str:
    """The value of a flag that the script needs for some uses only.

    Args:
      name: The name of the flag.
      values: The flags that are defined.

    Returns:
      The value, as text.

    Raises:
      GaxError: The flag is not set, or is empty.
    """
    value, example = values[name].value, f'e.g. --{name}={flag_errors.EXAMPLES.get(name, "...")}'
    if not value:
        raise errors.GaxError(
            f'missing --{name}, {example}' if value is None else f'--{name} is empty; give {example}'
        )
    return str(value)


def changes(values: flags.FlagValues) -> dict[str, Any]:
    """The flags that the command line has set, including the fields of the config.

    Args:
      values: The flags, after `parse`.

    Returns:
      {name: value}, with names such as 'workdir' and 'config.d.updates'. The value of 'config' is the name of
      the file.
    """
    result = {name: values[name].value for name in flag_errors.gax_flags(values) if values[name].present}
    if 'config' in result:
        result['config'] = config_flags.get_config_filename(values['config'])
        overrides = config_flags.get_override_values(values['config'])
        result |= {f'config.{flag_parsers.unquoted(path)}': value for path, value in overrides.items()}
    return result
