"""Several devices (sharding.py) and several processes (multihost.py)."""
