"""The pages without a network, in a browser that people use: the service worker, and what is kept on the device."""
import pytest

from chromium import Chromium
from pombal import Pombal
from test_browser import MAIL, origin, request


@pytest.fixture(scope="module")
def site():
    with Pombal() as own:
        yield own


@pytest.fixture(scope="module")
def chromium(site):
    with Chromium({MAIL: site.address}) as own:
        yield own


def databases(page):
    return page.run("indexedDB.databases().then(list => list.map(one => one.name))")


def set_network(page, there):
    page.call("Network.emulateNetworkConditions", offline=not there, latency=0, downloadThroughput=-1, uploadThroughput=-1)


def test_pages_and_mail_are_there_without_a_network(site, chromium):
    page = chromium.page()
    page.open(origin(site) + "/")
    assert page.run(request("POST", "/session", {"name": site.name("anna"), "password": site.password("anna")})).startswith("200 ")
    site.deliver(b"Subject: kept on the device\r\n\r\nx\r\n", "anna")
    page.open(origin(site) + "/#/mail")
    page.call("Page.reload")
    chromium.wait(lambda: "kept on the device" in page.run("document.body?.innerText ?? ''"), "the list")
    assert page.run("navigator.serviceWorker.ready.then(registration => registration.active.state !== 'redundant')")
    chromium.wait(lambda: page.run("caches.keys()"), "the pages' files")
    kept = page.run("caches.keys().then(([name]) => caches.open(name)).then(cache => cache.keys()).then(list => list.map(one => new URL(one.url).pathname))")
    assert "/" in kept and not [path for path in kept if path.startswith(("/jmap", "/session", "/.well-known"))], kept
    assert databases(page) and all(name.startswith(f"pombal:{site.name('anna')}") for name in databases(page))
    chromium.wait(lambda: page.run("!!navigator.serviceWorker.controller"), "the worker to take the page")
    page.run("new Promise(done => setTimeout(done, 1500))")  # until what was seen is written
    set_network(page, False)
    page.call("Page.reload")
    chromium.wait(lambda: "kept on the device" in page.run("document.body?.innerText ?? ''"), "the list without a network")
    set_network(page, True)


def test_nothing_of_anothers_stays_on_the_device(site, chromium):
    page = chromium.page()
    page.open(origin(site) + "/")
    for who in ("anna", "boris"):
        assert page.run(request("POST", "/session", {"name": site.name(who), "password": site.password(who)})).startswith("200 ")
        page.call("Page.reload")
        chromium.wait(lambda: databases(page) and all(name.startswith(f"pombal:{site.name(who)}") for name in databases(page)), f"{who}'s database alone")
