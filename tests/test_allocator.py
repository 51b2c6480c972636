"""Laws of the allocator's setting: it can be left alone, it does nothing where it cannot, and no bit depends on it."""

import subprocess
import sys

import pytest

from minires import allocator

FINGERPRINT = """
import hashlib, numpy as np
from minires.allocator import keep_freed_memory
from minires.gradients import loss, random_parameters, tiny_example, tiny_model, value_and_gradient
kept = keep_freed_memory()
model, rng = tiny_model("realformer"), np.random.default_rng(3)
params, batch = random_parameters(model, rng), tiny_example(model, rng)
gradient = value_and_gradient(lambda p: loss(model, p, batch)[0], params)[1]
print(kept, hashlib.sha256(b"".join(g.tobytes() for g in gradient.values())).hexdigest())
"""


def test_the_system_s_allocator_stays_where_the_environment_says_so(monkeypatch):
    monkeypatch.setenv("MINIRES_ALLOCATOR", "system")
    monkeypatch.setattr(allocator, "glibc_mallopt", lambda: pytest.fail)
    assert allocator.keep_freed_memory() is False


def test_any_other_word_in_the_environment_is_an_error_that_names_the_nearest(monkeypatch):
    monkeypatch.setenv("MINIRES_ALLOCATOR", "sytem")
    monkeypatch.setattr(allocator, "glibc_mallopt", lambda: pytest.fail)
    with pytest.raises(ValueError, match="unknown MINIRES_ALLOCATOR 'sytem': did you mean 'system'"):
        allocator.keep_freed_memory()


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_nothing_is_done_and_said_to_be(monkeypatch, platform):
    monkeypatch.setattr(allocator.sys, "platform", platform)
    assert allocator.keep_freed_memory() is False


def test_another_c_library_on_linux_is_left_alone(monkeypatch):
    class Musl:
        """A C library without gnu_get_libc_version; its mallopt must not be called."""

        mallopt = pytest.fail

    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: Musl())
    assert allocator.keep_freed_memory() is False


def test_a_setting_that_glibc_refuses_is_not_said_to_be_done(monkeypatch):
    asked = []
    monkeypatch.setattr(allocator, "glibc_mallopt", lambda: lambda name, value: asked.append((name, value)) or name != -4)
    assert allocator.keep_freed_memory() is False and len(asked) == 3


@pytest.mark.slow
@pytest.mark.skipif(allocator.glibc_mallopt() is None, reason="the C library of this system is not glibc")
def test_no_bit_of_a_gradient_depends_on_it_and_an_import_does_not_set_it():
    told = [subprocess.run([sys.executable, "-c", FINGERPRINT], capture_output=True, text=True, check=True,
                           env={**allocator.os.environ, "MINIRES_ALLOCATOR": choice}).stdout.split()
            for choice in ("keep", "system")]
    assert [kept for kept, _ in told] == ["True", "False"] and told[0][1] == told[1][1]
