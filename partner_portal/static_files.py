"""Serve the static files: each address names its content, so it may be kept for ever."""

from typing import Any

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from partner_portal.assets import PREFIX
from partner_portal.rendering import AnyRequest, TheRenderer

_FOREVER = "public, max-age=31536000, immutable"


@get(
    f"{PREFIX}/{{path:path}}",
    opt={"exclude_from_auth": True},
    include_in_schema=False,
    sync_to_thread=False,
)
def static_file(request: AnyRequest, renderer: TheRenderer, path: FromPath[str]) -> Response[Any]:
    """Send one file, compressed where that helps."""
    asset = renderer.assets.by_address.get(f"{PREFIX}/{path.lstrip('/')}")
    if asset is None:
        raise NotFoundException
    headers = {
        "Cache-Control": _FOREVER,
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept-Encoding",
    }
    content = asset.content
    if asset.gzipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
        content = asset.gzipped
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type=asset.media_type, headers=headers)
