"""The program's own, and beside it the product's."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
