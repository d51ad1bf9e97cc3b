"""Do things with attachments. Each function is one use case.

Bytes move outside of any transaction; what is known of them changes inside one, before and after.
"""

from server.attachments.service.completing import complete
from server.attachments.service.handing_out import Content, content
from server.attachments.service.sweeping import sweep
from server.attachments.service.taking import announce, put_chunk
from server.attachments.service.whole import keep

__all__ = ["Content", "announce", "complete", "content", "keep", "put_chunk", "sweep"]
