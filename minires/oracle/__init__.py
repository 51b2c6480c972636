"""The golden oracle: exact truth, derived tolerances, and a report that names the mistake in a port."""
