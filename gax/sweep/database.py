"""The database of a sweep: SQLite in its folder or a PostgreSQL server, with one lock.

Messages of errors contain no password.
"""

from __future__ import annotations

import contextlib
import fcntl
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from gax import errors, paths

PATIENCE = 60.0  # seconds for which a failed query is repeated
SQLITE = {'timeout': 30}  # seconds to wait for another process's transaction
# From databases without an encoding (SQL_ASCII) psycopg would return bytes instead of text.
POSTGRESQL = {'connect_timeout': 30, 'client_encoding': 'utf8'}
KEY = 0x67617820737765  # of the advisory lock: one for all sweeps, as the first of them creates the tables


class StorageError(errors.GaxError):
    """The database does not answer as it should; it may later."""


class Database:
    """A database, and one lock for all decisions that workers share.

    Attributes:
      url: Its URL for SQLAlchemy.
      sqlite: Whether it is SQLite.
      options: Keyword arguments of `sqlalchemy.create_engine`.
      engine: The engine.
    """

    def __init__(self, url: str, workdir: Path) -> None:
        """Prepares the connection without opening it.

        Args:
          url: '' for SQLite in the workdir, or a URL of SQLite or PostgreSQL.
          workdir: The folder of the sweep.

        Raises:
          GaxError: The URL cannot be used, or Optuna is not installed.
        """
        try:
            import optuna
            import sqlalchemy
        except ImportError as error:
            raise errors.GaxError(f"sweeps need Optuna: pip install 'gax[sweep]' ({error})") from error
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.url, self._workdir = address(url, workdir), workdir
        self.sqlite = self.url.startswith('sqlite')
        self.options: dict[str, Any] = {'connect_args': dict(SQLITE if self.sqlite else POSTGRESQL)}
        if not self.sqlite:
            self.options['pool_pre_ping'] = True
        if not self.sqlite:
            check_address(self.url)
        with self.plain_errors():
            self.engine = sqlalchemy.create_engine(self.url, **self.options)

    def reach(self) -> None:
        """Connects to the server. For SQLite, which would create its file, this does nothing.

        Raises:
          StorageError: There is no server, or it refuses the connection.
        """
        if not self.sqlite:
            with self.plain_errors(), self.engine.connect():
                pass

    @contextlib.contextmanager
    def mutex(self) -> Iterator[None]:
        """A context that one worker at a time enters. The lock is released even if the worker is killed."""
        import sqlalchemy

        if self.sqlite:
            with errors.plain_os_errors(self._workdir):
                file = open(self._workdir / '.sweep.lock', 'w', encoding='utf-8')  # noqa: SIM115
            with file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
            return
        with self.engine.begin() as connection:
            connection.execute(sqlalchemy.text('SELECT pg_advisory_xact_lock(:key)'), {'key': KEY})
            yield

    @contextlib.contextmanager
    def plain_errors(self) -> Iterator[None]:
        """A context that turns errors of the database into one line, without the password."""
        import optuna
        import sqlalchemy

        known = (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.OptunaError, ImportError)
        try:
            yield
        except known as error:
            cause: BaseException = error
            while isinstance(cause.__cause__, Exception):  # the driver's message
                cause = cause.__cause__
            safe_url, message = hidden(self.url, errors.first_line(cause))
            driver = "; PostgreSQL needs psycopg: pip install 'gax[sweep]'" * isinstance(cause, ImportError)
            raise StorageError(f'the storage {safe_url} cannot be used: {message}{driver}') from error

    def patiently(self, act: Callable[[], Any]) -> Any:
        """Calls `act` until the database answers; returns its result.

        Raises:
          StorageError: The database has not answered for PATIENCE seconds.
        """
        began = time.monotonic()
        while True:
            try:
                with self.plain_errors():
                    return act()
            except StorageError:
                if time.monotonic() - began > PATIENCE:
                    raise
                time.sleep(1.0)


def hidden(url: str, message: str) -> tuple[str, str]:
    """The URL and a message about it, without the password."""
    import sqlalchemy

    where = sqlalchemy.make_url(url)
    if where.password:
        message = message.replace(str(where.password), '***')
    return where.render_as_string(hide_password=True), message


def check_address(url: str) -> None:
    """Checks a URL. The message does not repeat the URL, as any part of it may be the password.

    Raises:
      GaxError: SQLAlchemy cannot read it, or the password is in its query.
    """
    import sqlalchemy

    try:
        where = sqlalchemy.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError) as error:
        raise errors.GaxError('--storage cannot be read as postgresql://USER@HOST:PORT/DATABASE') from error
    if 'password' in where.query:
        raise errors.GaxError(
            '--storage: a password stands before the @ (or in ~/.pgpass, or PGPASSWORD), not after a ?'
        )


def address(url: str, workdir: Path) -> str:
    """The URL for SQLAlchemy.

    Raises:
      GaxError: It is of neither SQLite nor PostgreSQL.
    """
    scheme, colon, rest = url.partition('://')
    if not url:
        return sqlite(workdir / 'sweep.db')
    if not colon or scheme not in ('sqlite', 'postgresql', 'postgres', 'postgresql+psycopg'):
        raise errors.GaxError(
            '--storage must be postgresql://USER@HOST/DATABASE or sqlite:///FILE, and begins otherwise'
        )
    if scheme == 'sqlite':
        file, query, options = rest.removeprefix('/').partition('?')
        return sqlite(paths.user(unquote(file))) + query + options if file else url
    return f'postgresql+psycopg://{rest}'


def sqlite(file: Path) -> str:
    """The URL of a file with any name: characters with a meaning in URLs are quoted, other bytes stay."""
    return 'sqlite:///' + re.sub('[%?#]', lambda match: quote(match[0]), str(file))
