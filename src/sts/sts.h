/* Policies of other domains about TLS (MTA-STS, RFC 8461): reading them, and keeping them. What a policy host and the DNS say is foreign and bounded. */
#ifndef STS_STS_H
#define STS_STS_H

#include "base/arena.h"
#include "base/error.h"

enum {
	STS_POLICY_MAX = 64 * 1024, /* bytes of what a policy host gives (RFC 8461 §3.3) */
	STS_HOSTS_MAX = 100,        /* patterns of a policy; with more it is none */
	STS_HOST_MAX = 253,         /* bytes of one */
	STS_ID_MAX = 32,            /* RFC 8461 §3.1 */
	STS_AGE_MAX = 31557600,     /* seconds: a year (RFC 8461 §3.2); what says more means so much */
};

enum sts_mode { STS_NONE, STS_TESTING, STS_ENFORCE };
/** "none", "testing", "enforce". */
const char *sts_mode_name(enum sts_mode mode);
bool sts_mode_of(struct slice name, enum sts_mode *mode);

struct sts_policy {
	enum sts_mode mode;
	int64_t max_age;       /* seconds from when it was fetched */
	struct slice *hosts;   /* names of MX hosts, or "*." and what is behind their first label; at least one, but for STS_NONE */
	size_t host_count;
};

/** Reads what a policy host gives (RFC 8461 §3.2); *policy points into `text` or lives in `arena`. False with what is wrong with it. */
bool sts_read_policy(struct slice text, struct arena *arena, struct sts_policy *policy, struct error *error);
/** Does it let mail go to this MX host (RFC 8461 §4.1)? */
bool sts_names_host(const struct sts_policy *policy, struct slice host);
/** Is this text of a TXT record at _mta-sts.DOMAIN one that says that there is a policy (RFC 8461 §3.1)? */
bool sts_is_record(struct slice text);
/** The id that such a record gives the policy, which points into it; false: the record is damaged, as is whatever else is one of several. */
bool sts_read_record(struct slice text, struct slice *id);

/* ---- Policies that are kept (cache.c) ---- */

enum {
	STS_CACHE_DOMAINS_MAX = 20000,
	STS_CACHE_SIZE_MAX = 16 * 1024 * 1024, /* bytes of all lines; beyond either what was used longest ago goes */
};

struct sts_cache;

struct sts_kept {
	struct slice id;
	struct sts_policy policy;
	int64_t fetched;  /* seconds since 1970; it holds until fetched + policy.max_age */
};
/** Reads the file, if there is one; what is damaged in it is passed over. */
struct sts_cache *sts_cache_open(const char *path);
void sts_cache_free(struct sts_cache **cache);
/** The policy of a domain (A-labels) that holds at `now`, in `arena`. Any thread. */
bool sts_cache_get(struct sts_cache *cache, struct slice domain, int64_t now, struct arena *arena, struct sts_kept *kept);
/** Keeps it, in the place of a former one, in the file, too. False: the file can't be written; it is kept in memory all the same. Any thread. */
bool sts_cache_put(struct sts_cache *cache, struct slice domain, const struct sts_kept *kept, struct error *error);

#endif
