"""Parsers of the values of flags: tuples, numbers and schedules of them, and configs."""

from __future__ import annotations

import ast
import itertools
import keyword
import re
from collections.abc import Sequence
from typing import Any

from absl import flags
from ml_collections import ConfigDict

from gax.config import choices, config_file
from gax.core import schedules


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
            result[unquoted(match[2])] = alone if match[3] is None else match[3]
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


def unquoted(path: str) -> str:
    """The path of a field as configs have it, e.g. `init.from`, for a path that is `quoted`."""
    return re.sub(r"\['(\w+)'\]", r'.\1', path)
