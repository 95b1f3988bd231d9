"""Fly.io through its own command line: `calls.toml` says what may be asked, the actions decide what is asked."""
