"""Imported first: takes two fixed costs out of every run of the program, which lives for a second or two.

Together they are a tenth of the processor time of a preview that changes nothing.
"""

import gc
import os

import pulumi

KEEP_DEBUG_VARIABLE = "LANGFUSE_STACK_DEBUG"
"""Set it to see the SDK's own debug lines under `pulumi up --debug`."""

# Cycles are not worth collecting in so short a life, and imports alone set off many collections.
gc.disable()

if KEEP_DEBUG_VARIABLE not in os.environ:
    # The SDK sends each of its debug lines, four a resource, as a blocking call, whether anybody reads it or not.
    pulumi.log.debug = lambda *_arguments, **_options: None
