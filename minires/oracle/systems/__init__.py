"""The systems that cases run: each file has `run(config, params, inputs) -> {name: tensor}`, with "loss" among the names."""
