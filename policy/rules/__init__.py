"""The rules of the pack: one module, one rule."""

from policy.rules import (
    data_inventory_present,
    data_no_delete_before_replace,
    data_protected,
    dynamic_type_known,
    image_pinned,
    loopback_only,
    private_only,
    release_not_downgraded,
    schema_dedicated,
    secret_not_in_plain_env,
    volume_mounted_as_declared,
)

RULES = [
    data_protected.RULE,
    data_no_delete_before_replace.RULE,
    data_inventory_present.RULE,
    schema_dedicated.RULE,
    image_pinned.RULE,
    release_not_downgraded.RULE,
    secret_not_in_plain_env.RULE,
    loopback_only.RULE,
    private_only.RULE,
    dynamic_type_known.RULE,
    volume_mounted_as_declared.RULE,
]
