"""Mistakes in the activation."""

from minires import activations
from minires.oracle.mistakes.mistake import Mistake
from minires.oracle.mistakes.places import having


def gelu(scale=None, cubic=activations.CUBIC):
    """x/2 (1 + tanh(scale (x + cubic x^3))); scale None: sqrt(2/pi)."""
    def function(x):
        inner = (activations.gelu_scale(x) if scale is None else scale) * (x + cubic * x * x * x)
        return 0.5 * x * (1 + activations.tanh(inner))
    return function


def instead(function, name="gelu_tanh"):
    """The activation called `name` replaced, also in the masked-LM head."""
    places = {"minires.activations.ACTIVATIONS": lambda right: {**right, name: function}}
    return {**places, "minires.forward.gelu_tanh": lambda right: function} if name == "gelu_tanh" else places


def rectified(x):
    """max(x, 0)."""
    return activations.relu(x)


TANH = "x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))"
uses = having(activation=("gelu_tanh",))
MISTAKES = {
    "gelu-erf-for-tanh": Mistake(
        "activation", "GELU in its exact form, x Phi(x), where the tanh form is asked for", TANH, uses,
        instead(activations.gelu_erf), seen=("Lightning-AI/litgpt issue 1031",),
        listed=("realformer F50", "oracle 12.1", "oracle 15")),
    "gelu-tanh-for-erf": Mistake(
        "activation", "GELU in its tanh form where the exact form is asked for", "x Phi(x), Phi(x) = (1 + erf(x / sqrt 2)) / 2",
        having(activation=("gelu_erf",)), instead(activations.gelu_tanh, "gelu_erf"),
        seen=("Lightning-AI/litgpt issue 1031",), listed=("oracle 15",)),
    "gelu-sigmoid": Mistake(
        "activation", "GELU approximated by x sigmoid(1.702 x)", TANH, uses,
        instead(lambda x: x * activations.sigmoid(1.702 * x)), listed=("oracle 12.1",)),
    "relu-for-gelu": Mistake("activation", "ReLU where GELU is asked for", TANH, uses, instead(rectified),
                             listed=("oracle 12.1",)),
    "gelu-scale-0.8": Mistake(
        "activation", "GELU with 0.8 for sqrt(2/pi) = 0.7979", TANH, uses, instead(gelu(scale=0.8)),
        listed=("oracle 12.1",)),
    "gelu-cubic-0.0447": Mistake(
        "activation", "GELU with 0.0447 for 0.044715", TANH, uses, instead(gelu(cubic=0.0447)), listed=("oracle 12.1",)),
    "gate-and-value-swapped": Mistake(
        "activation", "the activation is on x W_1 instead of on the gate", "(silu(x W_gate) * (x W_1)) W_2",
        having(activation=("swiglu",)), {"minires.transformer.feed_forward": lambda right: swapped(right)}),
}


def swapped(feed_forward):
    """The network with W_1 and W_gate in each other's place."""
    def wrong(x, activation, W_1, W_2, b_1=None, b_2=None, W_gate=None, b_gate=None, **places):
        output, record = feed_forward(x, activation, W_gate, W_2, b_gate, b_2, W_1, b_1, **places)
        return output, {**record, "inner": record["gate"], "gate": record["inner"]}
    return wrong
