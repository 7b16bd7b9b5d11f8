"""Signatures of the second kind as another program would make and verify them: written from draft-ietf-dkim-dkim2-spec-02 alone, with openssl for the keys. It knows
one algorithm each for hashes and signatures (SHA-256; RSA and Ed25519), and no recipes but those that it is given."""
import base64
import hashlib
import re
import subprocess
import time

IGNORED = {b"received", b"return-path", b"authentication-results", b"dkim-signature", b"message-instance", b"dkim2-signature"}


def fields(letter):
    """(name, value) with folds, from the top."""
    header = letter.split(b"\r\n\r\n", 1)[0] + b"\r\n"
    return [tuple(one.split(b":", 1)) for one in re.findall(rb"(?:^|(?<=\r\n))([^ \t\r\n][^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)", header)]


def header_hash(letter):
    lines = {}
    for name, value in reversed(fields(letter)):
        name = name.strip().lower()
        if name not in IGNORED and not name.startswith((b"x-", b"arc-")):
            lines.setdefault(name, []).append(re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip(b" \t"))
    text = b"".join(name + b":" + value + b"\r\n" for name in sorted(lines) for value in lines[name])
    return base64.b64encode(hashlib.sha256(text).digest()).decode()


def body_hash(letter):
    body = letter.split(b"\r\n\r\n", 1)[1] if b"\r\n\r\n" in letter else b""
    while body.endswith(b"\r\n"):
        body = body[:-2]
    return base64.b64encode(hashlib.sha256(body + b"\r\n").digest()).decode()


def squeezed(name, value):
    return name.strip().lower() + b":" + re.sub(rb"[ \t\r\n]", b"", value) + b"\r\n"


def tags(value):
    return {name.strip().lower(): re.sub(r"\s", "", text) for name, text in (one.split("=", 1) for one in value.decode().split(";") if one.strip())}


def in_order(letter, name, tag):
    found = [(int(tags(value)[tag]), name, value) for name_, value in fields(letter) if name_.strip().lower() == name]
    assert sorted(number for number, _, _ in found) == list(range(1, len(found) + 1))
    return sorted(found)


def path(address):
    return base64.b64encode(f"<{address}>".encode()).decode()


def paths(text):
    return [base64.b64decode(one).decode()[1:-1] for one in text.split(",")]


def make_key(folder, selector, kind="ED25519"):
    """The file of a private key, and the text of its record."""
    file = folder / f"{selector}.pem"
    arguments = [kind] if kind == "ED25519" else [kind, "-pkeyopt", "rsa_keygen_bits:2048"]
    subprocess.run(["openssl", "genpkey", "-algorithm", *arguments, "-out", file], check=True, stderr=subprocess.DEVNULL)
    public = subprocess.run(["openssl", "pkey", "-in", file, "-pubout", "-outform", "DER"], check=True, stdout=subprocess.PIPE).stdout
    text = f"k=ed25519; p={base64.b64encode(public[-32:]).decode()}" if kind == "ED25519" else f"k=rsa; p={base64.b64encode(public).decode()}"
    return file, f"v=DKIM1; {text}"


def sign(letter, key, domain, selector, mail_from, rcpt_to, made=None, flags="", recipe=None, instance=None):
    """The letter with the fields of one more server, whose key is Ed25519. A new Message-Instance if there is none, or `recipe` (JSON) says how its changes are undone."""
    states, signatures = in_order(letter, b"message-instance", "m"), in_order(letter, b"dkim2-signature", "i")
    if not states or recipe is not None:
        undone = f" r={base64.b64encode(recipe.encode()).decode()};" if recipe is not None else ""
        state = f" m={len(states) + 1}; h=sha256:{header_hash(letter)}:{body_hash(letter)};{undone}".encode()
        letter = b"Message-Instance:" + state + b"\r\n" + letter
        states.append((len(states) + 1, b"message-instance", state))
    flags = f" f={flags};" if flags else ""
    start = (f" i={len(signatures) + 1}; m={instance or len(states)}; t={int(time.time()) if made is None else made}; mf={path(mail_from)}; d={domain};{flags}\r\n"
             f" rt={', '.join(path(one) for one in rcpt_to)};\r\n s={selector}:ed25519-sha256:").encode()
    text = b"".join(squeezed(name, value) for _, name, value in states + signatures) + squeezed(b"dkim2-signature", start + b";")
    file = key.with_suffix(".digest")
    file.write_bytes(hashlib.sha256(text).digest())
    value = subprocess.run(["openssl", "pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", file], check=True, stdout=subprocess.PIPE).stdout
    return b"DKIM2-Signature:" + start + base64.b64encode(value) + b";\r\n" + letter


def must_verify(letter, mail_from, rcpt_to, records, folder):
    """Asserts that everything is as it should be, of each signature: `records` are the texts of the keys by their names. Gives the tags of the signatures."""
    states, signatures = in_order(letter, b"message-instance", "m"), in_order(letter, b"dkim2-signature", "i")
    newest = tags(states[-1][2])
    assert newest["h"] == f"sha256:{header_hash(letter)}:{body_hash(letter)}"
    said = [tags(value) for _, _, value in signatures]
    assert paths(said[-1]["mf"]) == [mail_from] and set(rcpt_to) <= set(paths(said[-1]["rt"])), (paths(said[-1]["mf"]), paths(said[-1]["rt"]))
    for at, tag in enumerate(said):
        sender = paths(tag["mf"])[0].rpartition("@")[2].lower()
        assert not sender or (sender == tag["d"] or sender.endswith("." + tag["d"]))
        assert abs(time.time() - int(tag["t"])) < 86400
        own = signatures[at][2]
        bare = re.sub(rb"(s=)([^;]*)", lambda found: found[1] + b",".join(b":".join(one.split(b":")[:2]) + b":" for one in re.sub(rb"\s", b"", found[2]).split(b",")), own)
        text = b"".join(squeezed(name, value) for _, name, value in states[:int(tag["m"])] + signatures[:at]) + squeezed(b"dkim2-signature", bare)
        for one in tag["s"].split(","):
            selector, algorithm, value = one.split(":")
            verify_value(text, algorithm, base64.b64decode(value), records[f"{selector}._domainkey.{tag['d']}"], folder)
    return said


def verify_value(text, algorithm, value, record, folder):
    public = base64.b64decode(re.search(r"p=([A-Za-z0-9+/=]+)", record)[1])
    if algorithm == "ed25519-sha256":
        public = bytes.fromhex("302a300506032b6570032100") + public
    for name, content in (("key", public), ("value", value), ("text", text if algorithm == "rsa-sha256" else hashlib.sha256(text).digest())):
        (folder / f"dkim2-{name}").write_bytes(content)
    files = {name: folder / f"dkim2-{name}" for name in ("key", "value", "text")}
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", files["key"], "-rawin", "-in", files["text"], "-sigfile", files["value"]]
    if algorithm == "rsa-sha256":
        command += ["-digest", "sha256"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0 and "Verified Successfully" in done.stdout, done.stdout
