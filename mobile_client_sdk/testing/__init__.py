"""A server in memory for the tests of apps: the real merge, the real messages, no database.

    server = FakeServer()
    client = open_client(path, "http://fake", http=server.transport())
    client.enrol(server.enrolment_code("王芳"), device_name="phone")

Networks are bad on demand: ``server.faults`` is what happens to the next requests.
"""

from mobile_client_sdk.testing.company import FakeDevice, IntentHandler, refuse
from mobile_client_sdk.testing.network import Fault
from mobile_client_sdk.testing.server import FakeServer

__all__ = ["FakeDevice", "FakeServer", "Fault", "IntentHandler", "refuse"]
