"""A resource of a plugin, a dynamic one that depends on it, and what a program prints."""

import sys

import pulumi
import pulumi_random
from gate import Gate  # type: ignore[import-not-found]  # beside this file

password = pulumi_random.RandomPassword("password", length=20)
gate = Gate("gate", password.result)

sys.stdout.write("printed by the program\n")
pulumi.export("length", gate.length)
pulumi.export("password", password.result)
