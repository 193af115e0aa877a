"""All routes of the console."""

from litestar import Router

from backend.checkout.settlements import link_handlers as links
from backend.checkout.settlements import staff_handlers as statements
from backend.earning.packages import staff_handlers as batches
from backend.earning.packages.code_lists import staff_handlers as code_lists
from backend.earning.packages.print_runs import staff_handlers as print_files
from backend.earning.promocodes.cards import staff_handlers as card
from backend.earning.promocodes.issues import staff_handlers as promo_issues
from backend.earning.receipts.review import photo_handlers as receipt_photos
from backend.earning.receipts.review import staff_handlers as reviews
from backend.earning.receipts.review.lines import staff_handlers as receipt_lines
from backend.earning.receipts.review.sellers import staff_handlers as sellers
from backend.identity import brand_handlers as brand
from backend.imports import staff_handlers as import_files
from backend.notifications.webhooks import staff_handlers as webhooks
from backend.programmes import staff_handlers as programmes
from backend.programmes.campaigns import staff_handlers as campaigns
from backend.programmes.products import file_handlers as product_files
from backend.programmes.products import staff_handlers as products
from backend.reporting.audit_log import handlers as audit_log
from backend.reporting.figures import handlers as figures
from backend.reporting.lists import handlers as lists
from backend.reporting.lookups import handlers as lookups
from backend.reporting.lookups import signal_handlers as signals
from backend.shops import staff_handlers as shops
from backend.shops import till_handlers as tills
from backend.spending.accounting import staff_handlers as accounting
from backend.spending.corrections import approval_handlers as approvals
from backend.spending.corrections import staff_handlers as corrections
from backend.spending.limits import staff_handlers as identities
from backend.spending.orders import staff_handlers as orders
from backend.spending.rewards import rate_handlers as rates
from backend.spending.rewards import staff_handlers as rewards
from backend.spending.stock import staff_handlers as stock

router = Router(
    "/console",
    route_handlers=[
        brand.router,
        accounting.router,
        approvals.router,
        corrections.router,
        audit_log.router,
        lookups.router,
        lists.router,
        figures.router,
        card.router,
        programmes.router,
        product_files.router,
        products.router,
        campaigns.router,
        batches.router,
        print_files.router,
        code_lists.router,
        import_files.router,
        promo_issues.router,
        rewards.router,
        rates.router,
        stock.router,
        orders.router,
        identities.router,
        receipt_photos.router,
        shops.router,
        tills.router,
        links.router,
        statements.router,
        signals.router,
        reviews.router,
        receipt_lines.router,
        sellers.router,
        webhooks.router,
    ],
)
