"""What a port does with a case: its tensors, all calls, the objective and the gradients."""

import numpy as np
import torch


class Answer:
    """`case`, `dtype`, `inputs`, `leaves` and `named` are set by the port, `forward` is its own."""

    cat = staticmethod(torch.cat)

    def tensor(self, name, value):
        """The array in this precision, a leaf where the objective is differentiated by it."""
        tensor = torch.from_numpy(np.array(value))
        if tensor.is_floating_point():
            tensor = tensor.to(self.dtype)
        return tensor.requires_grad_(name in self.case.differentiated)

    def keep(self, name, tensor):
        """Name a tensor or a nesting of them."""
        if isinstance(tensor, dict | list | tuple):
            for key, one in tensor.items() if isinstance(tensor, dict) else enumerate(tensor):
                self.keep(f"{name}.{key}", one)
        elif self.naming and isinstance(tensor, torch.Tensor):
            self.named[name] = tensor
            if tensor.requires_grad:
                tensor.retain_grad()

    def outputs(self):
        """All calls of the case: the loss, everything else in `named`."""
        plain = {name: value for name, value in self.inputs.items() if not name.startswith("earlier.")}
        before = {name[8:]: value for name, value in self.inputs.items() if name.startswith("earlier.")}
        if before:
            self.naming = False
            self.forward(before)
            self.naming = True
        logits, _ = self.forward(plain)
        self.keep("logits", logits)
        loss = self.cross_entropy(logits, plain["targets"], plain["weights"])
        self.decode(plain, self.case.config.get("decode", 0))
        return loss

    def decode(self, inputs, steps):
        """decode.0, decode.1, ..: logits (B, 1, V) of the last tokens, one at a time, behind a prompt of all the others."""
        tokens = inputs["tokens"]
        prompt, cache = tokens.shape[1] - steps, None
        first = {name: value for name, value in inputs.items() if name not in ("targets", "weights", "bias")}
        first.update({name: inputs[name][:, :prompt] for name in ("tokens", "padding", "segments") if name in inputs})
        for i in range(steps):
            self.naming = False
            cache = self.forward(first)[1] if cache is None else cache
            logits, cache = self.forward({"tokens": tokens[:, prompt + i:prompt + i + 1]}, cache)
            self.naming = True
            self.keep(f"decode.{i}", logits)

    def answer(self):
        """{name: array} of the case: forward, then the gradients of the objective."""
        loss = self.outputs()
        wide = lambda x: x.float() if x.element_size() < 4 else x
        total = loss + sum((wide(torch.from_numpy(cotangent).to(self.dtype)) * wide(self.named[name])).sum()
                           for name, cotangent in self.case.cotangents.items())
        total.backward()
        array = lambda x: wide(x.detach()).numpy()
        slopes = {f"grad/{name}": array(torch.zeros_like(x) if x.grad is None else x.grad)
                  for name, x in {**self.leaves, **self.named}.items()}
        return {**{name: array(x) for name, x in self.named.items()}, "loss": array(loss), **slopes}
