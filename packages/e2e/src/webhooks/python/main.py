"""Verifies messages with the package standardwebhooks: JSON on standard input, and a JSON list of results as output."""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


def accepts(secret: str, headers: dict[str, str], body: str) -> bool:
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


messages = json.load(sys.stdin)
print(json.dumps([accepts(each["secret"], each["headers"], each["body"]) for each in messages]))
