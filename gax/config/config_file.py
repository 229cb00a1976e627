"""Loads a config: a file, or the name of a config that comes with gax.

A failure is one line, with the line number of the file.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ml_collections import ConfigDict

from gax import errors, paths
from gax.config import defaults as configs
from gax.config import section_fields

ROOT = Path(__file__).parents[1] / 'examples'  # holds `configs`, those that come with gax


def load_config(path: str) -> ConfigDict:
    """Loads the config that `get_config` of a file returns.

    Args:
      path: 'FILE', or 'FILE:ARGUMENT' to call `get_config` with an argument; or the config.json of a run. In
        place
        of a file, the name of a config that comes with gax: 'mnist', 'images:FOLDER'.

    Returns:
      The config.

    Raises:
      GaxError: Any failure, with the line of the file if it is known.
    """
    if path.endswith('.json'):
        return restored(paths.user(path))
    name, colon, argument = path.partition(':')
    module = load(name)
    if not hasattr(module, 'get_config'):
        raise errors.GaxError(f'config file {name} defines no get_config()')
    config = called(find(name), lambda: module.get_config(*[argument] * bool(colon)))
    if not isinstance(config, ConfigDict):
        raise errors.GaxError(
            f'config file {name}: get_config() must return a ConfigDict, and returned {type(config).__name__}'
        )
    return config


def find(name: str) -> Path:
    """The file `name`, or else the file of the config of gax with this name, 'mnist' or 'mnist.py'."""
    file = paths.user(name)
    example = ROOT / 'configs' / f'{name.removesuffix(".py")}.py'
    named = re.fullmatch(r'[a-zA-Z]\w*(\.py)?', name)
    return example if named and not file.is_file() and example.is_file() else file


def examples() -> list[str]:
    """The names of the configs that come with gax."""
    return sorted(path.stem for path in (ROOT / 'configs').glob('[a-z]*.py'))


def restored(file: Path) -> ConfigDict:
    """The config of a run, from its config.json.

    Raises:
      GaxError: The file does not exist, cannot be read, or does not fit this version of gax.
    """
    if not file.is_file():
        raise errors.GaxError(no_such_config(file))
    try:
        return configs.restored(json.loads(file.read_text(encoding='utf-8')))
    except (OSError, ValueError, AttributeError, errors.GaxError) as error:
        raise errors.GaxError(f'config file {file} cannot be used: {errors.first_line(error)}') from error


def load(path: str) -> ModuleType:
    """The module of a config file.

    Args:
      path: 'FILE' or 'FILE:ARGUMENT'.

    Returns:
      The module; an empty one for a config.json, which has no functions.

    Raises:
      GaxError: There is no such file, or it cannot be run.
    """
    file = find(path.partition(':')[0])
    if file.suffix == '.json':
        return ModuleType('gax_config')  # the config of a run has no functions
    if not file.is_file() or file.suffix != '.py':
        raise errors.GaxError(no_such_config(file))
    make_importable(file)
    spec = importlib.util.spec_from_file_location('gax_config', file)
    assert spec is not None
    loader = spec.loader
    assert loader is not None
    module = importlib.util.module_from_spec(spec)
    called(file, lambda: loader.exec_module(module))
    return module


def called(file: Path, part: Callable[[], Any]) -> Any:
    """Calls a part of a config file.

    Args:
      file: The file.
      part: The function to call.

    Returns:
      What `part` returns.

    Raises:
      GaxError: Any error of `part`; the message names the file.
    """
    try:
        return part()
    except errors.GaxError as error:
        raise errors.GaxError(str(error) if str(file) in str(error) else f'{file}: {error}') from error
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and (error.name or '').partition('.')[0] == 'configs':
            reason = f'it imports {error.name}, {no_neighbour(error.name or "")}'
        else:
            reason = f'{type(error).__name__}: {errors.first_line(error)}{not_chosen(error)}'
        raise errors.GaxError(f'config file {file} cannot be used: {reason}{line_of(error, file)}') from error


def not_chosen(error: Exception) -> str:
    """The message for a term or another section that the config has only once it is chosen; or ''."""
    name = errors.first_line(error).strip('\'"')
    terms, sections = (section_fields.offered(ConfigDict(), section) for section in ('terms', ''))
    if not isinstance(error, AttributeError) or not isinstance({**terms, **sections}.get(name), Mapping):
        return ''
    path = f'terms.{name}' if name in terms else name
    return f": choose(config, '{path}', {next(iter({**terms, **sections}[name]))}=...) brings it"


def make_importable(file: Path) -> None:
    """Lets a config import others as `configs.NAME`, from any working directory, also in a copy.

    Python looks for them in the parent of the file's folder if that folder is a package, in the current
    folder, and among the configs that come with gax.
    """
    folder = file.absolute().parent
    roots = [folder.parent] if (folder / '__init__.py').exists() else []
    roots += [
        root
        for root in (Path.cwd(), ROOT)
        if root == Path.cwd() or (root / 'configs' / '__init__.py').exists()
    ]
    sys.path += [root for root in dict.fromkeys(map(str, roots)) if root not in sys.path]


def no_neighbour(module: str) -> str:
    """The message for an import of configs.NAME that fails."""
    name = module.replace('.', '/')
    return (
        f"which is not there: copy {name}.py of gax's repository, too, into a folder called configs "
        'with an empty __init__.py, and this file beside it'
    )


def line_of(error: Exception, file: Path) -> str:
    """The text ' (line 7)', with the line of the file; '' if it is not known."""
    if isinstance(error, SyntaxError):
        return ''  # the error's text has the line
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f.lineno for f in frames if Path(f.filename).absolute() == file.absolute()]
    return f' (line {lines[-1]})' if lines else ''


def no_such_config(file: Path) -> str:
    """The message for a file that does not exist, when no config of gax has that name either."""
    folder = file.parent if file.parent.is_dir() and any(file.parent.glob('*.py')) else Path('configs')
    names = sorted(str(p) for p in folder.glob('*.py') if p.stem != '__init__')
    near = errors.nearest(str(file), names) or errors.nearest(file.stem, examples(), 0.7)
    hint = f' (nearest: {near})' if near else ''
    listed = f'there are: {", ".join(names)}; by name' if names else 'by name there are'
    return f'no config file {file}{hint}; {listed}: {", ".join(examples()) or "none"}'
