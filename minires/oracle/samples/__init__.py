"""Samples for ports: recipes in Python, readers and writers of the files in C++, Rust and JavaScript."""
