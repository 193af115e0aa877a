"""Requests that import files of products."""

import io

import openpyxl

IMPORT, EXPORT = "/v1/console/products/import", "/v1/console/products/export"


async def send(worker, content, **headers):
    content = content if isinstance(content, bytes) else content.encode()
    return await worker.ask("POST", IMPORT, files={"file": ("products", content)}, headers=headers)


async def took(worker, content):
    answer = (await send(worker, content)).json()
    return tuple(answer[name] for name in ("created", "updated", "unchanged", "refused"))


async def product(worker, sku):
    return (await worker.get(f"/v1/console/products/{sku}")).json()


def workbook(*lines):
    book, file = openpyxl.Workbook(), io.BytesIO()
    for line in lines:
        book.active.append(line)
    book.save(file)
    return file.getvalue()


def problems(answer):
    return [(row["line"], row["column"], row["code"]) for row in answer.json()["problems"]]
