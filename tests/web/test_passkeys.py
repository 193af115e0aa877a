"""Passkeys in a real browser with a virtual authenticator, at the address of `make run`."""

import httpx2
import pytest

pytestmark = pytest.mark.browser

CREATE = """async ([token, code]) => {
  const headers = {
    Authorization: `Bearer ${token}`, "Scanback-Recovery-Code": code, "Content-Type": "application/json",
  };
  const asked = await (await fetch("/v1/passkeys/challenges", {method: "POST", headers})).json();
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(asked.options);
  const made = (await navigator.credentials.create({publicKey})).toJSON();
  return (await fetch("/v1/passkeys", {method: "POST", headers, body: JSON.stringify(made)})).status;
}"""
GET = """async () => {
  const headers = {"Content-Type": "application/json"};
  const asked = await (await fetch("/v1/sessions/challenges", {method: "POST"})).json();
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked.options);
  const passkey = (await navigator.credentials.get({publicKey})).toJSON();
  return await (await fetch("/v1/sessions", {method: "POST", headers, body: JSON.stringify({passkey})})).json();
}"""
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


async def test_passkey_at_localhost_is_made_and_comes_back(browser, app, live_url):
    owner = httpx2.post(f"{live_url}/v1/accounts").json()
    context = await browser.new_context()
    page = await context.new_page()
    devtools = await context.new_cdp_session(page)
    await devtools.send("WebAuthn.enable")
    await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    await page.goto(live_url.replace("127.0.0.1", "localhost"))

    made = await page.evaluate(CREATE, [owner["token"], owner["recovery_code"]])
    back = await page.evaluate(GET)

    await context.close()
    assert made == 201
    assert back["card_number"] == owner["card_number"]
