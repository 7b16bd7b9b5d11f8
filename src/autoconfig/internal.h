/* What the writers of all formats share. */
#ifndef AUTOCONFIG_INTERNAL_H
#define AUTOCONFIG_INTERNAL_H

#include "autoconfig/autoconfig.h"

/* draft-ietf-mailmaint-oauth-public */
#define AUTOCONFIG_OAUTH_SCOPE "urn:ietf:params:oauth:scope:mail offline_access"

enum { AUTOCONFIG_DIGEST_BYTES = 32 }; /* of SHA-256 */

/** The service of a kind that clients shall take; NULL: none is offered. */
const struct autoconfig_service *autoconfig_best(const struct autoconfig_plan *plan, enum autoconfig_kind kind);
/** The service of this kind that is offered in this way; NULL: none. */
const struct autoconfig_service *autoconfig_offered(const struct autoconfig_plan *plan, enum autoconfig_kind kind, enum autoconfig_security security);
/** What the account signs in with: its name, or its address; empty: neither is known. */
struct slice autoconfig_sign_in_name(const struct autoconfig_plan *plan);
/** The provider's name, or the domain; at most so many characters of it. */
struct slice autoconfig_provider(const struct autoconfig_plan *plan, size_t characters);

/** Appends "<name>text</name>" as a line of its own, so deep. */
void autoconfig_put(struct buf *out, unsigned depth, const char *name, struct slice text);
void autoconfig_put_number(struct buf *out, unsigned depth, const char *name, unsigned number);

/** SHA-256 of what lies one after the other, each with its length, so that no two lists have the same bytes. */
void autoconfig_digest_list(const struct slice *parts, size_t count, unsigned char digest[AUTOCONFIG_DIGEST_BYTES]);

#endif
