"""`image-pinned`: a container runs an image that is named by its content."""

import re

from pulumi_policy import EnforcementLevel, ReportViolation, ResourceValidationArgs, ResourceValidationPolicy

from policy import fly
from policy.environment import CONTAINER
from policy.values import UNKNOWN, Unknown, revealed

PINNED = re.compile(r"^(?:[\w.\-/:]+@)?sha256:[0-9a-f]{64}$")


def image_pinned(args: ResourceValidationArgs, report: ReportViolation) -> None:
    """Report a container or Fly service whose image is a tag.

    An unknown image is one: images are resolved before the program runs. A Fly request that a preview cannot know is
    judged by `up`, before anything is deployed.
    """
    if args.resource_type == CONTAINER:
        image = revealed(args.props).get("image")
    elif fly.is_a(fly.SERVICE, args.urn):
        request = fly.request(args.props)
        if isinstance(request, Unknown):
            return
        image = request.get("image")
    else:
        return
    if not isinstance(image, str) or not PINNED.match(image):
        shown = "an image that is not known yet" if image is UNKNOWN else repr(image)
        report(
            f"{args.name} runs {shown}, whose content can change under the same name. "
            "Use an image id (sha256:…) or name@sha256:…; `make images` finds it.",
            args.urn,
        )


RULE = ResourceValidationPolicy(
    name="image-pinned",
    description="A container must run an image that is named by its content.",
    enforcement_level=EnforcementLevel.MANDATORY,
    validate=image_pinned,
)
