"""The rules of the pack: one module, one rule."""

from policy.rules import data_protected, image_pinned

RULES = [data_protected.RULE, image_pinned.RULE]
