"""Routes of this room's API, and the public pages of cards."""

from django.urls import URLPattern, URLResolver, re_path

from chatboost.core.api.routers import Router
from invitations.api import public
from invitations.api.batches import BatchViewSet
from invitations.api.invitations import InvitationViewSet, MauticWebhookView, PictureView
from invitations.api.layouts import AssetViewSet, LayoutViewSet
from invitations.api.sources import SourceViewSet

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

router = Router()
router.register("invitations/sources", SourceViewSet, basename="invitation-source")
router.register("invitations/layouts", LayoutViewSet, basename="invitation-layout")
router.register("invitations/assets", AssetViewSet, basename="layout-asset")
router.register("invitations/batches", BatchViewSet, basename="invitation-batch")
router.register("invitations", InvitationViewSet, basename="invitation")

urlpatterns: list[URLPattern | URLResolver] = [
    re_path(
        rf"^invitations/pictures/(?P<file_id>{_UUID})/?$", PictureView.as_view(), name="invitation-picture"
    ),
    re_path(
        rf"^invitations/mautic-webhook/(?P<source_uuid>{_UUID})/?$",
        MauticWebhookView.as_view(),
        name="invitation-mautic-webhook",
    ),
    re_path(rf"^i/(?P<uuid>{_UUID})/?$", public.CardView.as_view(), name="invitation-card"),
    re_path(rf"^i/(?P<uuid>{_UUID})/image/?$", public.CardImageView.as_view(), name="invitation-card-image"),
    *router.urls,
]
