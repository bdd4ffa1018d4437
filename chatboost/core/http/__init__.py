"""HTTP calls out: to vendors over kept connections, to places that users name behind an address policy."""
