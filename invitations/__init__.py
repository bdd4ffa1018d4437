"""Invitations: a personal image for each Mautic contact, stored, linked back and announced."""
