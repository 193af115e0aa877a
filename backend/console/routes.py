"""Everything behind the staff's door."""

from litestar import Router

from backend.console import brand, campaigns, products, programmes

router = Router("/console", route_handlers=[brand.router, programmes.router, products.router, campaigns.router])
