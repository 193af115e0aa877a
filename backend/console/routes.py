"""Everything behind the staff's door."""

from litestar import Router

from backend.console import brand, campaigns, product_files, products, programmes

router = Router(
    "/console",
    route_handlers=[
        brand.router,
        programmes.router,
        product_files.router,
        products.router,
        campaigns.router,
    ],
)
