"""Files of the certificate folder: whole or not there, with the right mode, and belonging to whom the folder belongs."""

from __future__ import annotations

import os
from pathlib import Path

from edge_bridge.errors import CertificateError

READABLE, SECRET, FOLDER = 0o644, 0o600, 0o755


def write(file: Path, data: bytes, mode: int = READABLE) -> None:
    """Write a file in one go and onto the disk. Raises CertificateError."""
    draft = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        make_folder(file.parent)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        with os.fdopen(descriptor, "wb") as out:
            os.fchmod(descriptor, mode)
            _give_to_owner_of(file.parent, descriptor)
            out.write(data)
            out.flush()
            os.fsync(descriptor)
        draft.replace(file)
        _settle(file.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise unwritable(file, error) from error


def append(file: Path, line: str) -> None:
    """Add one line to a file and onto the disk. Raises CertificateError."""
    try:
        make_folder(file.parent)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, READABLE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            _give_to_owner_of(file.parent, descriptor)
            out.write(line + "\n")
            out.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise unwritable(file, error) from error


def read(file: Path) -> bytes | None:
    """Return a file's bytes, None when it is not there. Raises CertificateError when it cannot be read."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CertificateError(
            f"cannot read {file}: {error.strerror}", "run it as root, or as the user of the service"
        ) from error


def remove(file: Path) -> None:
    """Remove a file that may be gone already. Raises CertificateError."""
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(file, error) from error


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each for the owner of the one above it. Raises OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=FOLDER, exist_ok=True)
    if os.geteuid() == 0:
        above = folder.parent.stat()
        os.chown(folder, above.st_uid, above.st_gid)


def unwritable(file: Path, error: OSError) -> CertificateError:
    """Return the error for a file that cannot be written, with what to do."""
    return CertificateError(
        f"cannot write {file}: {error.strerror}",
        f"let the user of the service write in {file.parent}, look at the space on the disk, or set `pki` to another folder",
    )


def _give_to_owner_of(folder: Path, descriptor: int) -> None:
    """Leave nothing of root's in a folder of the service, where the service could not change it."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _settle(folder: Path) -> None:
    """Have the folder's new entry survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
