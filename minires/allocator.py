"""Keeping freed memory in the process, for loops whose large temporary arrays come and go at every operation.

The C library returns a large freed block to the system, and the system hands its pages out again, zeroed, one fault
each: 20 to 35 % of the time of a training step. Told to keep them, it hands the same memory to the next array. No result
depends on it, and the peak of memory stays what it was; only that the process keeps what it had at its peak. It holds for
the whole process, so it is set by what runs (a training, a command), never by an import.
"""

import ctypes
import os
import sys

from minires.errors import one_of

VARIABLE = "MINIRES_ALLOCATOR"  # of the environment: "system" leaves the allocator as it is
CHOICES = {"keep": True, "system": False}
# numbers of glibc's malloc.h, see mallopt(3)
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8
# no block is mapped by itself; 2 GB at the end of the heap are not trimmed; all threads share one arena
SETTINGS = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: 2 ** 31 - 1, M_ARENA_MAX: 1}


def keep_freed_memory():
    """Have glibc keep freed blocks, in one arena for all threads; True where that was done.

    False: nothing was done, without glibc (macOS, Windows, musl) or with MINIRES_ALLOCATOR=system in the environment; or
    glibc refused a setting.
    ValueError: any other value than keep and system.
    """
    mallopt = glibc_mallopt()
    if mallopt is None or not one_of(VARIABLE, os.environ.get(VARIABLE, "keep"), CHOICES):
        return False
    return all([mallopt(name, value) for name, value in SETTINGS.items()])


def glibc_mallopt():
    """The function mallopt of glibc; None where the process has another C library."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library.mallopt if hasattr(library, "gnu_get_libc_version") and hasattr(library, "mallopt") else None
