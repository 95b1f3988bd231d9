"""Nothing but the stack itself."""
