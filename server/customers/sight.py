"""Which customers an actor sees: said once, for lists, details, search and export."""

from typing import Any

from server.access import Actor, Scope, vouched


class Where:
    """The conditions of a question about customers (alias ``c``), with their parameters.

    Begins with the tenant as $1, what is not deleted, and what the actor may see.
    """

    def __init__(self, actor: Actor, *, with_deleted: bool = False) -> None:
        self.actor = actor
        self.args: list[Any] = [actor.tenant_id]
        self._texts = ["c.tenant_id = $1"]
        if not with_deleted:
            self._texts.append("NOT c.deleted")
        match actor.scope:
            case Scope.MINE:
                self.add("c.owner_id = {}", actor.user_id)
            case Scope.TEAM:
                self.add("(c.owner_id = {} OR c.team_id = {})", actor.user_id, actor.team_id)
            case Scope.TENANT:
                pass

    @classmethod
    def of_tenant(cls, actor: Actor) -> "Where":
        """Begin with all of the tenant's customers, for what shows no more than it may of each."""
        return cls(vouched(actor))

    def add_own_if_masked(self) -> None:
        """Ask for the actor's own customers alone where phones are hidden, and one is asked by."""
        if self.actor.masks_phones:
            self.add("c.owner_id = {}", self.actor.user_id)

    def add(self, text: str, *values: Any) -> None:
        """Add a condition; each ``{}`` in it becomes the parameter of a value."""
        self._texts.append(text.format(*(self.param(value) for value in values)))

    def param(self, value: Any) -> str:
        """Add a parameter and give its name, as ``$3``."""
        self.args.append(value)
        return f"${len(self.args)}"

    @property
    def text(self) -> str:
        """Give all conditions, to stand behind WHERE."""
        return " AND ".join(self._texts)
