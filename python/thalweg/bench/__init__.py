"""`python -m thalweg.bench`: times of Thalweg on this machine beside those of installed peers.

Imports nothing: `worker.py` loads this folder in interpreters that have no Thalweg.
"""
