"""The parts of `minires tour`: SHOWS, calls(seeds), report(results, folder), readable(report)."""
