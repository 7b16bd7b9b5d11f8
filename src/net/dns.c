/* libunbound, which resolves, caches and validates in a thread of its own; see dns.h. A thread of ours takes its answers in, for who has asked
 * (dns_batch.c) about a host (dns_host.c) or for a table (dns_table.c). The library, a megabyte with those that it needs, is loaded by the first look-up: who has a
 * smarthost may never make one. Fails towards "temporary": a time-out, SERVFAIL and a bogus answer
 * (DNSSEC) are never taken for "doesn't exist". Where the resolver removes signatures, every answer would be bogus: a thread
 * of ours finds that out (dns_probe.h), and until it is mended nothing is validated. What the answers hold is hostile: lengths are checked, and names with
 * bytes that no host name has are passed over. */
#include "net/dns.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/dns_internal.h"
#include "net/dns_probe.h"

enum {
	ANCHOR_LINE_MAX = 4096,
	PROBE_EVERY_SECONDS = 600,
	PROBE_SOON_SECONDS = 30, /* after no answer */
	PROBE_WAIT_SECONDS = 5,
};

/* ---- Setting up ---- */

static const char *const root_key_files[] = {"/usr/share/dns/root.key", "/var/lib/unbound/root.key", NULL};

/* Does a file of trust anchors, in the form of zone files, name the root? */
static bool names_root(const char *path)
{
	char line[ANCHOR_LINE_MAX];
	bool found = false;
	FILE *file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof line, file)) {
		struct slice text = slice_trim(slice_of(line));
		found = text.len > 1 && text.at[0] == '.' && (text.at[1] == ' ' || text.at[1] == '\t');
	}
	if (file)
		fclose(file);
	return found;
}

static bool is_without_anchors(const struct dns *dns)
{
	return dns->trust_anchor_count == 1 && slice_equal(slice_of(dns->trust_anchors[0]), SLICE("none"));
}

/* The system's file with the root's key, which is taken where the trust anchors don't name the root; NULL: none can be. */
static const char *default_anchor(const struct dns *dns)
{
	const char *const *path = root_key_files;
	while (dns->trust_anchor_count == 0 && *path && access(*path, R_OK) != 0)
		path++;
	return dns->trust_anchor_count == 0 ? *path : NULL;
}

/* The library would say so with the first look-up only. */
static bool look_at_resolver(const struct dns *dns, struct error *error)
{
	return !*dns->resolver || dns_probe_is_resolver(slice_of(dns->resolver)) ||
	       error_set(error, ERROR_INVALID, "\"%s\" is no resolver: an address, or address@port", dns->resolver);
}

/* Can the trust anchors be read, and (*root) is the root's key among them? */
static bool look_at_anchors(const struct dns *dns, bool *root, struct error *error)
{
	*root = default_anchor(dns) != NULL;
	if (is_without_anchors(dns))
		return true;
	for (size_t i = 0; i < dns->trust_anchor_count; i++) {
		if (access(dns->trust_anchors[i], R_OK) != 0)
			return error_set(error, ERROR_INVALID, "%s: the trust anchors can't be read", dns->trust_anchors[i]);
		*root |= names_root(dns->trust_anchors[i]);
	}
	return true;
}

static bool add_trust_anchors(struct ub_ctx *context, const struct dns *dns, struct error *error)
{
	const char *usual = default_anchor(dns);
	for (size_t i = 0; !is_without_anchors(dns) && i < dns->trust_anchor_count; i++)
		if (ub_ctx_add_ta_file(context, dns->trust_anchors[i]) != 0)
			return error_set(error, ERROR_INVALID, "%s: the trust anchors can't be read", dns->trust_anchors[i]);
	if (usual && ub_ctx_add_ta_file(context, usual) != 0)
		return error_set(error, ERROR_INVALID, "%s: the trust anchors can't be read", usual);
	return true;
}

/* Zones that libunbound answers itself by default (RFC 6303, 6761, 7686): a resolver that was named on purpose knows better. */
static const char *const kept_zones[] = {"test.", "invalid.", "home.arpa.", "127.in-addr.arpa.", "10.in-addr.arpa.",
	"168.192.in-addr.arpa.", "254.169.in-addr.arpa.", "2.0.192.in-addr.arpa.", "100.51.198.in-addr.arpa.", "113.0.203.in-addr.arpa.",
	"8.b.d.0.1.0.0.2.ip6.arpa.", "d.f.ip6.arpa.", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.", NULL};

static bool set_resolver(struct ub_ctx *context, const char *resolver, struct error *error)
{
	if (!*resolver) {
		/* Without a usable /etc/resolv.conf libunbound asks the root servers itself. */
		ub_ctx_resolvconf(context, NULL);
		return true;
	}
	if (ub_ctx_set_fwd(context, resolver) != 0)
		return error_set(error, ERROR_INVALID, "\"%s\" is no resolver: an address, or address@port", resolver);
	for (const char *const *zone = kept_zones; *zone; zone++)
		ub_ctx_zone_remove(context, *zone);
	return true;
}

static bool set_up(struct ub_ctx *context, const struct dns *dns, bool validating, struct error *error)
{
	ub_ctx_debugout(context, NULL);
	ub_ctx_set_option(context, "do-not-query-localhost:", "no");
	ub_ctx_set_option(context, "infra-host-ttl:", "60"); /* a resolver that was away is asked again soon */
	ub_ctx_set_option(context, "cache-max-negative-ttl:", "300");
	/* By default 16 questions are under way at a time, and those that have taken long make room for others: a slow resolver would hold up all. */
	ub_ctx_set_option(context, "outgoing-range:", "4096");
	ub_ctx_set_option(context, "num-queries-per-thread:", "4096");
	ub_ctx_set_option(context, "jostle-timeout:", "20000");
	/* It gives up after five times, which a busy resolver's first second is enough for; we have a time limit of our own. */
	ub_ctx_set_option(context, "outbound-msg-retry:", "16");
	if (ub_ctx_async(context, 1) != 0)
		return error_set(error, ERROR_TEMPORARY, "the DNS library can't start");
	/* The trust anchors first: removing default zones ends configuration. */
	return (!validating || add_trust_anchors(context, dns, error)) && set_resolver(context, dns->resolver, error);
}

static void *take_answers(void *argument)
{
	struct dns_engine *engine = argument;
	struct pollfd polled[2] = {{.fd = ub_fd(engine->context), .events = POLLIN}, {.fd = engine->stop, .events = POLLIN}};
	while (polled[1].revents == 0) {
		if (poll(polled, 2, -1) > 0 && polled[0].revents)
			ub_process(engine->context);
	}
	return NULL;
}

/* Signals are for the main thread. */
static bool start_thread(pthread_t *thread, void *(*run)(void *), void *argument, struct error *error)
{
	sigset_t all, former;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &former);
	int failure = pthread_create(thread, NULL, run, argument);
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	return failure == 0 || error_set_errno(error, failure, "starting a DNS thread");
}

static struct dns_engine *engine_new(const struct dns *dns, bool validating, struct error *error)
{
	struct ub_ctx *context = ub_ctx_create();
	if (!context) {
		error_set(error, ERROR_TEMPORARY, "the DNS library can't start");
		return NULL;
	}
	struct dns_engine *engine = memory_new(sizeof *engine);
	engine->context = context;
	engine->stop = eventfd(0, EFD_CLOEXEC);
	bool done = engine->stop >= 0 || error_set_errno(error, errno, "making an eventfd");
	if (done && set_up(context, dns, validating, error) && start_thread(&engine->thread, take_answers, engine, error))
		return engine;
	if (engine->stop >= 0)
		close(engine->stop);
	ub_ctx_delete(context);
	free(engine);
	return NULL;
}

/* Makes it if it isn't there. With the lock held. NULL: there can't be one now, the log says why. */
static struct dns_engine *have_engine(struct dns *dns, struct dns_engine **engine)
{
	struct error error;
	if (!*engine && !(*engine = engine_new(dns, engine == &dns->validating, &error)))
		log_error("dns.failed", log_text("reason", error.text));
	return *engine;
}

static void engine_free(struct dns_engine *engine)
{
	if (!engine)
		return;
	eventfd_write(engine->stop, 1);
	pthread_join(engine->thread, NULL);
	close(engine->stop);
	ub_ctx_delete(engine->context);
	free(engine);
}

/* ---- Is validation possible at all ---- */

/* Returns whether the resolver's signatures are missing from now on. With the lock held. */
static bool judge(struct dns *dns, enum dns_probe heard)
{
	return heard == DNS_PROBE_UNKNOWN ? dns->stripped : heard == DNS_PROBE_STRIPPED;
}

static void note_probe(struct dns *dns, enum dns_probe heard)
{
	const char *resolver = *dns->resolver ? dns->resolver : "of the system";
	pthread_mutex_lock(&dns->lock);
	bool before = dns->stripped, now = judge(dns, heard);
	dns->stripped = now;
	dns->probed = true;
	pthread_cond_broadcast(&dns->judged);
	pthread_mutex_unlock(&dns->lock);
	if (now && !before)
		log_warning("dns.not_validated", log_text("resolver", resolver), log_text("cause", "it removes DNSSEC signatures, so answers can't be validated"),
			    log_text("mend", DNS_STRIPPED_MEND));
	else if (before && !now)
		log_info("dns.validated", log_text("resolver", resolver));
}

static void *probe_now_and_then(void *argument)
{
	struct dns *dns = argument;
	pthread_mutex_lock(&dns->lock);
	while (!dns->ended) {
		dns->wanted = false;
		pthread_mutex_unlock(&dns->lock);
		enum dns_probe heard = dns_probe(dns->resolver, dns->ending);
		note_probe(dns, heard);
		pthread_mutex_lock(&dns->lock);
		int64_t until = clock_monotonic_ms() + (heard == DNS_PROBE_UNKNOWN ? PROBE_SOON_SECONDS : PROBE_EVERY_SECONDS) * 1000;
		while (!dns->ended && !dns->wanted && clock_wait(&dns->retest, &dns->lock, until))
			;
	}
	pthread_mutex_unlock(&dns->lock);
	return NULL;
}

void dns_retest(struct dns *dns)
{
	pthread_mutex_lock(&dns->lock);
	dns->wanted = true;
	pthread_cond_signal(&dns->retest);
	pthread_mutex_unlock(&dns->lock);
}

/* While nothing is known yet of the resolver, that is waited for: else what is asked first would look forged. With the lock held. */
static bool wait_for_judgement(struct dns *dns)
{
	int64_t until = clock_monotonic_ms() + PROBE_WAIT_SECONDS * 1000;
	while (dns->probing && !dns->probed && !dns->stopping && clock_wait(&dns->judged, &dns->lock, until))
		;
	return dns->stripped;
}

struct dns_engine *dns_engine_choose(struct dns *dns)
{
	pthread_mutex_lock(&dns->lock);
	struct dns_engine *engine = have_engine(dns, wait_for_judgement(dns) ? &dns->plain : &dns->validating);
	pthread_mutex_unlock(&dns->lock);
	return engine;
}

bool dns_is_stripped(struct dns *dns)
{
	pthread_mutex_lock(&dns->lock);
	bool stripped = wait_for_judgement(dns);
	pthread_mutex_unlock(&dns->lock);
	return stripped;
}

/* ---- Beginning and ending ---- */

static char *copy_text(const char *text)
{
	return memory_copy(text, strlen(text));
}

static void copy_options(struct dns *dns, const struct dns_options *options)
{
	dns->resolver = copy_text(options->resolver ? options->resolver : "");
	dns->trust_anchors = memory_new((options->trust_anchor_count + 1) * sizeof *dns->trust_anchors);
	for (; dns->trust_anchor_count < options->trust_anchor_count; dns->trust_anchor_count++)
		dns->trust_anchors[dns->trust_anchor_count] = copy_text(options->trust_anchors[dns->trust_anchor_count]);
}

struct dns *dns_new(const struct dns_options *options, struct error *error)
{
	struct dns *dns = memory_new(sizeof *dns);
	bool root = false;
	copy_options(dns, options);
	dns->kept = lookup_cache_new();
	dns->ending = eventfd(0, EFD_CLOEXEC);
	pthread_mutex_init(&dns->lock, NULL);
	clock_init_condition(&dns->judged);
	clock_init_condition(&dns->retest);
	bool done = (dns->ending >= 0 || error_set_errno(error, errno, "making an eventfd")) && look_at_resolver(dns, error) &&
		    look_at_anchors(dns, &root, error);
	dns->probing = done && root && start_thread(&dns->prober, probe_now_and_then, dns, error);
	if (!done || (root && !dns->probing))
		dns_free(&dns);
	return dns;
}

void dns_stop(struct dns *dns)
{
	pthread_mutex_lock(&dns->lock);
	dns->stopping = true;
	pthread_cond_broadcast(&dns->judged);
	dns_batches_stop(dns);
	pthread_mutex_unlock(&dns->lock);
}

void dns_free(struct dns **freed)
{
	struct dns *dns = *freed;
	*freed = NULL;
	if (!dns)
		return;
	pthread_mutex_lock(&dns->lock);
	dns->ended = true;
	pthread_cond_signal(&dns->retest);
	pthread_mutex_unlock(&dns->lock);
	eventfd_write(dns->ending, 1);
	if (dns->probing)
		pthread_join(dns->prober, NULL);
	engine_free(dns->validating);
	engine_free(dns->plain);
	lookup_cache_free(&dns->kept);
	if (dns->ending >= 0)
		close(dns->ending);
	pthread_cond_destroy(&dns->judged);
	pthread_cond_destroy(&dns->retest);
	pthread_mutex_destroy(&dns->lock);
	free(dns->resolver);
	while (dns->trust_anchor_count > 0)
		free(dns->trust_anchors[--dns->trust_anchor_count]);
	free(dns->trust_anchors);
	free(dns);
}
