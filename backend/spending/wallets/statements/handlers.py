"""Statements of a wallet, its expiring lots, and the seals over all movements."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from litestar import Response, Router, get
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, Schema
from litestar.params import PathParameter, QueryParameter
from litestar.response import Stream
from litestar.status_codes import HTTP_304_NOT_MODIFIED

from backend.core.db.database import Db
from backend.core.http.conditional_requests import (
    ETAG_HEADER,
    conditional_response,
    etag,
    is_not_modified,
    private_headers,
)
from backend.core.http.pagination import CursorInvalid, number_from_cursor
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.core.language import language
from backend.identity.accounts.authentication import CurrentAgent
from backend.programmes.rules.explanation import CurrentRuleVersions
from backend.spending.wallets import service
from backend.spending.wallets.statements import files as statement_files
from backend.spending.wallets.statements import service as statements
from backend.spending.wallets.statements.files import Format
from backend.spending.wallets.statements.schemas import (
    CheckpointPage,
    ExpiringAmountList,
    StatementPeriod,
    WalletStatement,
)

MEDIA: dict[Format, str] = {"csv": "text/csv", "pdf": "application/pdf"}
TOO_LONG = (statements.StatementPeriodInvalid, statements.StatementTooLong, statements.ProofTooLong)
Wallet = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]


@dataclass
class StatementOperation(Operation):
    """The operation with all its media types: the framework documents only one a response."""

    def __post_init__(self) -> None:
        answer = (self.responses or {})["200"]
        content = getattr(answer, "content", None) or {}
        content["text/csv"] = OpenAPIMediaType(Schema(type=OpenAPIType.STRING, examples=["Date and time,No,What,Why"]))
        content["application/pdf"] = OpenAPIMediaType(
            Schema(type=OpenAPIType.STRING, content_media_type="application/pdf", examples=["(bytes)"])
        )


@get(
    "/wallets/{wallet_id:int}/statement",
    operation_class=StatementOperation,
    responses=error_responses(service.WalletNotFound, *TOO_LONG),
    response_headers=[ETAG_HEADER],
)
async def get_wallet_statement(
    request: HTTPRequest,
    db: Db,
    agent: CurrentAgent,
    versions: CurrentRuleVersions,
    wallet_id: Wallet,
    since: Annotated[date | None, QueryParameter(name="from", description="Thirty days before the last one.")] = None,
    until: Annotated[date | None, QueryParameter(name="to", description="Today, where the programme is.")] = None,
    kind: Annotated[Literal["json", "csv", "pdf"] | None, QueryParameter(name="format")] = None,
    proof: Annotated[bool, QueryParameter(description="With the proof, in JSON only.")] = False,
) -> Response[WalletStatement]:
    """A wallet's movements in a period with their texts, and on request with a proof that they were not changed.
    `format` takes precedence over `Accept`; days are in the programme's time zone, both included.
    """
    period = await statements.statement_period(db, agent.account_id, wallet_id, since, until)
    media_kind = kind or _accepted_kind(request.headers.get("accept", ""))
    if media_kind == "json":
        return conditional_response(request, await statements.wallet_statement(db, versions, period, proven=proof))
    return _file_response(
        request, statement_files.statement_file(db, versions, period, media_kind, language.get()), period, media_kind
    )


def _accepted_kind(accept: str) -> Literal["json", "csv", "pdf"]:
    """The first supported media type in `Accept`, JSON by default."""
    for part in accept.lower().split(","):
        media = part.partition(";")[0].strip()
        if media in ("application/json", "*/*"):
            return "json"
        for kind, name in MEDIA.items():
            if media == name:
                return kind
    return "json"


def _file_response(
    request: HTTPRequest, pieces: AsyncIterator[bytes], period: StatementPeriod, kind: Format
) -> Response[Any]:
    """The file, streamed; or 304 if the caller has it already."""
    if kind == "pdf":
        statements.check_length(period, statement_files.MAX_PDF_ROWS)
    # Movements never change: the same range in the same language is the same file.
    tag = etag(repr((kind, language.get(), period)).encode())
    headers = private_headers(tag) | {"Vary": "Accept, Accept-Language, Authorization"}
    if is_not_modified(request, tag):
        return Response(b"", status_code=HTTP_304_NOT_MODIFIED, headers=headers)
    name = f"statement-{period.wallet_id}-{period.since}-{period.until}.{kind}"
    headers |= {"ETag": f"W/{tag}", "Content-Disposition": f'attachment; filename="{name}"'}
    return Stream(pieces, media_type=MEDIA[kind], headers=headers)


@get(
    "/wallets/{wallet_id:int}/expiring",
    responses=error_responses(service.WalletNotFound),
    response_headers=[ETAG_HEADER],
)
async def get_expiring_amounts(
    request: HTTPRequest, db: Db, agent: CurrentAgent, wallet_id: Wallet
) -> Response[ExpiringAmountList]:
    """Lots that expire within thirty days, and the amount to spend to keep them."""
    return conditional_response(request, await statements.expiring_lots(db, agent.account_id, wallet_id))


@get("/seals", responses=error_responses(CursorInvalid))
async def list_checkpoints(
    db: Db,
    after: Annotated[str | None, QueryParameter(name="cursor", max_length=64)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 1000,
) -> CheckpointPage:
    """The seals over all movements, oldest first. Store them: statements are verified against them."""
    return await statements.seal_page(db, number_from_cursor(after), limit)


router = Router("/", route_handlers=[get_wallet_statement, get_expiring_amounts], tags=["Wallets"])
public_router = Router("/", route_handlers=[list_checkpoints], tags=["Wallets"], security=[{}])
