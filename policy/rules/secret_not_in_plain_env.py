"""`secret-not-in-plain-env`: what looks like a secret is declared as one."""

from pulumi_policy import EnforcementLevel, ReportViolation, ResourceValidationArgs, ResourceValidationPolicy

from policy.environment import plain_variables
from secretlike import looks_like_secret


def secret_not_in_plain_env(args: ResourceValidationArgs, report: ReportViolation) -> None:
    """Report each plain variable whose name or value is that of a secret, without the value.

    A value that a preview cannot know is judged by `up`, before anything is created.
    """
    for name, value in sorted(plain_variables(args).items()):
        if looks_like_secret(name, str(value or "")):
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
