"""Speed and memory of minires beside its peers, each checked for equality before it is timed: python -m benchmarks."""
