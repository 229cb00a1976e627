"""The command line, read by absl and ml_collections. Each mistake becomes one line that says what to write.

The two libraries raise a dozen kinds of errors, some with the usage of every flag, some with a traceback.
`explained` turns each of them into one line. They accept some mistakes silently (arguments that are left
over, flags taken for values); `parse` refuses these afterwards.
"""

from __future__ import annotations

import ast
import itertools
import keyword
import re
import sys
from collections.abc import Sequence
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from gax import errors
from gax.config import choices, config_file
from gax.config import defaults as configs
from gax.core import schedules

EXAMPLES = {'config': 'mnist', 'workdir': 'runs/mnist'}
KINDS = {'int': 'a whole number', 'float': 'a number', 'bool': 'true or false', 'tuple': 'a tuple'}


class TupleParser(flags.ArgumentParser):
    """Parses tuples in Python's syntax. The parser of ml_collections would make a tuple of any text."""

    def parse(self, argument: Any) -> tuple[Any, ...]:
        """Parses one value.

        Args:
          argument: The text of a tuple, e.g. '(64, 32)', or a tuple.

        Returns:
          The tuple.

        Raises:
          ValueError: The argument is not a tuple.
        """
        try:
            value = ast.literal_eval(argument) if isinstance(argument, str) else argument
        except SyntaxError as error:  # absl would let it pass
            raise ValueError('no tuple') from error
        if not isinstance(value, tuple):
            raise ValueError('no tuple')
        return value

    def flag_type(self) -> str:
        """The type of the flag, for messages."""
        return 'tuple'


class NumberParser(flags.ArgumentParser):
    """Parses numbers, and schedules of numbers. 7 and 7.0 differ in meaning, see `learning_rates.lengths`.

    The parser of ml_collections would accept any text.
    """

    def parse(self, argument: Any) -> int | float | str:
        """Parses one value.

        Args:
          argument: The text of a number or of a schedule (`schedules.parse`), or a number.

        Returns:
          An int if the text is a whole number, a text if it is a schedule, or else a float.

        Raises:
          ValueError: The text is neither.
        """
        if not isinstance(argument, str) or schedules.is_text(argument):
            return argument
        return int(argument) if re.fullmatch(r'\s*[-+]?\d+\s*', argument) else float(argument)

    def flag_type(self) -> str:
        """The type of the flag, for messages."""
        return 'float'


class ConfigParser(flags.ArgumentParser):
    """Loads 'FILE' or 'FILE:ARGUMENT', and adds the sections that the command line names.

    ml_collections then reads the fields, checks their types and sets them, in any order. Each failure here is
    a GaxError.

    Attributes:
      config: The config that was read last; None before.
      words: The command line, in which ml_collections looks for fields that are set.
    """

    def __init__(self, words: list[str]) -> None:
        self.config: ConfigDict | None = None
        self.words = words

    def parse(self, argument: Any) -> ConfigDict:
        """Loads one config, with the sections that the command line needs.

        Args:
          argument: 'FILE' or 'FILE:ARGUMENT', see `config_file.load_config`.

        Returns:
          The config, locked.

        Raises:
          GaxError: The config cannot be loaded, or has no such section.
        """
        self.config = config_file.load_config(argument)
        choices.follow(self.config, overrides(self.words))
        return self.config.lock()

    def flag_type(self) -> str:
        """The type of the flag, for messages."""
        return 'config object'


HELP = (
    'Config file, a config of gax by its name, e.g. mnist, or RUN/config.json. Its fields are those of '
    '--dry_run, each set by --config.FIELD=VALUE. A name brings fields: --config.g.net.kind=sngan those of '
    'a module of gax/nets/, --config.d.optimizer.name=rmsprop those of its optax function, '
    '--config.terms.r1.weight=0.1 those of a term.'
)


def overrides(words: Sequence[str]) -> dict[str, str]:
    """The fields of the config that a command line sets.

    Args:
      words: The command line.

    Returns:
      {path: text}, e.g. {'d.optimizer.name': 'adam'}.
    """
    result = {}
    for word, following in itertools.pairwise([*words, '']):
        if match := re.fullmatch(r'--?(no)?config\.([^=]+)(?:=(.*))?', word, re.DOTALL):
            alone = 'false' if match[1] else 'true' if following[:2] in ('', '--') else following
            result[plain(match[2])] = alone if match[3] is None else match[3]
    return result


def quoted(word: str) -> str:
    """Rewrites `--config.init.from=RUN` as `--config.init['from']=RUN`; leaves other arguments as they are.

    ml_collections parses paths as Python, where `from` is a keyword.
    """
    flag, equals, value = word.partition('=')
    if not re.match(r'--?config\.', flag):
        return word
    parts = [f"['{part}']" if keyword.iskeyword(part) else f'.{part}' for part in flag.split('.')[1:]]
    return ''.join([flag.partition('.')[0], *parts, equals, value])


def plain(path: str) -> str:
    """The path of a field as configs have it, e.g. `init.from`, for a path that is `quoted`."""
    return re.sub(r"\['(\w+)'\]", r'.\1', path)


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
    words = [quoted(word) for word in argv]
    if isinstance(parser, ConfigParser):
        parser.words[:] = words
    try:
        rest = values(words)
    except (flags.Error, AttributeError, LookupError, TypeError, ValueError) as error:
        raise errors.GaxError(explained(error, argv, values, parser)) from error
    if rest[1:]:
        raise errors.GaxError(unexpected(rest[1], argv, values))
    for name, value in changes(values).items():
        if isinstance(value, ConfigDict):
            check_path(name.removeprefix('config.'), values['config'].value)
        if isinstance(value, str) and value.startswith('--'):
            raise errors.GaxError(f'--{name} needs a value, and {value!r} looks like a flag')
        if value in ('', ['']) and name in values and values[name].validators:
            raise errors.GaxError(f'--{name} is empty; give e.g. --{name}={EXAMPLES.get(name, "...")}')
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
    value, example = values[name].value, f'e.g. --{name}={EXAMPLES.get(name, "...")}'
    if not value:
        raise errors.GaxError(
            f'missing --{name}, {example}' if value is None else f'--{name} is empty; give {example}'
        )
    return str(value)


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
    names = ours(values)
    near = errors.nearest(name, names)
    if near == name.partition('.')[0] == 'config':
        near = ''
    hint = f' (nearest: --{near})' if near else ''
    return f'unknown flag --{name}{hint}; there are: {", ".join(f"--{n}" for n in names)}'


def ours(values: flags.FlagValues) -> list[str]:
    """The names of the flags of the script and of gax, without those of absl, Grain and other libraries."""
    names: set[str] = set()
    for module, its in values.flags_by_module_dict().items():
        if module == sys.argv[0] or module.partition('.')[0] == 'gax':
            names.update(flag.name for flag in its)
    return sorted(name for name in names if not name.startswith('config.'))


def changes(values: flags.FlagValues) -> dict[str, Any]:
    """The flags that the command line has set, including the fields of the config.

    Args:
      values: The flags, after `parse`.

    Returns:
      {name: value}, with names such as 'workdir' and 'config.d.updates'. The value of 'config' is the name of
      the file.
    """
    result = {name: values[name].value for name in ours(values) if values[name].present}
    if 'config' in result:
        result['config'] = config_flags.get_config_filename(values['config'])
        overrides = config_flags.get_override_values(values['config'])
        result |= {f'config.{plain(path)}': value for path, value in overrides.items()}
    return result


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
