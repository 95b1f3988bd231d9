"""Local commands, arranged by the settings of the test."""

import pulumi
from pulumi_command import local

config = pulumi.Config()
token = config.require_secret("token")
log = config.require("log")

local.Command(
    "lifecycle",
    create=f"echo created >> {log}; echo one",
    update=f'echo "updated after $PULUMI_COMMAND_STDOUT" >> {log}; echo two',
    delete=f'echo "deleted after $PULUMI_COMMAND_STDOUT" >> {log}',
    environment={"ROUND": config.get("round") or "1"},
    triggers=[config.get("trigger") or "none"],
)
replaced = local.Command(
    "replaced",
    create=f"echo replaced-created >> {log}",
    delete=f"echo replaced-deleted >> {log}",
    triggers=[config.get("trigger") or "none"],
)
quiet = local.Command(
    "secret",
    create='pwd; cat; echo "token is $TOKEN"; echo "also $TOKEN" >&2',
    dir=config.require("dir"),
    stdin="from stdin\n",
    environment={"TOKEN": token},
)
local.Command("silent", create="echo not-to-be-logged; echo neither >&2", logging=local.Logging.NONE)
local.Command("other-shell", create="print('from python')", interpreter=["python3", "-c"])
if config.get_bool("fail"):
    local.Command("failing", create='echo "cannot use $TOKEN" >&2; exit 7', environment={"TOKEN": token})
if config.get("endless"):
    local.Command("endless", create=f"touch {config.require('endless')}; sleep 600; true")
if config.get_bool("unsupported"):
    local.Command("assets", create="true", asset_paths=["*.txt"])

pulumi.export("secret", quiet.stdout)
