"""A pack of your own: images come from your registry alone."""

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)

REGISTRY = "registry.example.com/"
CONTAINER = "docker:index/container:Container"


def image_from_own_registry(args: ResourceValidationArgs, report: ReportViolation) -> None:
    """Report a container whose image is from anywhere else."""
    if args.resource_type == CONTAINER and not str(args.props["image"]).startswith(REGISTRY):
        report(f"{args.name} runs {args.props['image']}: push it to {REGISTRY} and set its `…:image`.", args.urn)


PolicyPack(
    name="own-policy",
    policies=[
        ResourceValidationPolicy(
            name="image-from-own-registry",
            description="A container must run an image from our own registry.",
            enforcement_level=EnforcementLevel.MANDATORY,
            validate=image_from_own_registry,
        )
    ],
)
