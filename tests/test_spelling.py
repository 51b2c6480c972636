"""The switch between the spellings: where it holds, what stays fused, what is refused."""

import subprocess
import sys
from contextvars import copy_context
from threading import Barrier, Thread

import autograd.numpy as np
import numpy
import pytest
from autograd.util import toposort

from minires.activations import gated, gelu_tanh
from minires.differentiation import own_trace, rooted
from minires.layers import embedding, layer_norm, linear
from minires.oracle.case import program
from minires.oracle.cases import CASES
from minires.oracle.mistakes import MISTAKES, planted
from minires.spelling import OPERATIONS, SPELLINGS, plain, spelling

X, W, GAIN = (numpy.random.default_rng(0).standard_normal(shape) for shape in ((3, 4), (4, 5), (5,)))


def nodes():
    """How many nodes of autograd's graph a map, a norm and an activation have, each."""
    def count(operation, *arrays):
        with own_trace() as trace:
            return len(list(toposort(operation(*(rooted(array, trace) for array in arrays))._node))) - len(arrays)
    return {"linear": count(lambda x, W, b: linear(x, W, b), X, W, GAIN),
            "layer_norm": count(lambda x, gain: layer_norm(x, gain, epsilon=0.1), W, GAIN),
            "gelu_tanh": count(gelu_tanh, X)}


FUSED = {"linear": 1, "layer_norm": 1, "gelu_tanh": 1}


def all_plain(counts):
    return all(count > 1 for count in counts.values())


def test_fused_is_the_default_and_plain_has_more_nodes():
    assert nodes() == FUSED
    with spelling("plain"):
        assert all_plain(nodes())
    assert nodes() == FUSED


def test_spellings_nest():
    with spelling("plain"):
        with spelling("fused"):
            assert nodes() == FUSED and not plain()
            with spelling("plain"):
                assert all_plain(nodes())
            assert nodes() == FUSED
        assert all_plain(nodes()) and plain()
    assert not plain()


def test_an_exception_ends_the_spelling_too():
    with pytest.raises(ZeroDivisionError), spelling("plain"):
        assert plain()
        raise ZeroDivisionError
    assert nodes() == FUSED


@pytest.mark.parametrize("but", [("linear",), ("layer_norm", "gelu_tanh"), ["linear", "layer_norm", "gelu_tanh"]])
def test_what_is_named_stays_fused_and_nothing_else(but):
    with spelling("plain", but=but):
        counts = nodes()
        assert plain("rotated") and plain() and not plain(but[0])
    assert all(counts[name] == 1 if name in but else counts[name] > 1 for name in counts)


def test_an_operation_that_is_autograds_primitive_is_switched_too():
    def by_hand():
        """The derivative of an index is autograd's own object, not an array."""
        with own_trace() as trace:
            return type(embedding(rooted(X, trace), numpy.array([2, 0, 2]))._node.vjp(X)[0]) is numpy.ndarray
    assert by_hand()
    with spelling("plain"):
        assert not by_hand()
    with spelling("plain", but=("embedding",)):
        assert by_hand()


def test_a_spelling_holds_in_its_own_thread_only():
    found, ready, done = {}, Barrier(2, timeout=20), Barrier(2, timeout=20)

    def other():
        ready.wait()  # while the first thread is in its context
        found["other"] = nodes()
        with spelling("plain", but=("linear",)):
            found["own"] = nodes()
            done.wait()
            done.wait()
    thread = Thread(target=other)
    with spelling("plain"):
        thread.start()
        ready.wait()
        done.wait()  # while the second thread is in its
        found["first"] = nodes()
        done.wait()
        thread.join(20)
    assert found["other"] == FUSED and all_plain(found["first"])
    assert found["own"]["linear"] == 1 < found["own"]["layer_norm"]


def test_a_copy_of_the_context_takes_the_spelling_along():
    with spelling("plain"):
        context = copy_context()
    assert nodes() == FUSED and all_plain(context.run(nodes))


def test_the_spelling_is_chosen_when_an_operation_is_called_not_when_its_derivative_is():
    with spelling("plain"), own_trace() as trace:
        y = gated(rooted(X, trace), X)
    assert len(list(toposort(y._node))) > 2
    assert np.shape(y._node.vjp(X)[0]) == X.shape


# ---- what is refused -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["plan", "", None, 3])
def test_an_unknown_spelling_is_refused_in_one_line(name):
    with pytest.raises(ValueError, match=r"unknown spelling .*choose from fused, plain$") as error, spelling(name):
        pass
    assert "\n" not in str(error.value) and not plain()


@pytest.mark.parametrize("but, near", [(("linaer",), "linear"), (("linear", "layernorm"), "layer_norm"),
                                       (("gelu_tahn",), "gelu_tanh")])
def test_an_unknown_operation_is_refused_with_the_nearest(but, near):
    with pytest.raises(ValueError, match=f"unknown operation {but[-1]!r}: did you mean '{near}'") as error:
        with spelling("plain", but=but):
            pass
    assert "\n" not in str(error.value) and not plain()


def test_a_name_is_not_taken_for_names():
    with pytest.raises(ValueError, match="unknown operation 'l'"), spelling("plain", but="linear"):
        pass


def test_operations_are_known_before_anything_else_is_imported():
    program = "from minires.spelling import spelling\nwith spelling('plain', but=('scaled_product', 'embedding')): pass"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_every_form_and_every_primitive_by_hand_has_its_name():
    assert {"linear", "group_product", "scaled_product", "rotated", "layer_norm", "rms_norm", "masked_softmax", "cross_entropy",
            "gelu_tanh", "gated", "embedding", "softmax"} <= set(OPERATIONS)
    assert set(SPELLINGS) == {"fused", "plain"} and "<lambda>" not in OPERATIONS


def test_what_is_planted_in_a_part_of_an_operation_is_not_passed_by():
    """A mistake in `attention.softmax` changes a run, though a fused form of the whole would not call it."""
    case = CASES["transformer/vanilla-decoder"]()
    right = program(case, case.values)["logits"]
    with planted(case, MISTAKES["softmax-over-queries"]) as wrong:
        assert np.max(abs(program(wrong, wrong.values)["logits"] - right)) > 1e-3
    numpy.testing.assert_array_equal(program(case, case.values)["logits"], right)
