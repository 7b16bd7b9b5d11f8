/* For tests: a DNS server on 127.0.0.1, in a thread, that answers from a table. Anything not in it doesn't exist. */
#ifndef NET_DNS_FAKE_H
#define NET_DNS_FAKE_H

#include <stddef.h>

struct dns_fake;

struct dns_fake_record {
	const char *name;  /* lower-case, without final dot */
	const char *type;  /* "A", "AAAA", "MX", "CNAME", "PTR", "TXT"; "RRSIG" comes with every answer about the name; "SERVFAIL" or "SILENT" for every question about the name */
	const char *value; /* "127.0.0.1", "::1", "10 mx.example.test" ("0 ." for a null MX), a name, a text; "" only makes the name exist */
};

struct dns_fake *dns_fake_start(const struct dns_fake_record *records, size_t count);
/** "127.0.0.1@port", for dns_options.resolver. */
const char *dns_fake_resolver(const struct dns_fake *fake);
void dns_fake_stop(struct dns_fake **fake);

#endif
