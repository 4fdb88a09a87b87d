"""Measures the programs as they run, with the raw limits beside them: `python -m bench`."""
