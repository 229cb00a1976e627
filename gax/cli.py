"""What the scripts share: flags read with one-line errors, logging, the compilation cache, the exit
status.
"""

from __future__ import annotations

import codecs
import io
import logging
import os
import re
import select
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from absl import flags
from ml_collections import ConfigDict

from gax import errors, paths
from gax.config import arguments, flag_errors, section_fields
from gax.config import defaults as configs

CACHE = '~/.cache/gax'
JAX_CACHE = 'JAX_COMPILATION_CACHE_DIR'  # the user's own choice for all programs that use JAX
DEBUG = re.compile('--?debug(=(true|t|1))?', re.IGNORECASE)  # read also where parsing has failed before it
HELP = ('--help', '-help', '-h', '--helpshort', '--helpfull')


def run(
    main: Callable[[list[str]], int | None],
    define_flags: Callable[[], object] = lambda: None,
    doc: str | None = None,
) -> None:
    """Reads the flags, calls `main` and exits.

    Args:
        main: Takes the words that are no flags; returns the exit status, None for 0.
        define_flags: Defines the flags of the command. Those that all commands share are defined beside.
        doc: What --help says first; the docstring of the script if it is None.

    Status 0: done. 2: a mistake in what was given, told in one line on stderr (--debug: the traceback before
    it). 128 + the signal's number: stopped by SIGTERM (143) or Ctrl-C (130), or nobody reads the output (141,
    SIGPIPE).
    """
    from gax.distributed import multihost

    define_flags()
    define_shared_flags()
    multihost.end(piped(lambda: guarded(main, sys.argv, doc)))


def define_shared_flags() -> None:
    """Defines the flags of every command; not where gax is only imported, as other programs have flags too."""
    if 'debug' not in flags.FLAGS:
        flags.DEFINE_bool('debug', False, 'Show the traceback of an error.')
    if 'compilation_cache' not in flags.FLAGS:
        flags.DEFINE_string(
            'compilation_cache',
            os.environ.get(JAX_CACHE) or CACHE,
            f'Folder of compiled programs; empty for none. {JAX_CACHE} sets the default.',
        )


def piped(work: Callable[[], int]) -> int:
    """The status that `work` returns; 141, without a word, where nobody reads what it prints (`| head -1`).

    A training has saved all by then, as it prints nothing on stdout before its end. The signal's own default
    in place of this would end the process at a socket that breaks, too.
    """
    try:
        status = work()
        sys.stdout.flush()
    except BrokenPipeError:
        unread = [stream for stream in (sys.stdout, sys.stderr) if is_unread(stream)]
        if not unread:
            raise  # another pipe, or a socket
        for stream in unread:  # or Python complains of what it cannot flush when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return 128 + signal.SIGPIPE
    return status


def is_unread(stream: TextIO) -> bool:
    """Whether the other end of the pipe that `stream` writes to is closed."""
    poll = select.poll()
    try:
        poll.register(stream.fileno(), 0)
    except OSError:  # a stream of Python's own
        return False
    return any(event & select.POLLERR for _, event in poll.poll(0))


def guarded(main: Callable[[list[str]], int | None], argv: Sequence[str], doc: str | None = None) -> int:
    """The exit status of `main` under the flags in `argv`. doc: see `usage`."""
    try:
        if any(word in HELP for word in argv[1:]):
            print(usage(argv, doc))
            return 0
        rest = arguments.parse(argv, flags.FLAGS)
        configure(flags.FLAGS.compilation_cache)
        return main(rest) or 0
    except errors.GaxError as error:
        return complain(error, any(DEBUG.fullmatch(word) for word in argv))
    except KeyboardInterrupt:
        print('gax: interrupted', file=sys.stderr)
        return 130
    except Exception as error:
        if (plain := errors.explained(error)) is None:
            raise
        return complain(plain.with_traceback(error.__traceback__), flags.FLAGS.debug)


def complain(error: Exception, debug: bool) -> int:
    """Prints the error as one line; with `debug` its traceback first. Returns the exit status."""
    if debug:
        traceback.print_exception(error)
    print(f'gax: error: {" ".join(str(error).split())}', file=sys.stderr)
    return 2


def usage(argv: Sequence[str], doc: str | None = None) -> str:
    """What --help prints: `doc`, the flags with their defaults, the fields of the config that `argv` names.

    doc: Its 'gax-train' is written as the command is called from here; None for the script's docstring.
    """
    doc = getattr(sys.modules['__main__'], '__doc__', '') if doc is None else doc
    text = re.sub(r'\bgax-([a-z-]+)', lambda match: errors.command(match[1]), (doc or '').strip())
    lines = [text, '', 'Flags:']
    for name in flag_errors.gax_flags(flags.FLAGS):
        flag = flags.FLAGS[name]
        required = flag.validators and flag.default is None
        value = 'required' if required else f'default {flag.default_as_str or "none"}'
        lines.append(f'  --{name:<18} {flag.help} ({value})')
    if 'config' in flags.FLAGS:
        lines += ['', *fields_of(arguments.config_of(argv))]
    return '\n'.join(lines)


def fields_of(config: ConfigDict | None) -> list[str]:
    """What --help says of the fields of a config: each as the flag that sets it to what it is."""
    if config is None:
        return ['Fields of a config, with their values: --help --config=FILE.']
    lines = [f'Fields of this config, of gan {config.gan!r} (gax/config and gax/gans say what they mean):']
    for path, kind in configs.fields_of(config).items():
        value = configs.get(config, path)
        text = (
            f'={shlex.quote(str(value))}' if value is not None else f'  ({configs.TYPE_NAMES[kind]}; not set)'
        )
        lines.append(f'  --config.{path}{text}')
    lines += ['Fields and sections that come as soon as one of their fields is set:']
    for section in section_fields.paths(config):
        holder = configs.get(config, section) if section else config
        more = [name for name in section_fields.offered(config, section) if name not in holder]
        lines += [f'more in config{"." * bool(section)}{section}: {", ".join(more)}'] * bool(more)
    return lines


def configure(cache: str = '') -> None:
    """Logging on stderr, and compiled programs kept in the folder `cache` from one start to the next."""
    logging.basicConfig(
        format='%(levelname)s %(message)s', level=logging.WARNING, stream=sys.stderr, force=True
    )
    if isinstance(
        sys.stdout, io.TextIOWrapper
    ):  # names of files are bytes: those that are no text are written as they are
        utf8 = codecs.lookup(sys.stdout.encoding).name == 'utf-8'
        sys.stdout.reconfigure(errors='surrogateescape' if utf8 else 'backslashreplace')
    logging.getLogger('gax').setLevel(logging.INFO)
    if os.environ.get('JAX_DISABLE_JIT', '').lower() in ('1', 'true', 't', 'yes', 'y', 'on'):
        raise errors.GaxError(
            'JAX_DISABLE_JIT is set, and gax runs compiled programs: unset it (jax.debug.print shows values within them, '
            'JAX_DEBUG_NANS=1 where a NaN arises)'
        )
    logging.getLogger('jax').setLevel(logging.WARNING)  # or it says which accelerators it did not find
    keep_programs(cache)


def keep_programs(cache: str) -> None:
    """Keeps compiled programs in the folder `cache` from one start to the next; nowhere if it is empty."""
    variable = os.environ.get(JAX_CACHE, '')
    if not (cache or variable):
        return
    import jax

    if cache != variable:  # JAX reads its own variable, which may name a bucket
        folder = cache_folder(cache)
        jax.config.update('jax_compilation_cache_dir', str(folder) if folder else None)
    if 'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS' not in os.environ:
        jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.1)
    logging.getLogger('jax._src.compiler').setLevel(logging.ERROR)  # a cache that is full is no mishap


def cache_folder(text: str) -> Path | None:
    """Where compiled programs are kept.

    Args:
      text: The flag.

    Returns:
      The folder. None for nowhere, and for the default where nobody knows the home that it is in.
    """
    try:
        return paths.user(text) if text else None
    except errors.GaxError:
        if text != CACHE:
            raise
        return None


def report(workdir: Path, done: int, steps: int, stopped_by: str, quiet: bool = False) -> int:
    """Says where the results are, or how to go on; returns the exit status (0, or 128 + the signal's
    number).
    """
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
    print(f'Evaluation:    {errors.command("evaluate")} --workdir={folder}')
    print(f'More samples:  {errors.command("sample")} --workdir={folder} --num=64 --out=grid.png')
    return 0
