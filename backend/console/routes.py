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
    receipt_lines,
    receipt_photos,
    reviews,
    sellers,
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
        receipt_photos.router,
        shops.router,
        tills.router,
        statements.router,
        signals.router,
        reviews.router,
        receipt_lines.router,
        sellers.router,
        webhooks.router,
    ],
)
