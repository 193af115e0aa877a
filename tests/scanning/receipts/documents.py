"""One fictitious purchase in the response format of each provider."""

import copy
import json

FN = "9999078900000001"
SELLER = "9900000017"
SUPPLIER = "9900000024"
TRADER = "990000000436"
GTIN = "02000000000015"
SERIAL = "5AbC'd"
RAW_CODE = f"01{GTIN}21{SERIAL}"
BINARY_CODE = "444D01D1A94A200F" + SERIAL.encode().hex()
TOTAL = 67195
SUMS = (13410, 13410, 12475, 27900)
MAIL = "buyer@example.org"
PHONE = "+70000000000"
CASHIER = "ФАМИЛИЯ ИМЯ ОТЧЕСТВО"


def item(name="Розетка ОБРАЗЕЦ РА16-000 белая 16А", price=13410, quantity=1, amount=None, **more):
    amount = round(price * quantity) if amount is None else amount
    return {"name": name, "price": price, "quantity": quantity, "sum": amount, "nds": 11, **more}


def items(code=None):
    settled = {"paymentType": 4, "productType": 1, "itemsQuantityMeasure": 0}
    marked = {"gs1m": {"gtin": GTIN, "sernum": SERIAL, "productIdType": 6, "rawProductCode": RAW_CODE}}
    return [
        item(**settled),
        item(**settled),
        item("Кабель ОБРАЗЕЦ 3х1,5", 4990, 2.5, **settled | {"itemsQuantityMeasure": 22}),
        item("*0000001 Масло ОБРАЗЕЦ 1л", 29900, 1, 27900, **settled, **(code or {"productCodeNew": marked})),
    ]


def receipt(**changes):
    """FFD 1.2 with the FNS's names, personal data included."""
    return {
        "code": 3,
        "fiscalDocumentFormatVer": 4,
        "user": 'ООО "ОБРАЗЕЦ"',
        "userInn": f"{SELLER}  ",
        "retailPlace": 'Магазин "ОБРАЗЕЦ"',
        "retailPlaceAddress": "000000, 54 - Новосибирская область, г. Образцовск, ул. Примерная, д. 1",
        "kktRegId": "0000000001000001    ",
        "fiscalDriveNumber": FN,
        "fiscalDocumentNumber": 1234,
        "fiscalSign": 3000000001,
        "messageFiscalSign": 9.29725062962095e18,
        "dateTime": "2026-08-17T15:28:00",
        "operationType": 1,
        "totalSum": TOTAL,
        "cashTotalSum": 0,
        "ecashTotalSum": TOTAL,
        "prepaidSum": 0,
        "creditSum": 0,
        "region": "54",
        "items": items(),
        "properties": {"propertyName": "Кассир", "propertyValue": CASHIER},
        "operator": CASHIER,
        "operatorInn": TRADER,
        "buyerPhoneOrAddress": MAIL,
        "sellerAddress": "shop@example.org",
        "amountsReceiptNds": {"amountsNds": [{"nds": 11, "ndsSum": 12117}]},
        **changes,
    }


def without(record, *names):
    return {name: value for name, value in record.items() if name not in names}


def proverkacheka():
    request = {"qrraw": f"t=20260817t1528&s=671.95&fn={FN}&i=1234&fp=3000000001&n=1", "token": "0000.secret"}
    data = {"json": receipt(properties=[{"propertyName": "a", "propertyValue": "b"}]), "html": f"<p>{CASHIER}</p>"}
    return {"code": 1, "first": 0, "data": data, "request": request}


def fns_open_api():
    return {"Code": 200, "Ticket": json.dumps({"document": {"receipt": receipt()}}, ensure_ascii=False)}


def fns_mobile():
    seen = receipt(dateTime=1786969680, operator=CASHIER)
    seller = {"name": 'ООО "ОБРАЗЕЦ"', "inn": SELLER}
    query = {"fsId": FN, "documentId": 1234, "fiscalSign": "3000000001", "sum": TOTAL, "date": "2026-08-17T15:28"}
    ticket = {"document": {"receipt": seen}}
    return {"status": 2, "kind": "kkt", "query": query, "ticket": ticket, "seller": seller, "organization": seller}


def fns_export():
    decoded = {"gtin": int(GTIN), "rawProductCode": RAW_CODE, "productIdType": 6, "sernum": SERIAL}
    seen = receipt(items=items({"productCodeData": decoded}), code=3)
    return [{"_id": "0" * 24, "createdAt": "2026-08-18T01:45:03+00:00", "ticket": {"document": {"receipt": seen}}}]


def fns_first():
    """The API of 2017 to 2020: some fields have other names, tag 1162 is hexadecimal."""
    seen = without(receipt(), "code", "prepaidSum", "creditSum", "retailPlaceAddress", "retailPlace", "region")
    lines = [
        without(line, "paymentType", "productType", "nds") | {"calculationTypeSign": 4, "calculationSubjectSign": 1}
        for line in items({"productCode": BINARY_CODE})
    ]
    more = {"receiptCode": 3, "prepaymentSum": 0, "postpaymentSum": 0, "counterSubmissionSum": 0, "stornoItems": []}
    place = {"retailAddress": "54 - Новосибирская область, г. Образцовск", "rawData": "AwAA", "modifiers": []}
    return {"document": {"receipt": seen | more | place | {"items": lines}}}


def flat():
    return receipt(dateTime=1786969680, localDateTime="2026-08-17T15:28", taxationType=1)


def crpt():
    requisites = {
        "fiscalDate": 1786980480000,
        "operationType": 1,
        "cost": TOTAL,
        "fiscalDriveNumber": int(FN),
        "fiscalDocumentNumber": 1234,
        "fiscalSign": 3000000001,
    }
    seen = without(receipt(), "fiscalDriveNumber", "fiscalSign", "dateTime", "code")
    lines = items({"rawProductCode": RAW_CODE, "gtin": GTIN, "sernum": SERIAL, "isProductMarked": True})
    return {
        "id": 1,
        "code": f"t=20260817T1528&s=671.95&fn={FN}&i=1234&fp=3000000001&n=1",
        "fiscalData": {"codeData": requisites, "receipt": seen | {"items": lines}},
        "attributes": requisites,
    }


def ofd_ru():
    lines = [
        {
            "Name": line["name"],
            "Price": line["price"],
            "Quantity": line["quantity"],
            "Total": line["sum"],
            "CalculationMethod": 4,
            "SubjectType": 1,
            "ProductCode": {"Code_GS_1M": RAW_CODE} if "productCodeNew" in line else None,
        }
        for line in items()
    ]
    document = {
        "Tag": 3,
        "User": 'ООО "ОБРАЗЕЦ"',
        "UserInn": SELLER,
        "Operator": CASHIER,
        "Buyer_Address": MAIL,
        "FN_FactoryNumber": FN,
        "Document_Number": 1234,
        "DecimalFiscalSign": "3000000001",
        "DateTime": "2026-08-17T15:28:00",
        "OperationType": "Income",
        "Amount_Total": TOTAL,
        "KKT_RegNumber": "0000000001000001",
        "RetailPlaceAddress": "54 - Новосибирская область, г. Образцовск",
        "Items": lines,
    }
    return {"Version": 1, "Document": document}


def page():
    """A page of ofd.ru, scraped: roubles, no sums of lines, no codes, HTML entities."""
    lines = [
        {
            "title": f"&quot;{line['name']}&quot;",
            "quantity": line["quantity"],
            "price": line["sum"] / line["quantity"] / 100,
        }
        for line in items()
    ]
    return {
        "provider": "OFD",
        "qr": {"t": "20260817T1528", "s": 671.95, "fn": FN, "i": "0000001234", "fp": "3000000001", "n": 1},
        "totalSum": None,
        "billDate": "2026-08-17T12:28:00.000Z",
        "shop": {"title": 'Магазин "ОБРАЗЕЦ"', "address": "г. Образцовск", "tin": f"ИНН {SELLER}"},
        "items": lines,
    }


SHAPES = {
    "bare": receipt,
    "proverkacheka": proverkacheka,
    "fns open api": fns_open_api,
    "fns mobile": fns_mobile,
    "fns export": fns_export,
    "fns first": fns_first,
    "flat": flat,
    "crpt": crpt,
    "ofd.ru": ofd_ru,
    "page": page,
}


def by_trader(raw=None):
    """The same receipt from a sole trader, whose name is a field of its own and a part of the shop's name."""
    raw = copy.deepcopy(raw or receipt())
    return raw | {"user": CASHIER, "userInn": TRADER, "retailPlace": f"Магазин ИП {CASHIER}"}
