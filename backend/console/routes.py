"""Everything behind the staff's door."""

from litestar import Router

from backend.console import brand

router = Router("/console", route_handlers=[brand.router])
