"""Types that somebody has read the code of. What is not here is refused until somebody has."""

OURS = "langfuse-stack:"
"""Components: they only group what they contain, and that is looked at by itself."""

CHECKS = frozenset(
    f"pulumi-python:dynamic/checks:{name}"
    for name in (
        "AppKey",
        "BackupKey",
        "Bucket",
        "ClickHouse",
        "DataKeys",
        "EndToEnd",
        "ExternalStore",
        "ForeignUntouched",
        "Gateway",
        "GatewayDatabase",
        "LangfuseSchema",
        "LangfuseTrace",
        "LangfuseWeb",
        "LangfuseWorker",
        "Migrations",
        "Monitoring",
        "ObjectStore",
        "Redis",
        "Relay",
        "Supabase",
    )
)
"""Dynamic types, each a class in `checks/`. The engine stores a reference to it, or, for a class in the program's own
entry file, its code: such a type is `pulumi-python:dynamic:Resource` and never reviewed."""

TYPES = CHECKS | {
    "docker:index/container:Container",
    "docker:index/network:Network",
    "docker:index/volume:Volume",
    "pulumi:providers:command",
    "pulumi:providers:docker",
    "pulumi:providers:pulumi",  # the engine's own: the program reads the stack's state through it
    "pulumi:providers:pulumi-python",
    "pulumi:providers:random",
    "pulumi:pulumi:Stack",
    "random:index/randomBytes:RandomBytes",
    "random:index/randomId:RandomId",
    "random:index/randomPassword:RandomPassword",
}

COMMANDS = {
    f"langfuse-stack:fly:{component}$command:local:Command": f"python3 -m platforms.fly {action}"
    for component, action in {
        "App": "app",
        "Secrets": "secrets",
        "Service": "deploy",
        "Volume": "volume",
    }.items()
}
"""Owner and type of a command to its command line. A command can do anything, so both are reviewed together."""
COMMAND = "command:"
"""Of the provider that runs commands."""
COMMAND_INPUTS = frozenset({"create", "stdin", "logging", "addPreviousOutputInEnv"})
"""What a reviewed command may set. Everything else runs something more, somewhere else, or at another time."""
COMMAND_VARIABLES = frozenset({"LANGFUSE_STACK_OWNER"})
"""The variables that a reviewed command may set: none that decides what runs."""
