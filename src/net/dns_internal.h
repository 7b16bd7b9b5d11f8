/* What the parts of dns.h share: questions under way, and the reading of what comes. Internal to this folder. */
#ifndef NET_DNS_INTERNAL_H
#define NET_DNS_INTERNAL_H

#include <pthread.h>
#include <unbound.h>

#include "lookup/cache.h"
#include "net/dns.h"

enum {
	DNS_TYPE_A = 1,
	DNS_TYPE_CNAME = 5,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_MX = 15,
	DNS_TYPE_TXT = 16,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_SRV = 33,
	DNS_TYPE_TLSA = 52,
	DNS_TYPE_CAA = 257,
	DNS_NAME_MAX = 253,
	DNS_LABEL_MAX = 63,
};

/* libunbound at work, and the thread that takes its answers in. */
struct dns_engine {
	struct ub_ctx *context;
	pthread_t thread;
	int stop; /* eventfd: the thread is to end */
};

struct dns {
	struct lookup_cache *kept; /* answers of tables */
	char *resolver;
	char **trust_anchors;     /* files */
	size_t trust_anchor_count;
	int ending;               /* eventfd: the prober is to end */
	bool probing;             /* there is a prober */
	pthread_t prober;
	pthread_mutex_t lock;     /* guards the rest, and the batches' fields */
	struct dns_engine *validating, *plain; /* plain: without trust anchors. Each is made when it is needed first, and stays */
	pthread_cond_t judged;    /* probed, or stopping */
	struct dns_batch *batches; /* that haven't ended */
	pthread_cond_t retest;    /* the prober is to go to work, or to end */
	bool stopping, ended, wanted;
	bool probed;              /* at least once */
	bool stripped;            /* the resolver removes signatures: nothing is validated */
};

/** The engine to ask; NULL: there is none. */
struct dns_engine *dns_engine_choose(struct dns *dns);

/** Questions that are asked together, and waited for by one: a thread, or a call-back. */
struct dns_batch;
/** Of `most` questions. `done`: NULL, if a thread waits. */
struct dns_batch *dns_batch_new(struct dns *dns, size_t most, void (*done)(void *context), void *context);
/** Asks; the first question is number 0. */
void dns_batch_ask(struct dns_batch *batch, const char *name, int type);
/** All are asked. True: some have no answer yet, and `done` is called once, with the lock of `dns` held, when all have, or nobody is to wait any longer
 * (dns_stop()). False: nothing is to be waited for. */
bool dns_batch_begin(struct dns_batch *batch);
/** Waits until then, or until `deadline` (monotonic milliseconds). */
void dns_batch_wait(struct dns_batch *batch, int64_t deadline);
/** The answer to a question, which lives as long as the batch. NULL: there is none. */
const struct ub_result *dns_batch_result(struct dns_batch *batch, size_t number);
/** Gives up what isn't answered. `done` isn't called after this has returned. Sets *batch to NULL. */
void dns_batch_end(struct dns_batch **batch);

/** With the lock held: nobody waits any longer. */
void dns_batches_stop(struct dns *dns);

/** What an answer says; NULL is none. */
enum dns_status dns_status_of(struct dns *dns, const struct ub_result *result, const char *name, struct error *error);
/** Its records, DNS_RECORDS_MAX at most. */
size_t dns_record_count(const struct ub_result *result);
struct slice dns_record(const struct ub_result *result, size_t i);
/** Reads an uncompressed name (RFC 1035 §3.1) as text without its final dot; the root is empty. False: it is none that a host could have. */
bool dns_read_name(struct slice wire, struct arena *arena, struct slice *name);
bool dns_is_host_char(char c);

#endif
