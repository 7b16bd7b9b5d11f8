"""Other domains' policies about TLS (MTA-STS, RFC 8461): who demands verified TLS gets his mail so or not at all, who tests his policy gets it anyway, and
nobody's policy host holds up anybody else's mail."""
import re

import pytest

from peers import ScriptedServer
from pombal import Pombal, new_address, wait_for
from policyhost import PORT, Authority, PolicyHost
from test_reports_sent import report_now, tls_part

QUICK = {"retry_schedule": ["1s"], "retry_for": "1h", "delay_notice": 0, "connect_timeout": "5s", "reply_timeout": "10s"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def host(authority):
    served = PolicyHost(authority)
    yield served
    served.close()


def options(names, authority, host):
    return {**QUICK, "resolver": names.resolver, "trust_anchors": ["none"], "mx_port": 22525, "mta_sts_port": PORT, "fetch_private_networks": [host.address],
            "trusted_certificates": str(authority.trusted), "reports_from": "postmaster@sender.example"}


@pytest.fixture(scope="module")
def server(names, authority, host):
    with Pombal("sender.example", options=options(names, authority, host)) as own:
        yield own


class Domain:
    """A domain with a policy, and a server for its mail whose certificate is right unless another is given; without `tls` it offers none."""

    def __init__(self, name, names, authority, host, mode="enforce", mx=None, record="v=STSv1; id=1;", tls=True, certificate=None, policy=None, extra=(), script=None):
        self.name, self.names, self.host, self.mx = name, names, host, f"mx1.{name}"
        self.right = certificate or authority.make(self.mx)
        self.peer = ScriptedServer(new_address(), 22525, extensions=("8BITMIME", "PIPELINING"), certificate=self.right if tls else None, script=script)
        names.domain(name, self.peer.address, *extra)
        host.policies[name] = policy if policy is not None else self.policy(mode, *(mx or [self.mx]))
        self.publish(record)

    @staticmethod
    def policy(mode, *mx, age=86400):
        return f"version: STSv1\r\nmode: {mode}\r\n" + "".join(f"mx: {one}\r\n" for one in mx) + f"max_age: {age}\r\n"

    def publish(self, record, address=None):
        self.names.set(**{f"_mta-sts.{self.name}": [f'TXT "{record}"'] if record else [], f"mta-sts.{self.name}": [f"A {address or self.host.address}"]})


@pytest.fixture
def domain(names, authority, host, token):
    made = []

    def make(name, **more):
        made.append(Domain(f"{name}-{token}.example", names, authority, host, **more))
        return made[-1]
    yield make
    for one in made:
        one.peer.close()


def submit(server, domain, subject="hello"):
    server.submit(f"From: {server.name('anna')}\r\nTo: x@{domain.name}\r\nSubject: {subject}\r\n\r\nHello.\r\n".encode(), f"x@{domain.name}")


def waits(server, domain, *words):
    """Mail for the domain waits, and the queue says why."""
    def said():
        text = server.run("queue", "list").stdout
        return all(word in text for word in (domain.name, *words))
    wait_for(said, f"the queue to say {words}:\n" + server.run("queue", "list").stdout)


def give_up(server, domain):
    for one in server.queue():
        if domain.name in str(one):
            server.run("queue", "remove", one["id"])


# ---- Who demands ----

def test_a_right_host_gets_it(server, domain, host):
    one = domain("right")
    offset = server.log_size()
    submit(server, one)
    one.peer.wait_letters()
    assert one.peer.sessions[-1]["tls"]
    assert server.wait_log(rf"event=sts\.fetched domain={one.name} id=1 mode=enforce max_age=86400 hosts=1", offset)
    submit(server, one)
    one.peer.wait_letters(2)
    assert host.asked.count(one.name) == 1, "it is kept"


def test_no_mail_in_clear_text(server, domain):
    one = domain("plain", tls=False)
    submit(server, one)
    waits(server, one, f"the policy of {one.name} (MTA-STS)", "doesn't offer it")
    assert not any(command.startswith("MAIL") for session in one.peer.sessions for command in session["commands"])
    one.peer.certificate = one.right
    one.peer.wait_letters()
    assert one.peer.sessions[-1]["tls"]


def test_hosts_that_are_not_named(server, domain):
    one = domain("unnamed", mx=["elsewhere.example", "*.example"])  # a star is one label
    submit(server, one)
    waits(server, one, f"doesn't name the mail server {one.mx}")
    assert not one.peer.sessions, "it isn't even spoken with"
    give_up(server, one)


def test_another_host_is_named(server, domain, authority):
    second = ScriptedServer(new_address(), 22525, certificate=None)
    one = domain("second", mx=["mx2.*", "*.elsewhere.example"], extra=[second.address], policy="")
    one.host.policies[one.name] = one.policy("enforce", f"mx2.{one.name}")
    second.certificate = authority.make(f"mx2.{one.name}")
    submit(server, one)
    second.wait_letters()
    assert not one.peer.sessions
    second.close()


@pytest.mark.parametrize("wrong,words", [("unknown", "certificate"), ("name", "certificate")])
def test_wrong_certificates(server, domain, authority, tmp_path, wrong, words):
    other = Authority(tmp_path, "other")
    certificate = authority.make("mx1.elsewhere.example") if wrong == "name" else other.make("placeholder.example")
    one = domain(f"wrong{wrong}", certificate=certificate)
    if wrong == "unknown":
        one.peer.certificate = other.make(one.mx)
    submit(server, one)
    waits(server, one, "(MTA-STS) wants TLS with a valid certificate", words)
    assert not one.peer.letters
    one.peer.certificate = authority.make(one.mx)
    one.peer.wait_letters()


def test_a_session_that_is_kept_is_not_enough(server, domain, authority):
    """Two domains have one host: what was good enough for the first isn't for the second."""
    second = domain("host", certificate=None)
    second.peer.certificate = authority.make("mx1.elsewhere.example")
    first = domain("guest", record=None)
    first.names.set(**{first.name: [f"MX 10 {second.mx}."]})
    submit(server, first)
    second.peer.wait_letters()
    submit(server, second)
    waits(server, second, "(MTA-STS)")
    assert len(second.peer.letters) == 1
    give_up(server, second)


def test_international_names(server, domain, names, authority, token):
    one = domain("xn--e1afmkfd", policy="")
    one.host.policies[one.name] = one.policy("enforce", f"*.{one.name.upper()}")
    submit(server, one)
    one.peer.wait_letters()
    assert one.peer.sessions[-1]["tls"]


# ---- Policies change ----

def test_the_policy_is_kept_when_its_host_and_record_have_gone(names, domain, authority):
    host = PolicyHost(authority)
    with Pombal("keeper.example", options=options(names, authority, host)) as own:
        one = domain("kept")
        one.host = host
        host.policies[one.name] = one.policy("enforce", one.mx)
        one.publish("v=STSv1; id=1;")
        submit(own, one)
        one.peer.wait_letters()
        host.close()
        one.publish(None)
        own.stop()
        own.start()
        one.peer.certificate = None
        submit(own, one)
        waits(own, one, "(MTA-STS)")
        one.publish("v=STSv1; id=2;")  # nor does it help that another can't be fetched
        offset = own.log_size()
        own.run("queue", "flush")
        own.wait_log(rf"event=sts\.failed domain={one.name} fault=sts-policy-fetch-error", offset)
        waits(own, one, "(MTA-STS)")
        assert len(one.peer.letters) == 1
        one.peer.certificate = one.right
        own.run("queue", "flush")
        one.peer.wait_letters(2)
        assert (own.data / "queue" / "tls-policies").stat().st_mode & 0o777 == 0o600
        own.run("fsck")


def test_another_policy_is_seen_by_its_id(server, domain, host):
    one = domain("changes", mx=["elsewhere.example"])
    submit(server, one)
    waits(server, one, "doesn't name")
    host.policies[one.name] = one.policy("none")
    assert not one.peer.letters
    one.publish("v=STSv1; id=2;")
    one.peer.wait_letters()


def test_a_policy_is_renewed_before_its_end_and_ends(server, domain, host):
    one = domain("short", policy="", tls=False)
    host.policies[one.name] = one.policy("enforce", one.mx, age=6)
    submit(server, one)
    waits(server, one, "(MTA-STS)")
    wait_for(lambda: host.asked.count(one.name) > 1, "the policy to be renewed")
    assert not one.peer.letters
    one.publish(None)  # from now on it isn't
    one.peer.wait_letters()


@pytest.mark.parametrize("record", [None, "v=STSv1; id=a-b;", "v=spf1 -all"])
def test_without_a_record_there_is_no_policy(server, domain, host, record):
    one = domain("without", tls=False, record=record)
    submit(server, one)
    one.peer.wait_letters()
    assert one.name not in host.asked


# ---- Policies that can't be had ----

WRONG = {
    "missing": ((404, {}, ""), "sts-policy-fetch-error"), "moved": ((302, {"Location": "https://policies.example/"}, ""), "sts-policy-fetch-error"),
    "html": ((200, {"Content-Type": "text/html"}, "<html></html>"), "sts-policy-invalid"), "rubbish": ("no policy at all\n", "sts-policy-invalid"),
    "huge": ((200, {"Content-Type": "text/plain"}, Domain.policy("enforce", "a.example") + "x: y\n" * 20000), "sts-policy-fetch-error"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_policy_demands_nothing(server, domain, what):
    policy, fault = WRONG[what]
    one = domain(f"no{what}", policy=policy, tls=False)
    offset = server.log_size()
    submit(server, one)
    one.peer.wait_letters()
    assert re.search(rf"event=sts\.failed domain={one.name} fault={fault}", server.log(offset))


def test_a_policy_host_that_is_another(server, domain, authority, host):
    one = domain("imposter", tls=False)
    host.certificates[one.name] = authority.make("mta-sts.elsewhere.example")
    offset = server.log_size()
    submit(server, one)
    one.peer.wait_letters()
    assert re.search(rf"event=sts\.failed domain={one.name} fault=sts-webpki-invalid", server.log(offset))


def test_no_policy_is_fetched_from_inside(server, domain, authority):
    inside = PolicyHost(authority)
    one = domain("inside", tls=False)
    inside.policies[one.name] = one.policy("enforce", one.mx)
    one.publish("v=STSv1; id=1;", inside.address)
    offset = server.log_size()
    submit(server, one)
    one.peer.wait_letters()
    assert re.search(rf"event=sts\.failed domain={one.name} .*no public one", server.log(offset)) and not inside.asked
    inside.close()


def test_a_silent_policy_host_holds_up_its_own_domain_alone(server, domain, host):
    slow, other = domain("slow"), domain("other")
    host.slow[slow.name] = 30
    submit(server, slow)
    wait_for(lambda: slow.name in host.asked, "the policy to be asked for")
    submit(server, other)
    other.peer.wait_letters()
    assert not slow.peer.letters
    began = server.log_size()
    server.stop()  # nor does it hold up the end
    host.slow[slow.name] = 0
    server.start()
    slow.peer.wait_letters()
    assert "role.ended" not in server.log(began)


# ---- Who tests ----

def test_who_tests_gets_it_anyway_and_hears_of_it(server, domain, names, authority, token):
    reports = domain("reports", record=None)
    right, plain, unnamed, wrong, bad = domain("r", mode="testing"), domain("p", mode="testing", tls=False), domain("u", mode="testing", mx=["elsewhere.example"]), domain(
        "w", mode="testing", certificate=authority.make("mx1.elsewhere.example")), domain("b", policy="rubbish", tls=False)
    expected = {right: ("sts", None), plain: ("sts", "starttls-not-supported"), unnamed: ("sts", "validation-failure"), wrong: ("sts", "certificate-host-mismatch"),
                bad: ("sts", "sts-policy-invalid")}
    for one in expected:
        names.set(**{f"_smtp._tls.{one.name}": [f'TXT "v=TLSRPTv1; rua=mailto:tls@{reports.name}"']})
        submit(server, one)
        one.peer.wait_letters()
        assert len(one.peer.letters) == 1
    report_now(server)
    found = {}
    for letter in reports.peer.wait_letters(len(expected)):
        message, _, report = tls_part(letter["letter"])
        found[message["TLS-Report-Domain"]] = {one["policy"]["policy-type"]: one for one in report["policies"]}
    for one, (kind, fault) in expected.items():
        policy = found[one.name][kind]
        assert [detail["result-type"] for detail in policy.get("failure-details", [])] == ([fault] if fault else []), (one.name, policy)
    assert found[right.name]["sts"]["summary"]["total-successful-session-count"] == 1
    assert found[plain.name]["sts"]["policy"] == {"policy-type": "sts", "policy-domain": plain.name, "mx-host": [plain.mx],
                                                  "policy-string": ["version: STSv1", "mode: testing", f"mx: {plain.mx}", "max_age: 86400"]}
    assert found[unnamed.name]["sts"]["failure-details"][0]["receiving-mx-hostname"] == unnamed.mx
    assert "no-policy-found" in found[bad.name] and "receiving-mx-hostname" not in found[bad.name]["sts"]["failure-details"][0]


def test_the_option(server, domain, host):
    one, other = domain("tested", tls=False), domain("ignored", tls=False)
    server.configure(mta_sts="testing")
    server.reload()
    try:
        submit(server, one)
        one.peer.wait_letters()
        assert one.name in host.asked
        server.configure(mta_sts="off")
        server.reload()
        submit(server, other)
        other.peer.wait_letters()
        assert other.name not in host.asked
    finally:
        server.configure(mta_sts="on")
        server.reload()
    submit(server, one)
    waits(server, one, "(MTA-STS)")
    give_up(server, one)
