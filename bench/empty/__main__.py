"""A program that declares nothing: what the engine itself costs."""
