"""Fly.io through its own command line: `argv` says what may be asked, `driver` and `deploy` decide what is asked."""
