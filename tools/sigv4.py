"""AWS Signature Version 4 over a request that is about to be sent.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

from collections.abc import Mapping

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def sign(
    public: Mapping[str, str], secret: str, *, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
) -> dict[str, str]:
    """The headers that prove who sends it.

    `url` must be the very URL that is sent, with a space in the query as %20: AWS reads + as a plus. `headers` are
    those that the signature shall cover beside Host; they must be sent as they are.
    """
    request = AWSRequest(method=method, url=url, data=body or b"", headers=dict(headers))
    credentials = Credentials(public["access_key_id"], secret)
    signer = S3SigV4Auth if public["service"] == "s3" else SigV4Auth
    signer(credentials, public["service"], public["region"]).add_auth(request)
    given = {name.lower() for name in headers}
    return {name: value for name, value in request.headers.items() if name.lower() not in given}
