"""Tests of the invitations room."""
