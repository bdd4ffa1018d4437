"""Compression: a CSV of image URLs in, smaller images and an output CSV by e-mail out."""
