"""Everything behind the staff's door."""

from litestar import Router

from backend.console import (
    batches,
    brand,
    campaigns,
    card,
    code_lists,
    print_files,
    product_files,
    products,
    programmes,
    promo_issues,
    shops,
    signals,
    statements,
    tills,
    webhooks,
)

router = Router(
    "/console",
    route_handlers=[
        brand.router,
        card.router,
        programmes.router,
        product_files.router,
        products.router,
        campaigns.router,
        batches.router,
        print_files.router,
        code_lists.router,
        promo_issues.router,
        shops.router,
        tills.router,
        statements.router,
        signals.router,
        webhooks.router,
    ],
)
