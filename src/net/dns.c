/* DNS answers through libunbound, which resolves, caches and validates in a thread of its own; see dns.h.
 *
 * A look-up hands its question over and waits on a condition variable of its own, for DNS_TIMEOUT_SECONDS at most; a thread of ours
 * takes the answers in and wakes who asked. The library, a megabyte with those that it needs, is loaded by the first look-up: who has a
 * smarthost may never make one. Fails towards "temporary": a time-out, SERVFAIL and a bogus answer
 * (DNSSEC) are never taken for "doesn't exist". Where the resolver removes signatures, every answer would be bogus: a thread
 * of ours finds that out (dns_probe.h), and until it is mended nothing is validated. What the answers hold is hostile: lengths are checked, and names with
 * bytes that no host name has are passed over. */
#include "net/dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unbound.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "lookup/cache.h"
#include "net/dns_probe.h"

enum {
	TYPE_A = 1,
	TYPE_CNAME = 5,
	TYPE_PTR = 12,
	TYPE_MX = 15,
	TYPE_TXT = 16,
	TYPE_AAAA = 28,
	TYPE_SRV = 33,
	TYPE_CAA = 257,
	CLASS_IN = 1,
	RCODE_NXDOMAIN = 3,
	NAME_MAX_LENGTH = 253,
	LABEL_MAX = 63,
	REVERSE_NAMES_MAX = 5, /* host names of an address that are verified */
	ANCHOR_LINE_MAX = 4096,
	PROBE_EVERY_SECONDS = 600,
	PROBE_SOON_SECONDS = 30, /* after no answer */
	PROBE_WAIT_SECONDS = 5,
};

/* libunbound at work, and the thread that takes its answers in. */
struct engine {
	struct ub_ctx *context;
	pthread_t thread;
	int stop; /* eventfd: the thread is to end */
};

struct dns {
	struct lookup_cache *kept; /* dns_answer()'s */
	char *resolver;
	char **trust_anchors;     /* files */
	size_t trust_anchor_count;
	int ending;               /* eventfd: the prober is to end */
	bool probing;             /* there is a prober */
	pthread_t prober;
	pthread_mutex_t lock;     /* guards the rest, and the questions' fields */
	struct engine *validating, *plain; /* plain: without trust anchors. Each is made when it is needed first, and stays */
	pthread_cond_t judged;    /* probed, or stopping */
	struct question *asked;   /* those that somebody waits for */
	pthread_cond_t retest;    /* the prober is to go to work, or to end */
	bool stopping, ended, wanted;
	bool probed;              /* at least once */
	bool stripped;            /* the resolver removes signatures: nothing is validated */
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
	if (ub_ctx_async(context, 1) != 0)
		return error_set(error, ERROR_TEMPORARY, "the DNS library can't start");
	/* The trust anchors first: removing default zones ends configuration. */
	return (!validating || add_trust_anchors(context, dns, error)) && set_resolver(context, dns->resolver, error);
}

static void *take_answers(void *argument)
{
	struct engine *engine = argument;
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

static struct engine *engine_new(const struct dns *dns, bool validating, struct error *error)
{
	struct ub_ctx *context = ub_ctx_create();
	if (!context) {
		error_set(error, ERROR_TEMPORARY, "the DNS library can't start");
		return NULL;
	}
	struct engine *engine = memory_new(sizeof *engine);
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
static struct engine *have_engine(struct dns *dns, struct engine **engine)
{
	struct error error;
	if (!*engine && !(*engine = engine_new(dns, engine == &dns->validating, &error)))
		log_error("dns.failed", log_text("reason", error.text));
	return *engine;
}

static void engine_free(struct engine *engine)
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

/* The engine to ask; NULL: there is none. */
static struct engine *choose_engine(struct dns *dns)
{
	pthread_mutex_lock(&dns->lock);
	struct engine *engine = have_engine(dns, wait_for_judgement(dns) ? &dns->plain : &dns->validating);
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

/* ---- Asking ---- */

/* One question under way. Two hold it: who asks, and libunbound until it has answered or the question was cancelled. */
struct question {
	struct dns *dns;
	struct ub_ctx *context;
	int holders;
	bool done;
	struct ub_result *result; /* NULL when done without one */
	int id;
	pthread_cond_t answered;  /* done, or stopping */
	struct question *before, *after; /* among dns->asked */
};

void dns_stop(struct dns *dns)
{
	pthread_mutex_lock(&dns->lock);
	dns->stopping = true;
	pthread_cond_broadcast(&dns->judged);
	for (struct question *question = dns->asked; question; question = question->after)
		pthread_cond_signal(&question->answered);
	pthread_mutex_unlock(&dns->lock);
}

/* With the lock held. */
static void question_list(struct question *question)
{
	struct dns *dns = question->dns;
	question->after = dns->asked;
	if (dns->asked)
		dns->asked->before = question;
	dns->asked = question;
}

static void question_unlist(struct question *question)
{
	*(question->before ? &question->before->after : &question->dns->asked) = question->after;
	if (question->after)
		question->after->before = question->before;
}

static void question_let_go(struct question *question)
{
	pthread_mutex_lock(&question->dns->lock);
	bool last = --question->holders == 0;
	pthread_mutex_unlock(&question->dns->lock);
	if (!last)
		return;
	if (question->result)
		ub_resolve_free(question->result);
	pthread_cond_destroy(&question->answered);
	free(question);
}

static void question_answered(void *argument, int failed, struct ub_result *result)
{
	struct question *question = argument;
	pthread_mutex_lock(&question->dns->lock);
	question->done = true;
	question->result = failed ? NULL : result;
	pthread_cond_signal(&question->answered);
	pthread_mutex_unlock(&question->dns->lock);
	question_let_go(question);
}

static struct question *question_ask(struct dns *dns, const char *name, int type)
{
	struct question *question = memory_new(sizeof *question);
	question->dns = dns;
	struct engine *engine = choose_engine(dns);
	question->context = engine ? engine->context : NULL;
	question->holders = 2;
	clock_init_condition(&question->answered);
	if (!engine || ub_resolve_async(question->context, name, type, CLASS_IN, question, question_answered, &question->id) != 0) {
		question->done = true;
		question->holders = 1;
	}
	return question;
}

/* Waits for the answer until `deadline` (monotonic milliseconds) or dns_stop(). NULL: there is none. */
static const struct ub_result *question_wait(struct dns *dns, struct question *question, int64_t deadline)
{
	pthread_mutex_lock(&dns->lock);
	question_list(question);
	while (!question->done && !dns->stopping && clock_wait(&question->answered, &dns->lock, deadline))
		;
	question_unlist(question);
	bool done = question->done;
	struct ub_result *result = question->result;
	pthread_mutex_unlock(&dns->lock);
	/* If cancelling fails, the answer is on its way and lets go of the question itself. */
	if (!done && ub_cancel(question->context, question->id) == 0)
		question_let_go(question);
	return result;
}

static enum dns_status status_of(struct dns *dns, const struct ub_result *result, const char *name, struct error *error)
{
	if (!result) {
		pthread_mutex_lock(&dns->lock);
		bool stopping = dns->stopping;
		pthread_mutex_unlock(&dns->lock);
		error_set(error, stopping ? ERROR_INTERRUPTED : ERROR_TEMPORARY, "no answer from DNS about %s", name);
		return DNS_TEMPORARY;
	}
	if (result->bogus) {
		error_set(error, ERROR_TEMPORARY, "DNSSEC: the answer about %s is forged or broken: %s", name, result->why_bogus ? result->why_bogus : "");
		return DNS_TEMPORARY;
	}
	if (result->havedata)
		return DNS_FOUND;
	if (result->nxdomain || result->rcode == RCODE_NXDOMAIN)
		return DNS_NO_NAME;
	if (result->rcode == 0)
		return DNS_NO_DATA;
	error_set(error, ERROR_TEMPORARY, "DNS answers with error %d about %s", result->rcode, name);
	return DNS_TEMPORARY;
}

static enum dns_security security_of(const struct ub_result *result)
{
	if (!result)
		return DNS_INSECURE;
	return result->bogus ? DNS_BOGUS : result->secure ? DNS_SECURE : DNS_INSECURE;
}

static bool name_is_askable(struct slice name)
{
	return name.len > 0 && name.len <= NAME_MAX_LENGTH && slice_find_char(name, '\0') == SLICE_NONE;
}

/* ---- Reading answers ---- */

static bool is_host_char(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_';
}

/* Reads an uncompressed name (RFC 1035 §3.1) as text without its final dot; the root is empty. */
static bool read_name(struct slice wire, struct arena *arena, struct slice *name)
{
	struct buf text = BUF(NAME_MAX_LENGTH);
	bool good = true, ended = false;
	while (good && !ended && wire.len > 0) {
		size_t len = (unsigned char)wire.at[0];
		struct slice label = slice_sub(wire, 1, len);
		ended = len == 0;
		good = len <= LABEL_MAX && label.len == len;
		for (size_t i = 0; good && i < label.len; i++)
			good = is_host_char(label.at[i]);
		if (good && !ended)
			good = (text.len == 0 || buf_append_char(&text, '.')) && buf_append(&text, label);
		wire = slice_skip(wire, 1 + len);
	}
	*name = arena_copy(arena, buf_slice(&text));
	buf_free(&text);
	return good && ended;
}

static size_t record_count(const struct ub_result *result)
{
	size_t count = 0;
	while (result && result->data && count < DNS_RECORDS_MAX && result->data[count])
		count++;
	return count;
}

static struct slice record(const struct ub_result *result, size_t i)
{
	return slice_make(result->data[i], result->len[i] > 0 ? (size_t)result->len[i] : 0);
}

static void read_mx(const struct ub_result *result, struct arena *arena, struct dns_mx **list, size_t *count)
{
	size_t records = record_count(result);
	*list = arena_array(arena, records + 1, sizeof **list);
	for (size_t i = 0; i < records; i++) {
		struct slice data = record(result, i);
		struct dns_mx *mx = &(*list)[*count];
		if (data.len < 3 || !read_name(slice_skip(data, 2), arena, &mx->host))
			continue;
		mx->preference = (uint16_t)((unsigned char)data.at[0] << 8 | (unsigned char)data.at[1]);
		++*count;
	}
}

enum dns_status dns_mx(struct dns *dns, struct slice domain, struct arena *arena, struct dns_mx **list, size_t *count, enum dns_security *security, struct error *error)
{
	*list = NULL;
	*count = 0;
	if (security)
		*security = DNS_INSECURE;
	if (!name_is_askable(domain))
		return DNS_NO_NAME;
	const char *name = arena_text(arena, domain);
	struct question *question = question_ask(dns, name, TYPE_MX);
	const struct ub_result *result = question_wait(dns, question, clock_monotonic_ms() + DNS_TIMEOUT_SECONDS * 1000);
	enum dns_status status = status_of(dns, result, name, error);
	if (security)
		*security = security_of(result);
	if (status == DNS_FOUND) {
		read_mx(result, arena, list, count);
		if (*count == 0) {
			status = DNS_TEMPORARY;
			error_set(error, ERROR_TEMPORARY, "the MX records of %s can't be read", name);
		}
	}
	question_let_go(question);
	return status;
}

/* Adds the addresses of an answer that was found; if none can be read, nothing is known of what there is. */
static enum dns_status read_addresses(const struct ub_result *result, int family, struct sockaddr_storage *list, size_t *count, const char *name,
				      struct error *error)
{
	size_t before = *count, size = family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
	for (size_t i = 0; i < record_count(result); i++) {
		struct slice data = record(result, i);
		struct sockaddr_storage *address = &list[*count];
		if (data.len != size)
			continue;
		*address = (struct sockaddr_storage){.ss_family = (sa_family_t)family};
		if (family == AF_INET6)
			memcpy(&((struct sockaddr_in6 *)address)->sin6_addr, data.at, size);
		else
			memcpy(&((struct sockaddr_in *)address)->sin_addr, data.at, size);
		++*count;
	}
	if (*count > before)
		return DNS_FOUND;
	error_set(error, ERROR_TEMPORARY, "the addresses of %s can't be read", name);
	return DNS_TEMPORARY;
}

/* Both answers together are as good as the better, and as secure as the worse, of the two. */
static enum dns_status join_status(enum dns_status a, enum dns_status b)
{
	if (a == DNS_FOUND || b == DNS_FOUND)
		return DNS_FOUND;
	if (a == DNS_TEMPORARY || b == DNS_TEMPORARY)
		return DNS_TEMPORARY;
	return a == DNS_NO_NAME && b == DNS_NO_NAME ? DNS_NO_NAME : DNS_NO_DATA;
}

static enum dns_security join_security(enum dns_security a, enum dns_security b)
{
	if (a == DNS_BOGUS || b == DNS_BOGUS)
		return DNS_BOGUS;
	return a == DNS_SECURE && b == DNS_SECURE ? DNS_SECURE : DNS_INSECURE;
}

enum dns_status dns_addresses(struct dns *dns, struct slice host, struct arena *arena, struct sockaddr_storage **list, size_t *count, enum dns_security *security, struct error *error)
{
	*list = NULL;
	*count = 0;
	if (security)
		*security = DNS_INSECURE;
	if (!name_is_askable(host))
		return DNS_NO_NAME;
	const char *name = arena_text(arena, host);
	struct question *v6 = question_ask(dns, name, TYPE_AAAA), *v4 = question_ask(dns, name, TYPE_A);
	int64_t deadline = clock_monotonic_ms() + DNS_TIMEOUT_SECONDS * 1000;
	const struct ub_result *result6 = question_wait(dns, v6, deadline), *result4 = question_wait(dns, v4, deadline);
	enum dns_status status6 = status_of(dns, result6, name, error), status4 = status_of(dns, result4, name, error);
	if (security)
		*security = join_security(security_of(result6), security_of(result4));
	*list = arena_array(arena, record_count(result6) + record_count(result4) + 1, sizeof **list);
	if (status6 == DNS_FOUND)
		status6 = read_addresses(result6, AF_INET6, *list, count, name, error);
	if (status4 == DNS_FOUND)
		status4 = read_addresses(result4, AF_INET, *list, count, name, error);
	question_let_go(v6);
	question_let_go(v4);
	return join_status(status6, status4);
}

/* ---- Reverse look-up ---- */

static struct slice reverse_name(const struct sockaddr_storage *address, struct arena *arena)
{
	if (address->ss_family == AF_INET) {
		const unsigned char *byte = (const unsigned char *)&((const struct sockaddr_in *)address)->sin_addr;
		return arena_printf(arena, "%d.%d.%d.%d.in-addr.arpa", byte[3], byte[2], byte[1], byte[0]);
	}
	const unsigned char *byte = ((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr;
	struct buf name = BUF(NAME_MAX_LENGTH);
	for (int i = 15; i >= 0; i--)
		buf_printf(&name, "%x.%x.", byte[i] & 15, byte[i] >> 4);
	buf_append(&name, SLICE("ip6.arpa"));
	struct slice copy = arena_copy(arena, buf_slice(&name));
	buf_free(&name);
	return copy;
}

static bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr == ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr, &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

enum dns_status dns_reverse(struct dns *dns, const struct sockaddr_storage *address, struct arena *arena, struct slice *host)
{
	struct slice name = reverse_name(address, arena);
	*host = SLICE("");
	struct question *question = question_ask(dns, arena_text(arena, name), TYPE_PTR);
	const struct ub_result *result = question_wait(dns, question, clock_monotonic_ms() + DNS_TIMEOUT_SECONDS * 1000);
	enum dns_status status = status_of(dns, result, "the address", NULL);
	for (size_t i = 0; status == DNS_FOUND && i < record_count(result) && i < REVERSE_NAMES_MAX && host->len == 0; i++) {
		struct slice candidate;
		struct sockaddr_storage *list;
		size_t count = 0;
		if (!read_name(record(result, i), arena, &candidate) || candidate.len == 0)
			continue;
		dns_addresses(dns, candidate, arena, &list, &count, NULL, NULL);
		for (size_t k = 0; k < count; k++)
			if (same_address(&list[k], address))
				*host = candidate;
	}
	question_let_go(question);
	return status == DNS_FOUND && host->len == 0 ? DNS_NO_DATA : status;
}

/* ---- Tables ---- */

static const int lookup_types[LOOKUP_TYPES] = {
	[LOOKUP_A] = TYPE_A, [LOOKUP_AAAA] = TYPE_AAAA, [LOOKUP_MX] = TYPE_MX, [LOOKUP_TXT] = TYPE_TXT, [LOOKUP_PTR] = TYPE_PTR,
	[LOOKUP_SRV] = TYPE_SRV, [LOOKUP_CNAME] = TYPE_CNAME, [LOOKUP_CAA] = TYPE_CAA,
};
static const enum lookup_status lookup_statuses[] = {
	[DNS_FOUND] = LOOKUP_FOUND, [DNS_NO_DATA] = LOOKUP_NO_DATA, [DNS_NO_NAME] = LOOKUP_NO_NAME, [DNS_TEMPORARY] = LOOKUP_FAILED,
};

/* The strings of a TXT record (RFC 1035 §3.3.14), joined. False: one is longer than the record. */
static bool read_strings(struct slice wire, struct arena *arena, struct slice *joined)
{
	char *text = arena_alloc(arena, wire.len + 1);
	size_t used = 0;
	while (wire.len > 0) {
		struct slice string = slice_sub(wire, 1, (unsigned char)wire.at[0]);
		if (string.len != (unsigned char)wire.at[0])
			return false;
		if (string.len > 0)
			memcpy(text + used, string.at, string.len);
		used += string.len;
		wire = slice_skip(wire, 1 + string.len);
	}
	*joined = slice_make(text, used);
	return true;
}

/* A name of a table as zone files have it (RFC 1035 §5.1): policies have names with any byte in them. */
static const char *escape_name(struct slice name, struct arena *arena)
{
	struct buf text = BUF(4 * LOOKUP_NAME_MAX);
	for (size_t i = 0; i < name.len; i++)
		if (is_host_char(name.at[i]) || name.at[i] == '.')
			buf_append_char(&text, name.at[i]);
		else
			buf_printf(&text, "\\%03d", (unsigned char)name.at[i]);
	const char *copy = arena_text(arena, buf_slice(&text));
	buf_free(&text);
	return copy;
}

static uint16_t read_number(struct slice wire, size_t at)
{
	struct slice two = slice_sub(wire, at, 2);
	return two.len < 2 ? 0 : (uint16_t)((unsigned char)two.at[0] << 8 | (unsigned char)two.at[1]);
}

/* RFC 2782: priority, weight, port, target. */
static bool read_service(struct slice wire, struct arena *arena, struct lookup_record *record)
{
	record->preference = read_number(wire, 0);
	record->weight = read_number(wire, 2);
	record->port = read_number(wire, 4);
	return wire.len >= 7 && read_name(slice_skip(wire, 6), arena, &record->data);
}

/* RFC 8659 §4.1: flags, a tag of letters and digits with its length, a value. */
static bool read_authority(struct slice wire, struct arena *arena, struct lookup_record *record)
{
	size_t length = wire.len < 2 ? 0 : (unsigned char)wire.at[1];
	struct slice tag = slice_sub(wire, 2, length), value = slice_skip(wire, 2 + length);
	bool good = length > 0 && tag.len == length;
	for (size_t i = 0; good && i < tag.len; i++)
		good = ascii_is_alpha(tag.at[i]) || ascii_is_digit(tag.at[i]);
	if (!good)
		return false;
	struct buf text = BUF(tag.len + 1 + value.len);
	buf_append(&text, tag);
	buf_append_char(&text, ' ');
	buf_append(&text, value);
	record->preference = (unsigned char)wire.at[0];
	record->data = arena_copy(arena, buf_slice(&text));
	buf_free(&text);
	return true;
}

static bool read_record(enum lookup_type type, struct slice wire, struct arena *arena, struct lookup_record *record)
{
	record->data = wire;
	switch (type) {
	case LOOKUP_A:
		return wire.len == sizeof(struct in_addr);
	case LOOKUP_AAAA:
		return wire.len == sizeof(struct in6_addr);
	case LOOKUP_TXT:
		return read_strings(wire, arena, &record->data);
	case LOOKUP_MX:
		record->preference = read_number(wire, 0);
		return wire.len >= 3 && read_name(slice_skip(wire, 2), arena, &record->data);
	case LOOKUP_SRV:
		return read_service(wire, arena, record);
	case LOOKUP_CAA:
		return read_authority(wire, arena, record);
	default:
		return read_name(wire, arena, &record->data);
	}
}

/* What can't be read is left out; if that is all, nothing is known. */
static void put_answer(struct lookup *table, enum lookup_type type, struct slice name, enum dns_status status, const struct ub_result *result)
{
	struct arena *arena = arena_new();
	size_t there = status == DNS_FOUND ? record_count(result) : 0, count = 0;
	struct lookup_record *records = arena_array(arena, there + 1, sizeof *records);
	for (size_t i = 0; i < there; i++)
		count += read_record(type, record(result, i), arena, &records[count]);
	enum lookup_status found = status == DNS_FOUND && count == 0 ? LOOKUP_FAILED : lookup_statuses[status];
	struct lookup_answer answer = {.status = found, .records = records, .count = count, .ttl = result && result->ttl > 0 ? (uint32_t)result->ttl : 0};
	lookup_put(table, type, name, &answer);
	arena_free(&arena);
}

void dns_answer(struct dns *dns, struct lookup *table, int64_t deadline)
{
	struct { enum lookup_type type; struct slice name; struct question *question; } *asked;
	struct arena *arena = arena_new();
	size_t count = 0, cursor = 0, wanted = 0;
	asked = arena_array(arena, LOOKUP_QUESTIONS_MAX, sizeof *asked);
	while (wanted < LOOKUP_QUESTIONS_MAX && lookup_next_wanted(table, &cursor, &asked[wanted].type, &asked[wanted].name)) {
		asked[wanted].name = arena_copy(arena, asked[wanted].name);
		wanted++;
	}
	for (size_t i = 0; i < wanted; i++)
		if (!lookup_cache_get(dns->kept, table, asked[i].type, asked[i].name, clock_monotonic_ms())) {
			asked[count] = asked[i];
			asked[count].question = question_ask(dns, escape_name(asked[i].name, arena), lookup_types[asked[i].type]);
			count++;
		}
	for (size_t i = 0; i < count; i++) {
		const struct ub_result *result = question_wait(dns, asked[i].question, deadline);
		put_answer(table, asked[i].type, asked[i].name, status_of(dns, result, asked[i].name.at, NULL), result);
		question_let_go(asked[i].question);
		lookup_cache_put(dns->kept, table, asked[i].type, asked[i].name, clock_monotonic_ms());
	}
	arena_free(&arena);
}
