"""What mistakes of the Transformers are made with: where they apply, and changes of a record's functions."""

import autograd.numpy as np

from minires.model import Transformer
from minires.oracle.mistakes.mistake import transformer
from minires.residual import members
from minires.residual.hidden.norm_placement import OUTPUT_NORM, POST_NORM, PRE_NORM, SANDWICH_NORM


def model_of(case):
    """The case's description."""
    return Transformer(**case.config["model"])


def having(**wanted):
    """Cases of a Transformer whose description has one of these values: having(norm=("layer",), kind=("decoder",))."""
    return lambda case: transformer(case) and all(getattr(model_of(case), name) in values for name, values in wanted.items())


def variant(*names):
    """Cases of one of these variants, alone or in a combination."""
    return lambda case: transformer(case) and bool(set(names) & set(members(case.config["model"]["variant"])))


def both(*conditions):
    """Cases that meet all conditions."""
    return lambda case: all(condition(case) for condition in conditions)


def same(fields, *placements):
    """Cases whose record has these functions of one of the norm placements."""
    return lambda case: transformer(case) and any(
        all(getattr(model_of(case).residual, field) is getattr(placement,
                                                               field) for field in fields) for placement in placements)


normed_before = same(("read", "write", "finish"), PRE_NORM)      # x + f(norm(x))
normed_after = same(("read", "write", "finish"), POST_NORM)      # norm(x + f(x))
normed_last = same(("finish",), PRE_NORM)                        # a final norm
one_stream = same(("start", "expand", "enter", "write", "finish"), POST_NORM, PRE_NORM, SANDWICH_NORM, OUTPUT_NORM)


def given(name):
    """Cases with this input."""
    return lambda case: transformer(case) and any(
        key == f"inputs.{name}" or key.startswith(f"inputs.{name}.") for key in case.values)


def deep(layers):
    """Cases of a Transformer with so many layers or more."""
    return lambda case: transformer(case) and model_of(case).layers >= layers


def square(case):
    """Cases of a Transformer in which H K = D."""
    model = transformer(case) and model_of(case)
    return bool(model) and model.heads * model.head_width_ == model.width


def grouped(case):
    """Cases of a Transformer with fewer key/value heads than heads."""
    return transformer(case) and model_of(case).kv_heads_ < model_of(case).heads


def changed(**changes):
    """A change of the record: each named function replaced by change(the function)."""
    return lambda residual: residual._replace(**{field: change(getattr(residual, field)) for field, change in changes.items()})


def from_second(change):
    """change(fresh, past, here) from the second layer on, for a change of `scores`; the first has nothing to add."""
    return lambda right: lambda fresh, past, here: change(fresh, past, here) if past else fresh


def mask_of(here, finite=None):
    """The mask of this layer (zeros where there is none), -inf taken to be `finite` where that is given."""
    mask = here.mask()
    mask = np.zeros((1, 1)) if mask is None else mask
    return mask if finite is None else np.where(mask == -np.inf, finite, mask)


def without(here, **changes):
    """The place with another context: without(here, bias=None)."""
    return here._replace(context=here.context._replace(**changes))
