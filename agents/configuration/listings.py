"""What backends list, taken over as far as a file wants it; what differs from what was accepted is never silent."""

from __future__ import annotations

from django.contrib.auth.models import User

from agents.configuration.targets import Plan
from tools.listing import ListingChanged, accept, accepted_of, hold, listing_of

DIFFERENT = (
    "the backend's tools are not those that were accepted (changed: {changed}; gone: {gone}). Look at them on the "
    "target's page, or take them over as they are now with --accept-changes."
)
HELD = (
    "its tools have changed, so it is held. Look at them on the target's page, or take them over as they are now with "
    "--accept-changes."
)


def take_over(plan: Plan, user: User | None, *, accepts: bool) -> list[str]:
    """Within the transaction, after the target. What cannot be read off the rows, as lines; what is wrong is among
    the faults."""
    if plan.listing is None:
        return []
    row = plan.row
    listing = listing_of(row, plan.listing.definitions)
    offered = {definition.name for definition in listing.definitions}
    known = {definition.name for definition in accepted_of(row)}
    chosen = offered if plan.takes_all else offered & plan.wanted.tools.keys()
    changed = sorted(before.name for before, _ in listing.changes.changed)
    gone = sorted(definition.name for definition in listing.changes.removed)
    is_held, has_more = row.held_at is not None, not chosen <= known
    if not accepts and (changed or gone):
        plan.entry.refuse("", DIFFERENT.format(changed=", ".join(changed) or "none", gone=", ".join(gone) or "none"))
    elif not accepts and is_held and has_more:
        plan.entry.refuse("", HELD)
    elif plan.is_new or has_more or (accepts and (changed or gone or is_held)):
        hold(row, listing)
        offers = (known & offered) | chosen
        try:
            # The file's own rules come later, and all of them are checked against all tools then.
            done = accept(row, offers, user, seen=listing.digest, checks_policies=False)
        except (ListingChanged, ValueError) as error:
            plan.entry.refuse("", str(error))
            return []
        plan.fresh = set(done.created)
        opened = [f"~ target {row.name}: it is held no longer"] if is_held else []
        return [*opened, *(f"~ tool {row.name}___{name}: taken over as the backend lists it now" for name in changed)]
    return []
