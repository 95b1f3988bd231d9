"""A package, so that servers which all its tests share end with the last of them."""
