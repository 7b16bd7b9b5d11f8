#!/usr/bin/env python3
"""A milter of the tests' own, with Debian's python3-milter (libmilter): false_milter.py SOCKET. What it does stands in the message's subject, so
that one process serves all tests. What it was told it writes to its output."""
import sys
import time

import Milter


class Filter(Milter.Base):
    def __init__(self):
        self.told, self.subject, self.text = [], "", b""

    def connect(self, name, family, address):
        self.told.append(f"connect {name} {address[0]} j={self.getsymval('j')}")
        return Milter.CONTINUE

    def hello(self, name):
        self.told.append(f"helo {name}")
        return Milter.CONTINUE

    def envfrom(self, sender, *_):
        user = self.getsymval("{auth_authen}")
        self.told.append(f"mail {sender} i={self.getsymval('i') is not None}" + (f" user={user}" if user else ""))
        return Milter.CONTINUE

    def envrcpt(self, recipient, *_):
        self.told.append(f"rcpt {recipient}")
        return Milter.REJECT if recipient.startswith("<nobody") else Milter.CONTINUE

    def header(self, name, value):
        self.told.append(f"header {name}:{value!r}")
        if name.lower() == "subject":
            self.subject = value.strip()
        return Milter.CONTINUE

    def eoh(self):
        return Milter.CONTINUE

    def body(self, piece):
        self.text += piece
        return Milter.CONTINUE

    def eom(self):
        wanted = getattr(self, self.subject.split()[0].replace("-", "_"), None) if self.subject.startswith("do-") else None
        self.told.append(f"body {len(self.text)}")
        print(" | ".join(self.told), flush=True)
        return wanted() if wanted else Milter.CONTINUE

    # What a subject asks for.
    def do_reject(self):
        return Milter.REJECT

    def do_reply(self):
        self.setreply("550", "5.7.1", "the filter dislikes 100%% of it")
        return Milter.REJECT

    def do_tempfail(self):
        return Milter.TEMPFAIL

    def do_discard(self):
        return Milter.DISCARD

    def do_quarantine(self):
        self.quarantine("it looks odd")
        return Milter.CONTINUE

    def do_fields(self):
        self.addheader("X-Filter-Last", "at the end")
        self.addheader("X-Filter-First", "at the front\n of all", 0)
        self.chgheader("X-Twice", 2, "changed")
        self.chgheader("X-Gone", 1, "")
        self.addheader("Received", "from nowhere by nobody")
        self.addheader("Authentication-Results", "mail.judge.example; spf=pass")
        self.addheader("Authentication-Results", "filter.example; spf=pass")
        return Milter.CONTINUE

    def do_body(self):
        self.addheader("X-Filter-Saw", str(len(self.text)))
        self.replacebody(self.text.replace(b"Hello", b"Good bye") + b"-- \r\nfiltered\n")
        return Milter.ACCEPT

    def do_envelope(self):
        self.chgfrom("<other@good.example>")
        self.delrcpt("<boris@judge.example>")
        return Milter.CONTINUE

    def do_empty(self):
        self.delrcpt("<anna@judge.example>")
        return Milter.CONTINUE

    def do_archive(self):
        self.addrcpt("<boris@judge.example>")
        self.addrcpt("<nobody-at-all@judge.example>")
        self.addrcpt("<someone@elsewhere.example>")
        return Milter.CONTINUE

    def do_copy(self):
        self.addrcpt(f"<{self.subject.split()[1]}>")
        return Milter.CONTINUE

    def do_slow(self):
        for _ in range(5):
            time.sleep(0.2)
            self.progress()
        self.addheader("X-Filter-Slow", "yes")
        return Milter.CONTINUE


Milter.factory = Filter
Milter.set_flags(Milter.CHGBODY | Milter.CHGHDRS | Milter.ADDHDRS | Milter.ADDRCPT | Milter.DELRCPT | Milter.CHGFROM | Milter.QUARANTINE)
Milter.runmilter("false_milter", sys.argv[1], 60)
