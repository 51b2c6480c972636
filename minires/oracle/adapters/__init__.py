"""Adapters: how a port is asked, in Python, by pytest or through files; names and layouts; reports."""
