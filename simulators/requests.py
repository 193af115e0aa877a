"""The type of requests to the simulators, which know no users; the application's state holds the simulator."""

from typing import TypeAlias

from litestar import Request
from litestar.datastructures import State

SimulatorRequest: TypeAlias = Request[None, None, State]
