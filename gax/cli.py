"""What the scripts share: flags read with one-line errors, logging, the compilation cache, the exit status."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path

from absl import app, flags
from ml_collections import ConfigDict

from gax import errors

flags.DEFINE_bool('debug', False, 'Show the traceback of an error.')
flags.DEFINE_string('compilation_cache', '~/.cache/gax', 'Folder of compiled programs; empty for none.')


def run(main: Callable[[list[str]], int | None]) -> None:
    """`app.run` with errors that say what to do: one line on stderr and status 2 (--debug: the traceback as well)."""

    def guarded(argv: list[str]) -> int:
        try:
            if len(argv) > 1:
                raise errors.GaxError(f'unexpected argument {argv[1]!r}; flags look like --workdir=runs/one')
            configure()
            return main(argv) or 0
        except errors.GaxError as error:
            return complain(error)

    app.run(guarded, flags_parser=parse_flags)


def parse_flags(argv: Sequence[str]) -> list[str]:
    """`flags.FLAGS(argv)`, with whatever goes wrong (absl, ml_collections, the config file itself) told in one line."""
    argv = list(argv)
    try:
        if any(a in ('--help', '-h', '-help', '--helpshort', '--helpfull') for a in argv):
            return app.parse_flags_with_usage(argv)
        return flags.FLAGS(argv)
    except SystemExit:
        raise
    except Exception as error:
        message = _flag_message(error, argv)
        sys.exit(complain(errors.GaxError(message), debug='--debug' in argv))


def _flag_message(error: Exception, argv: list[str]) -> str:
    if isinstance(error, errors.GaxError):
        return str(error)
    path = next((a.partition('=')[2] for a in argv if a.startswith('--config=')), '')
    if isinstance(error, (FileNotFoundError, IsADirectoryError, NotADirectoryError)) or 'configs/' in str(
        error
    ):
        if path and not Path(path.partition(':')[0]).is_file():
            return _no_such_config(path)
    text = ' '.join(str(error).split())
    if isinstance(error, (AttributeError, KeyError)) and (
        'override' in text.lower() or 'Did you mean' in text
    ):
        return text.strip('"\'')
    return f'{text[:400]} (run with --help for the flags, --debug for the traceback)'


def _no_such_config(path: str) -> str:
    folder = Path(path).parent if Path(path).parent.is_dir() else Path('configs')
    names = sorted(str(p) for p in folder.glob('*.py') if p.stem != '__init__')
    near = get_close_matches(path, names, n=1, cutoff=0.4)
    hint = f' (nearest: {near[0]})' if near else ''
    return f'no config file {path}{hint}; there are: {", ".join(names) or "none"}'


def complain(error: Exception, debug: bool | None = None) -> int:
    """Prints the error as one line; with --debug the traceback first. Returns the exit status."""
    if flags.FLAGS.debug if debug is None else debug:
        traceback.print_exc()
    print(f'gax: error: {error}', file=sys.stderr)
    return 2


def configure() -> None:
    """Logging on stderr, and compiled programs kept from one start to the next."""
    logging.basicConfig(format='%(levelname)s %(message)s', level=logging.WARNING, stream=sys.stderr)
    logging.getLogger('gax').setLevel(logging.INFO)
    logging.getLogger('jax').setLevel(logging.WARNING)  # or it says which accelerators it did not find
    import jax

    folder = flags.FLAGS.compilation_cache
    if folder:
        jax.config.update('jax_compilation_cache_dir', os.path.expanduser(folder))
        jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.3)


def frozen(config: ConfigDict) -> ConfigDict:
    """The config as parsed, locked: a misspelt field is an error from here on."""
    return config.lock()


def report(workdir: Path, done: int, steps: int, stopped_by: str | None) -> int:
    """Says where the results are, or how to go on; returns the exit status (0, or 128 + the signal's number)."""
    import signal

    if stopped_by:
        print(
            f'gax: {stopped_by}: saved at step {done} of {steps} in {workdir}; the same command goes on from there'
        )
        return 128 + signal.Signals[stopped_by].value
    print(f'gax: {done} steps done. Look at:')
    for name in ('samples', 'samples.gif', 'curves.png', 'metrics.jsonl'):
        path = workdir / name
        if path.is_dir():
            path = max(path.glob('*.png'), default=path)
        if path.exists():
            print(f'  {path}')
    print(
        f'  tensorboard --logdir={workdir}    more samples: python experiments/sample.py --workdir={workdir} --num=64 --out=grid.png'
    )
    return 0
