"""Requests, their products and images, and what is remembered about hosts."""

from compression.models.delivery import CompletionDelivery
from compression.models.host import HostPause
from compression.models.image import Image
from compression.models.request import CompressionRequest, Product

__all__ = ["CompletionDelivery", "CompressionRequest", "HostPause", "Image", "Product"]
