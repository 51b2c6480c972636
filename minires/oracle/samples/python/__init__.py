"""Recipes: how a model in a framework becomes a port.

Each is `port(forward) -> run`. forward(config, params, inputs, tap) is one's own model: it calls x = tap(name, x) where a
tensor of the case has a name, goes on with what it gives back, and returns the loss.
"""
