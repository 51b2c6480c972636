"""Files are written under a temporary name in the same folder and renamed: there is never half of one."""

import os
import tempfile


def write_atomically(path, write):
    """write(file) into a temporary binary file beside `path`, then rename it. On failure nothing is left behind."""
    path = os.path.abspath(path)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=f".{os.path.basename(path)}.")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def umask():
    """The permissions that new files do not get; the system tells only by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def writable_folder(path):
    """Make the folder if it is not there; ValueError in one line if it cannot be made or written to."""
    try:
        os.makedirs(path, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        raise ValueError(f"output folder {path!r} cannot be written: {error.strerror or error}") from None
