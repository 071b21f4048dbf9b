"""The root of the tree."""


class ConversationError(Exception):
    """The request cannot be served."""

    code = "server_error"  # as clients see it, `docs/protocol.md`
    status = 500  # of HTTP

    def __init__(self, message: str | None = None, *, param: str | None = None) -> None:
        self.message = message or (type(self).__doc__ or "")
        self.param = param
        super().__init__(self.message)

    def told(self) -> dict[str, str]:
        """As `Turn.error` keeps it."""
        return {"code": self.code, "message": self.message}
