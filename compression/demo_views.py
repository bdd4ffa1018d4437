"""The demo's own image host: its pictures, and the table that names them. There only with the setting."""

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from chatboost.core.api.access import open_to
from compression import demo_pictures


@open_to("anybody, in a demo")
@require_safe
def picture(request: HttpRequest, name: str) -> HttpResponse:
    """Return a picture that was drawn for the demo."""
    numbers = {demo_pictures.name_of(number): number for number in range(1, demo_pictures.COUNT + 1)}
    if name not in numbers:
        raise Http404("The demo has no such picture.")
    number = numbers[name]
    return HttpResponse(demo_pictures.draw(number), content_type=demo_pictures.media_type_of(number))


@open_to("anybody, in a demo")
@require_safe
def table(request: HttpRequest) -> HttpResponse:
    """Return the table of the demo's pictures."""
    return HttpResponse(
        demo_pictures.table(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="pictures.csv"'},
    )


urlpatterns = [
    path("compression/demo/pictures.csv", table, name="compression-demo-table"),
    path("compression/demo/<str:name>", picture, name="compression-demo-picture"),
]
