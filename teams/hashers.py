"""Passwords as the older system kept them."""

from django.contrib.auth.hashers import BCryptPasswordHasher

# bcrypt reads no further, and its library refuses more. Source: the bcrypt package's changelog, 5.0.
MAX_BYTES = 72

# How a hash of passlib's begins; Django's own begin with an algorithm's name.
BARE_PREFIXES = ("$2a$", "$2b$", "$2y$")


class LegacyBCryptHasher(BCryptPasswordHasher):
    """Checks bcrypt hashes, and cuts a password where they did."""

    def encode(self, password: str, salt: bytes | str) -> str:
        """Hash the bytes that count."""
        bcrypt = self._load_library()  # type: ignore[attr-defined]
        raw_salt = salt.encode() if isinstance(salt, str) else salt
        hashed: bytes = bcrypt.hashpw(password.encode()[:MAX_BYTES], raw_salt)
        return f"{self.algorithm}${hashed.decode('ascii')}"

    def verify(self, password: str, encoded: str) -> bool:
        """Compare; a hash that is cut or garbled fits no password."""
        try:
            return bool(super().verify(password, encoded))
        except ValueError:
            return False


def named(encoded: str) -> str:
    """Return a stored hash with its algorithm's name in front, as Django looks for it."""
    is_bare = encoded.startswith(BARE_PREFIXES)
    return f"{LegacyBCryptHasher.algorithm}${encoded}" if is_bare else encoded
