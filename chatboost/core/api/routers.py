"""One router: every path answers with and without a trailing slash, and ids are digits."""

from rest_framework.routers import Route, SimpleRouter

_DETAIL_WITH_POST = {
    "get": "retrieve",
    "post": "update",
    "put": "update",
    "patch": "partial_update",
    "delete": "destroy",
}


class Router(SimpleRouter):
    """A SimpleRouter whose slash is optional. `post_updates` makes POST on a detail an update."""

    def __init__(self, *, post_updates: bool = False) -> None:
        super().__init__(trailing_slash=False)
        self.trailing_slash = "/?"
        if post_updates:
            self.routes = [
                route._replace(mapping=_DETAIL_WITH_POST)
                if isinstance(route, Route) and route.name == "{basename}-detail"
                else route
                for route in self.routes
            ]
