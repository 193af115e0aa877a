"""Statements of a wallet, what expires soon in it, and the seals under which everybody's movements stand."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from litestar import Request, Response, Router, get
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, Schema
from litestar.params import PathParameter, QueryParameter
from litestar.response import Stream
from litestar.status_codes import HTTP_304_NOT_MODIFIED

from backend.accounts.door import SignedIn
from backend.database import Db
from backend.language import language
from backend.programmes.explain import TheVersions
from backend.wallets import service, statement_files, statements
from backend.wallets.statement_files import Format
from backend.wallets.statement_schemas import ExpiringList, Period, SealPage, WalletStatement
from backend.wire import ETAG_HEADER, CursorInvalid, etag, knows, place, private, raises, with_etag

MEDIA: dict[Format, str] = {"csv": "text/csv", "pdf": "application/pdf"}
TOO_LONG = (statements.PeriodInvalid, statements.StatementTooLong, statements.ProofTooLong)
Wallet = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]


@dataclass
class StatementOperation(Operation):
    """The operation with all its media types: the framework knows only one for an answer."""

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
    responses=raises(service.WalletUnknown, *TOO_LONG),
    response_headers=[ETAG_HEADER],
)
async def get_statement(
    request: Request[Any, Any, Any],
    db: Db,
    agent: SignedIn,
    versions: TheVersions,
    wallet_id: Wallet,
    since: Annotated[date | None, QueryParameter(name="from", description="Thirty days before the last one.")] = None,
    until: Annotated[date | None, QueryParameter(name="to", description="Today, where the programme is.")] = None,
    kind: Annotated[Literal["json", "csv", "pdf"] | None, QueryParameter(name="format")] = None,
    proof: Annotated[bool, QueryParameter(description="With the proof, in JSON only.")] = False,
) -> Response[WalletStatement]:
    """A wallet's movements from one day to another, each with why it is there; with a proof that nobody has changed
    them, if asked for. `format` comes before `Accept`; days are the programme's, both are part of it."""
    asked = await statements.period(db, agent.account_id, wallet_id, since, until)
    wanted = kind or _accepted(request.headers.get("accept", ""))
    if wanted == "json":
        return with_etag(request, await statements.statement(db, versions, asked, proven=proof))
    return _sent(request, statement_files.written(db, versions, asked, wanted, language.get()), asked, wanted)


def _accepted(accept: str) -> Literal["json", "csv", "pdf"]:
    """The first of our media types that a caller names; JSON unless it is another one's turn."""
    for part in accept.lower().split(","):
        media = part.partition(";")[0].strip()
        if media in ("application/json", "*/*"):
            return "json"
        for kind, name in MEDIA.items():
            if media == name:
                return kind
    return "json"


def _sent(request: Request[Any, Any, Any], pieces: AsyncIterator[bytes], asked: Period, kind: Format) -> Response[Any]:
    """A file, written while it is sent; or 304 when the caller has it already."""
    if kind == "pdf":
        statements.check(asked, statement_files.MOST_ON_PAPER)
    # Movements are never changed: the same stretch of them in the same words is the same file.
    tag = etag(repr((kind, language.get(), asked)).encode())
    headers = private(tag) | {"Vary": "Accept, Accept-Language, Authorization"}
    if knows(request, tag):
        return Response(None, status_code=HTTP_304_NOT_MODIFIED, headers=headers)
    name = f"statement-{asked.wallet_id}-{asked.since}-{asked.until}.{kind}"
    headers |= {"ETag": f"W/{tag}", "Content-Disposition": f'attachment; filename="{name}"'}
    return Stream(pieces, media_type=MEDIA[kind], headers=headers)


@get("/wallets/{wallet_id:int}/expiring", responses=raises(service.WalletUnknown), response_headers=[ETAG_HEADER])
async def get_expiring(
    request: Request[Any, Any, Any], db: Db, agent: SignedIn, wallet_id: Wallet
) -> Response[ExpiringList]:
    """What expires within thirty days, and what it takes to keep it."""
    return with_etag(request, await statements.expiring(db, agent.account_id, wallet_id))


@get("/seals", responses=raises(CursorInvalid))
async def list_seals(
    db: Db,
    after: Annotated[str | None, QueryParameter(name="cursor", max_length=64)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 1000,
) -> SealPage:
    """The seals over everybody's movements, oldest first. Keep them: against them statements are checked."""
    return await statements.seal_page(db, place(after), limit)


router = Router("/", route_handlers=[get_statement, get_expiring], tags=["Wallet"])
strangers = Router("/", route_handlers=[list_seals], tags=["Wallet"], security=[{}])
