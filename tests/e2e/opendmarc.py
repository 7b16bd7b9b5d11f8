"""DMARC as Debian's libopendmarc has it, asking the name server of the tests. It knows domains of organizations by a list of suffixes, where Pombal walks up the DNS
(RFC 9989): the two agree where a domain below the only suffix that it is given here has the record, and none above. Where a policy wants identity (adkim=s, aspf=s), version
1.4.2 lets pass what the text doesn't: others of the author's organization, but not all of them. Such a one isn't shown to it."""
import ctypes
import socket
import struct

PASS, FAIL = 1, 2                                 # outcomes of SPF and DKIM
ALIGNED = 4
ANSWERS = {14: "none", 15: "pass", 16: "reject", 17: "quarantine", 18: "p=none"}
ABSENT = (9, 10)                                  # no record, no such name


class Library(ctypes.Structure):
    _fields_ = [("tld_type", ctypes.c_int), ("tld_source_file", ctypes.c_char * 4096), ("nscount", ctypes.c_int), ("nsaddr_list", ctypes.c_char * 16 * 3)]


class OpenDmarc:
    def __init__(self, resolver, suffix, folder):
        address, port = resolver.split("@")
        (folder / "suffixes").write_text(suffix + "\n")
        self.library = ctypes.CDLL("libopendmarc.so.2")
        self.setup = Library(1, bytes(folder / "suffixes"), 1)
        self.setup.nsaddr_list[0].raw = struct.pack("=H", socket.AF_INET) + struct.pack("!H", int(port)) + socket.inet_aton(address) + bytes(8)
        for name in ("connect_init", "connect_shutdown"):
            getattr(self.library, f"opendmarc_policy_{name}").restype = ctypes.c_void_p
        assert self.library.opendmarc_policy_library_init(ctypes.byref(self.setup)) == 0

    def close(self):
        self.library.opendmarc_policy_library_shutdown(ctypes.byref(self.setup))

    def _strict(self, context, tag):
        mode = ctypes.c_int()
        assert getattr(self.library, f"opendmarc_policy_fetch_{tag}")(context, ctypes.byref(mode)) == 0
        return mode.value == ord("s")

    def check(self, author, spf, signers):
        """What is to be done: "pass", "none" (there is no policy), "p=none", "quarantine", "reject"; and whether SPF and a signature are aligned. `spf`: (domain, passes);
        `signers`: such pairs."""
        library = self.library
        context = ctypes.c_void_p(library.opendmarc_policy_connect_init(b"192.0.2.1", 4))
        try:
            assert library.opendmarc_policy_store_from_domain(context, author.encode()) == 0
            found = library.opendmarc_policy_query_dmarc(context, author.encode())
            if found in ABSENT:
                return "none", False, False
            assert found == 0, found
            by_spf, by_signature = self._strict(context, "aspf"), self._strict(context, "adkim")
            spf = spf[0], spf[1] and not (by_spf and spf[0] != author)
            assert library.opendmarc_policy_store_spf(context, spf[0].encode(), PASS if spf[1] else FAIL, 1, None) == 0
            for domain, passes in signers:  # of those that don't pass it would forget one that does
                if passes and not (by_signature and domain != author):
                    assert library.opendmarc_policy_store_dkim(context, domain.encode(), b"s", PASS, None) == 0
            answer = library.opendmarc_get_policy_to_enforce(context)
            aligned = [ctypes.c_int(), ctypes.c_int()]
            library.opendmarc_policy_fetch_alignment(context, *map(ctypes.byref, aligned))
            return ANSWERS[answer], aligned[1].value == ALIGNED, aligned[0].value == ALIGNED
        finally:
            library.opendmarc_policy_connect_shutdown(context)
