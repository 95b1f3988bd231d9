"""`secret-not-in-plain-env`: what looks like a secret is declared as one."""

import re

from pulumi_policy import EnforcementLevel, ReportViolation, ResourceValidationArgs, ResourceValidationPolicy

from policy.environment import plain_variables

NAME = re.compile(
    r"(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|SALT|CREDENTIALS?|_AUTH|"
    r"(?:API|MASTER|PRIVATE|SECRET|ENCRYPTION|ACCESS)_KEY)$",
    re.IGNORECASE,
)
VALUE = re.compile(
    r"""^(?:
        [a-z][a-z0-9+.\-]*://[^/\s:@]*:[^/\s@]+@.*   # a URL with a password
        | [0-9a-f]{32,}                              # 16 bytes or more in hexadecimal
        | (?:sk|pk)-[\w\-]{8,}                       # an API key
    )$""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def secret_not_in_plain_env(args: ResourceValidationArgs, report: ReportViolation) -> None:
    """Report each plain variable whose name or value is that of a secret, without the value.

    A value that a preview cannot know is judged by `up`, before anything is created.
    """
    for name, value in sorted(plain_variables(args).items()):
        if not value:
            continue
        if NAME.search(name) or VALUE.match(str(value)):
            report(
                f"{args.name} has {name} as a plain variable, readable in state, previews and by everyone who may look "
                "at the service. Move it to the service's secret environment (ServiceSpec.secret_env).",
                args.urn,
            )


RULE = ResourceValidationPolicy(
    name="secret-not-in-plain-env",
    description="A variable that looks like a secret must be declared as one.",
    enforcement_level=EnforcementLevel.MANDATORY,
    validate=secret_not_in_plain_env,
)
