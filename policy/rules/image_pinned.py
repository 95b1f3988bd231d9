"""`image-pinned`: a container runs an image that is named by its content."""

import re

from pulumi_policy import EnforcementLevel, ReportViolation, ResourceValidationArgs, ResourceValidationPolicy

CONTAINER = "docker:index/container:Container"
PINNED = re.compile(r"^(?:[\w.\-/:]+@)?sha256:[0-9a-f]{64}$")


def image_pinned(args: ResourceValidationArgs, report: ReportViolation) -> None:
    """Report a container whose image is a tag."""
    if args.resource_type != CONTAINER:
        return
    image = args.props.get("image")
    if not isinstance(image, str) or not PINNED.match(image):
        report(
            f"{args.name} runs {image!r}, whose content can change under the same name. "
            "Use an image id (sha256:…) or name@sha256:…; `make images` finds it.",
            args.urn,
        )


RULE = ResourceValidationPolicy(
    name="image-pinned",
    description="A container must run an image that is named by its content.",
    enforcement_level=EnforcementLevel.MANDATORY,
    validate=image_pinned,
)
