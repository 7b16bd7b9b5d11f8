/* Answers to challenges that stand in the DNS: dns-01 (RFC 8555 §8.4) and dns-persist-01 (draft-ietf-acme-dns-persist-01), written at the name server that takes
 * changes (option dns_update, src/dnsupdate). */
#ifndef ACME_RECORDS_H
#define ACME_RECORDS_H

#include "acme/answer.h"
#include "dnsupdate/dnsupdate.h"

struct acme_records;
struct acme_records *acme_records_new(void);
void acme_records_free(struct acme_records **records);

/** The name of the record that answers a challenge of that kind about a name, in the arena. */
struct slice acme_record_name(enum acme_kind kind, struct slice name, struct arena *arena);
/** Writes the record for dns-01: beside those that were written for the same name before, which happens where a name and its wildcard are in one order. */
bool acme_records_add(struct acme_records *records, const struct dns_update_server *server, struct slice name, struct slice value, struct error *error);
/** Removes all that acme_records_add() wrote, and forgets the keys; what can't be removed is told in the log, and harms nobody. */
void acme_records_remove(struct acme_records *records);
/** Sees to it that the record of dns-persist-01 stands there, which stays; those for other authorities are left alone. */
bool acme_record_persist(const struct dns_update_server *server, struct slice name, struct slice value, struct error *error);

#endif
