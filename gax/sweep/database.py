"""The database of a sweep: SQLite in its folder or a PostgreSQL server; one lock over it; errors without
passwords.
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

PATIENCE = 60.0  # seconds for which a database that does not answer is asked again
SQLITE = {'timeout': 30}  # seconds to wait for another process's transaction
# Of a server whose databases have no encoding (SQL_ASCII) psycopg would give bytes for text.
POSTGRESQL = {'connect_timeout': 30, 'client_encoding': 'utf8'}
KEY = 0x67617820737765  # of the advisory lock: one for all sweeps, as the first of them makes the tables


class StorageError(errors.GaxError):
    """The database does not answer, or not as it should; it may later."""


class Database:
    """A URL that SQLAlchemy takes, and the one lock over all that workers decide together."""

    def __init__(self, url: str, workdir: Path) -> None:
        """url: '' for SQLite in the workdir. Raises GaxError for a kind that cannot be used."""
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
        """Raises StorageError where there is no server, or it does not let us in.

        SQLite makes its file: not asked.
        """
        if not self.sqlite:
            with self.plain_errors(), self.engine.connect():
                pass

    @contextlib.contextmanager
    def mutex(self) -> Iterator[None]:
        """One worker at a time, whatever happens to the one inside."""
        import sqlalchemy

        if self.sqlite:
            with errors.plain_os_errors(self._workdir):
                file = open(self._workdir / '.sweep.lock', 'w', encoding='utf-8')  # noqa: SIM115 (closed below)
            with file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
            return
        with self.engine.begin() as connection:
            connection.execute(sqlalchemy.text('SELECT pg_advisory_xact_lock(:key)'), {'key': KEY})
            yield

    @contextlib.contextmanager
    def plain_errors(self) -> Iterator[None]:
        """Turns what the database or its driver raise into one line, without the password."""
        import optuna
        import sqlalchemy

        known = (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.OptunaError, ImportError)
        try:
            yield
        except known as error:
            cause: BaseException = error
            while isinstance(cause.__cause__, Exception):  # the driver's own words
                cause = cause.__cause__
            shown, said = hidden(self.url, errors.first_line(cause))
            driver = "; PostgreSQL needs psycopg: pip install 'gax[sweep]'" * isinstance(cause, ImportError)
            raise StorageError(f'the storage {shown} cannot be used: {said}{driver}') from error

    def patiently(self, act: Callable[[], Any]) -> Any:
        """What `act` returns, called again while the database does not answer.

        Raises StorageError after PATIENCE.
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


def hidden(url: str, said: str) -> tuple[str, str]:
    """The URL and a message about it, without the password."""
    import sqlalchemy

    where = sqlalchemy.make_url(url)
    if where.password:
        said = said.replace(str(where.password), '***')
    return where.render_as_string(hide_password=True), said


def check_address(url: str) -> None:
    """Raises GaxError for a URL that SQLAlchemy cannot read; it is not repeated, as who knows what of it is
    the password.
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
    """The storage for SQLAlchemy. Raises GaxError for a kind that is neither SQLite nor PostgreSQL."""
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
    """The URL of a file of any name: what would have a meaning in a URL is quoted, bytes that are no UTF-8
    stay."""
    return 'sqlite:///' + re.sub('[%?#]', lambda found: quote(found[0]), str(file))
