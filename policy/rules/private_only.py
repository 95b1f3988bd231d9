"""`private-only`: on Fly, what holds data has no public address."""

from pulumi_policy import EnforcementLevel, ReportViolation, ResourceValidationArgs, ResourceValidationPolicy

from policy import fly, inventories
from policy.values import Unknown

PUBLIC = ("http_service", "services")
"""Sections of a fly.toml that publish ports through Fly's proxy."""


def private_only(args: ResourceValidationArgs, report: ReportViolation) -> None:
    """Report a data app that may get public addresses, and a data service that publishes ports.

    An app has data when a volume of the stack's inventory belongs to it, a service when it says so or mounts a volume.
    An app's request must be known in a preview. A service's may not be: then `up` judges it, before it deploys.
    """
    if fly.is_a(fly.APP, args.urn):
        _app(args, report)
    elif fly.is_a(fly.SERVICE, args.urn):
        _service(args, report)


def _app(args: ResourceValidationArgs, report: ReportViolation) -> None:
    request = fly.request(args.props)
    if isinstance(request, Unknown):
        report(f"{args.name}: whether the app is private is known only after `up`; give it plain values.", args.urn)
    elif request.get("private") is not True and request.get("app") in _apps_with_volumes(args.urn):
        report(
            f"{args.name}: app {request.get('app')} holds data and may get public addresses. Declare it private.",
            args.urn,
        )


def _service(args: ResourceValidationArgs, report: ReportViolation) -> None:
    request = fly.request(args.props)
    if isinstance(request, Unknown):
        return
    sections = [name for name in PUBLIC if (request.get("toml") or {}).get(name)]
    if sections and (request.get("data") or request.get("volume")):
        report(
            f"{args.name} holds data and its fly.toml has {' and '.join(sections)}, which the internet can reach. "
            "Take them out: other apps reach it as <app>.internal.",
            args.urn,
        )


def _apps_with_volumes(urn: str) -> set[str]:
    try:
        resources = inventories.read(inventories.stack_of(urn)).resources
    except inventories.InventoryError:
        return set()  # data-inventory-present says so, and stops the run
    return {str(identity.get("app")) for (type_, _), identity in resources.items() if type_.endswith(fly.VOLUME)}


RULE = ResourceValidationPolicy(
    name="private-only",
    description="An app that holds data must not be reachable from the internet.",
    enforcement_level=EnforcementLevel.MANDATORY,
    validate=private_only,
)
