"""Makes an organization of so many people and prints a session of each. Runs in the product's environment."""

import json
import sys

import django

django.setup()

from tests import rig_notifications  # noqa: E402

if __name__ == "__main__":
    print(json.dumps(list(rig_notifications.seed_people(sys.argv[1])["cookies"].values())))
