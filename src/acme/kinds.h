/* Which challenges this server can answer, by its configuration. */
#ifndef ACME_KINDS_H
#define ACME_KINDS_H

#include "acme/answer.h"

struct config;

struct acme_kind_list {
	enum acme_kind at[ACME_KINDS];
	size_t count;
};
/** Those of the option acme_challenge that can be answered, in its order: http-01 where something listens for HTTP, tls-alpn-01 for HTTPS, dns-01 where a
 * name server takes changes. */
void acme_kinds_find(const struct config *config, struct acme_kind_list *list);
/** Is one of them answered in the DNS? Are all? */
bool acme_kinds_have_dns(const struct acme_kind_list *list);
bool acme_kinds_are_dns(const struct acme_kind_list *list);

#endif
