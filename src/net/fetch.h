/* Fetching over HTTP, as a client. A call blocks its thread. (libcurl is known here and by s3 alone.)
 *
 * What is fetched is often named by strangers (a web hook, a redirect), so who may be reached is decided here, for each address:
 * names are resolved by net/dns, all addresses of a name are looked at before a connection is tried, and the one that is connected
 * to once more when its socket is made. An address that isn't one of the public internet, or is this machine's own, is refused, unless
 * the rules say otherwise. Redirects are followed here, each looked at as what was asked first. There are no proxies, no cookies, no
 * passwords of a .netrc, no other protocols, and nothing is unpacked. */
#ifndef NET_FETCH_H
#define NET_FETCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/error.h"

struct dns;

enum {
	FETCH_URL_MAX = 8192,
	FETCH_HEADER_MAX = 65536, /* bytes of an answer's header, with those of what came before it (103, say) */
	FETCH_FIELDS_MAX = 200,
};

/** Who may be reached, and how much of it. */
struct fetch_rules {
	struct dns *dns;          /* names are resolved with it */
	size_t most;              /* bytes of an answer's body; beyond: refused */
	int seconds;              /* for all of it, redirects too */
	unsigned redirects;       /* followed at most, of GET and HEAD; 0: a redirect is an answer as any */
	bool plain;               /* http:// is allowed, too (but no redirect from https:// to it); else https:// alone */
	bool certificate_ignored; /* for looking at a server that is being set up; else it must be valid for the name */
	const char *trusted;      /* PEM file of certificates to trust beside the system's; NULL or "": none */
	/** May this address be reached although it isn't public, or our own? NULL: none such may. (config_may_fetch()) */
	bool (*may_reach)(const struct sockaddr_storage *address);
	uint16_t port;            /* connect there, whatever port the URL says; 0: as it says */
	const char *user_agent;   /* NULL: our name */
	const atomic_bool *stop;  /* while it is true, nothing is waited for: ERROR_INTERRUPTED within a second. NULL: no such */
};

struct fetch_field {
	struct slice name, value;
};

struct fetch_request {
	const char *method;       /* NULL: GET, or POST if there is a body */
	struct slice url;         /* absolute; printable ASCII, a host name as A-labels */
	struct slice type, body;  /* type: Content-Type; at: NULL: no body */
	struct slice accept;      /* empty: anything */
	const struct fetch_field *fields; /* further ones, such as Authorization: sent to the URL's host, port and scheme only, not to where it redirects */
	size_t field_count;
};

struct fetch_answer {
	int status;
	struct slice url;         /* that answered, after redirects */
	struct slice type;        /* Content-Type, without parameters; may be empty */
	struct slice body;
	struct fetch_field *fields; /* as they came, of the final answer; no trailers */
	size_t field_count;
};

/** Asks and waits for the whole answer, which lives in the arena. True with any status. False with *error in words: ERROR_DENIED if the rules
 * forbid it, ERROR_INVALID if the URL or the request makes no sense, ERROR_LIMIT if the answer is too large, else ERROR_TEMPORARY. Any thread. */
bool fetch(const struct fetch_rules *rules, const struct fetch_request *request, struct arena *arena, struct fetch_answer *answer, struct error *error);
/** The first field of that name (any case); false: there is none. */
bool fetch_field(const struct fetch_answer *answer, const char *name, struct slice *value);

/* ---- Which addresses (fetch_address.c) ---- */

/** What an address is that isn't one of the public internet ("loopback", "private", …); NULL: it is. Of addresses that stand for one of IPv4
 * (mapped, 6to4, NAT64) that is looked at. */
const char *fetch_address_kind(const struct sockaddr_storage *address);
/** Is it one of this machine's? */
bool fetch_address_is_own(const struct sockaddr_storage *address);
/** May it be reached by the rules? If not, *kind says what it is. */
bool fetch_address_allowed(const struct fetch_rules *rules, const struct sockaddr_storage *address, const char **kind);

#endif
