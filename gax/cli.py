"""What the scripts share: flags read with one-line errors, logging, the compilation cache, the exit status."""

from __future__ import annotations

import io
import logging
import shlex
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from absl import flags

from gax import arguments, errors, paths

flags.DEFINE_bool('debug', False, 'Show the traceback of an error.')
flags.DEFINE_string('compilation_cache', '~/.cache/gax', 'Folder of compiled programs; empty for none.')

HELP = ('--help', '-help', '-h', '--helpshort', '--helpfull')


def run(main: Callable[[list[str]], int | None]) -> None:
    """Reads the flags, calls `main` and exits.

    Status 0: done. 2: a mistake in what was given, told in one line on stderr (--debug: the traceback before it).
    128 + the signal's number: stopped by SIGTERM (143) or Ctrl-C (130).
    """
    from gax import hosts

    hosts.end(guarded(main, sys.argv))


def guarded(main: Callable[[list[str]], int | None], argv: Sequence[str]) -> int:
    """The exit status of `main` under the flags in `argv`."""
    if any(a in HELP for a in argv[1:]):
        print(usage(argv[0]))
        return 0
    try:
        argv = with_home(argv)
        arguments.check(argv[1:], flags.FLAGS)
        rest = flags.FLAGS(argv)
        configure(flags.FLAGS.compilation_cache)
        return main(rest) or 0
    except (errors.GaxError, flags.Error) as error:
        return complain(error, any(a in ('--debug', '-debug', '--debug=true') for a in argv))
    except KeyboardInterrupt:
        print('gax: interrupted', file=sys.stderr)
        return 130


def complain(error: Exception, debug: bool) -> int:
    """Prints the error as one line; with `debug` its traceback first. Returns the exit status."""
    if debug:
        traceback.print_exception(error)
    print(f'gax: error: {" ".join(str(error).split())}', file=sys.stderr)
    return 2


def usage(script: str) -> str:
    """The script's docstring, then our flags with their defaults."""
    doc = (getattr(sys.modules['__main__'], '__doc__', '') or '').strip()
    lines = [doc, '', 'Flags:']
    for name in arguments.own(flags.FLAGS):
        flag = flags.FLAGS[name]
        required = flag.validators and flag.default is None
        value = 'required' if required else f'default {flag.default_as_str or "none"}'
        lines.append(f'  --{name:<18} {flag.help} ({value})')
    return '\n'.join(lines)


def configure(cache: str = '') -> None:
    """Logging on stderr, and compiled programs kept in the folder `cache` from one start to the next."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files are bytes: they are printed as they are
            stream.reconfigure(encoding='utf-8', errors='surrogateescape')
    logging.basicConfig(
        format='%(levelname)s %(message)s', level=logging.WARNING, stream=sys.stderr, force=True
    )
    logging.getLogger('gax').setLevel(logging.INFO)
    logging.getLogger('jax').setLevel(logging.WARNING)  # or it says which accelerators it did not find
    folder = cache_folder(cache)
    if folder:
        import jax

        jax.config.update('jax_compilation_cache_dir', str(folder))
        jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.1)
        logging.getLogger('jax._src.compiler').setLevel(logging.ERROR)  # a cache that is full is no mishap


def cache_folder(text: str) -> Path | None:
    """Where compiled programs are kept; None for nowhere, and for the default where nobody knows the home that it is in."""
    try:
        return paths.user(text) if text else None
    except errors.GaxError:
        if text != flags.FLAGS['compilation_cache'].default:
            raise
        return None


def with_home(argv: Sequence[str]) -> list[str]:
    """The arguments with the home that --config may begin with: absl opens that file by itself."""
    result = list(argv)
    for place, (before, word) in enumerate(zip(('', *argv), argv, strict=False)):
        name, equals, value = word.partition('=') if word.startswith('-') else (before, '', word)
        if name in ('--config', '-config') and value.startswith('~'):
            result[place] = f'{name}=' * bool(equals) + str(paths.user(value))
    return result


def report(workdir: Path, done: int, steps: int, stopped_by: str, quiet: bool = False) -> int:
    """Says where the results are, or how to go on; returns the exit status (0, or 128 + the signal's number)."""
    import signal

    if quiet:
        return 128 + signal.Signals[stopped_by].value if stopped_by else 0
    if stopped_by:
        print(
            f'gax: {stopped_by}: saved at step {done} of {steps} in {workdir}; the same command goes on from there'
        )
        return 128 + signal.Signals[stopped_by].value
    print(f'gax: {done} steps done{" (stopped early)" * (done < steps)}. Look at:')
    for name in ('samples', 'samples.gif', 'curves.png', 'metrics.jsonl', 'eval.jsonl'):
        path = workdir / name
        if path.is_dir():
            path = max(path.glob('[0-9]*.png'), default=path)
        if path.exists():
            print(f'  {path}')
    folder = shlex.quote(str(workdir))  # commands are there to be copied
    if any(workdir.glob('events.out.tfevents.*')):
        print(f'TensorBoard:   tensorboard --logdir={folder}')
    print(f'Evaluation:    python experiments/evaluate.py --workdir={folder} --num=5000')
    print(f'More samples:  python experiments/sample.py --workdir={folder} --num=64 --out=grid.png')
    return 0
