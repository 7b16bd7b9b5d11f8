/* See work.h. One thread does it all; what other threads ask for is noted under the lock, and wakes it. */
#include "acme/work.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>

#include "acme/client.h"
#include "acme/kinds.h"
#include "acme/records.h"
#include "acme/schedule.h"
#include "acme/sets.h"
#include "base/array.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "config/config.h"
#include "net/dns.h"

enum {
	ROUND_SECONDS = 300,       /* domains are added and removed meanwhile */
	LOOK_SECONDS = 3600,       /* so long the DNS isn't asked again which names lead here */
	AGAIN_SECONDS = 6 * 3600,  /* a certificate is so old at least when the authority may want it renewed */
	CHANCES = 1000,
	ORDERS_MAX = 4,            /* of one set at a time, each without names that failed */
	REQUEST_TEXT_MAX = 64 * 1024,
	WHY_MAX = 300,
	QUESTION_MAX = 1024,
	SETTINGS_MAX = 4096,
};

/* What is known of a set, beside what the master says of it each time. */
struct state {
	char *id;
	bool present, working, left; /* left: no name of it leads here */
	bool asked, asked_anew;    /* the command line wants it renewed; with the next key */
	bool forced, anew;         /* … and did when work on it began */
	char *left_out;            /* which weren't, and why, as it was said last */
	char *candidates;          /* the names that it had at the last look, one after the other */
	struct slice *names;       /* those of them that lead here; in `memory` */
	size_t count;
	struct arena *memory;
	int64_t look_at;           /* wall clock, as all that follows: when names are looked at again */
	int64_t renew_at;          /* 0: there is no certificate */
	int64_t known_ends;        /* of the certificate that renew_at is about */
	int64_t ask_at;            /* when the authority's renewal information is asked for */
	int64_t retry_at;          /* not before that */
	int64_t renewed_at;        /* by this process; 0: it hasn't */
	unsigned failures;         /* in a row */
	char why[WHY_MAX];         /* the last one; or which names were left out */
	unsigned chance;
};

struct acme_work {
	struct acme_work_options options;
	pthread_mutex_t lock;      /* guards what follows */
	pthread_cond_t changed;
	bool woken;
	atomic_bool stop;
	struct state **states;
	size_t count, room;
	bool has_noted;            /* what was noted before this process is known */
	/* of the thread that works */
	struct arena *arena;       /* of a round */
	struct acme_client *client; /* of a round; made when it is needed */
	struct acme_client_options client_options;
	struct acme_keeper keeper;
	struct acme_records *records; /* of the order that is under way */
	struct arena *secrets;     /* … and keys for writing them */
	bool written;              /* … something was, and nobody has waited since */
	bool anew;                 /* of the order that is under way: with the next key */
	char settings[SETTINGS_MAX]; /* of the last round */
};

/* ---- Asking the master ---- */

__attribute__((format(printf, 5, 6))) static bool ask(struct acme_work *work, struct slice payload, struct buf *answer, struct error *error, const char *format, ...)
{
	char question[QUESTION_MAX];
	va_list args;
	va_start(args, format);
	int len = vsnprintf(question, sizeof question, format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof question)
		return error_set(error, ERROR_LIMIT, "a question to the master is too long");
	return work->options.ask(work->options.context, question, payload, answer, error);
}

static bool keeper_sign(void *context, const unsigned char digest[ACME_DIGEST_SIZE], struct buf *signature, struct error *error)
{
	struct buf text = BUF(2 * ACME_DIGEST_SIZE);
	acme_base64url(slice_make((const char *)digest, ACME_DIGEST_SIZE), &text);
	bool done = ask(context, SLICE(""), signature, error, "sign %.*s", SLICE_ARG(buf_slice(&text)));
	buf_free(&text);
	return done && (acme_is_base64url(buf_slice(signature)) || error_set(error, ERROR_INVALID, "no signature from the master"));
}

static void list_names(const struct slice *names, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "%.*s\n", SLICE_ARG(names[i]));
}

static bool keeper_request(void *context, struct slice id, const struct slice *names, size_t count, struct buf *out, struct error *error)
{
	struct acme_work *work = context;
	struct buf list = BUF(REQUEST_TEXT_MAX);
	list_names(names, count, &list);
	bool done = ask(work, buf_slice(&list), out, error, "request %.*s %d", SLICE_ARG(id), work->anew);
	buf_free(&list);
	return done && (acme_is_base64url(buf_slice(out)) || error_set(error, ERROR_INVALID, "no request from the master"));
}

/* The name server that takes changes about this name, with the key, which the master has. *there: there is one. */
static bool find_server(struct acme_work *work, struct slice name, struct dns_update_server *server, bool *there, struct error *error)
{
	struct config_dns_update entry;
	struct buf text = BUF_SECRET(2 * DNS_UPDATE_SECRET_MAX), secret = BUF_SECRET(DNS_UPDATE_SECRET_MAX);
	*there = config_find_dns_update(config_current(), name, &entry);
	bool done = !*there || (ask(work, SLICE(""), &text, error, "secret %.*s", SLICE_ARG(name)) &&
				(base64_decode(buf_slice(&text), &secret) || error_set(error, ERROR_INVALID, "no key from the master")));
	if (done && *there)
		*server = (struct dns_update_server){.address = entry.address, .place = entry.place, .key = entry.key, .algorithm = entry.algorithm, .ttl = (uint32_t)entry.ttl,
						     .secret = arena_copy(work->secrets, buf_slice(&secret))};
	buf_free(&text);
	buf_free(&secret);
	return done;
}

/* A lasting record may have been written by hand; that it is wanted is said. */
static bool prove_by_dns(struct acme_work *work, enum acme_kind kind, struct slice name, struct slice value, struct error *error)
{
	struct dns_update_server server;
	struct slice record = acme_record_name(kind, name, work->secrets);
	bool there;
	if (!find_server(work, name, &server, &there, error))
		return false;
	if (!there && kind == ACME_DNS_PERSIST) {
		log_info("certificate.record_wanted", log_slice("name", record), log_text("type", "TXT"), log_slice("value", value));
		return true;
	}
	if (!there)
		return error_set(error, ERROR_NOT_FOUND, "no name server that takes changes is configured for %.*s (option dns_update)", SLICE_ARG(name));
	work->written = true;
	return kind == ACME_DNS_PERSIST ? acme_record_persist(&server, record, value, error) : acme_records_add(work->records, &server, record, value, error);
}

static bool keeper_prove(void *context, enum acme_kind kind, struct slice name, struct slice token, struct slice value, struct error *error)
{
	struct buf answer = BUF(QUESTION_MAX);
	if (kind == ACME_DNS || kind == ACME_DNS_PERSIST)
		return prove_by_dns(context, kind, name, value, error);
	bool done = ask(context, SLICE(""), &answer, error, "prove %s %.*s %.*s", acme_kind_names[kind], SLICE_ARG(name), SLICE_ARG(token));
	buf_free(&answer);
	return done;
}

static void keeper_unprove(void *context)
{
	struct acme_work *work = context;
	acme_records_remove(work->records);
	arena_free_secret(&work->secrets);
	work->secrets = arena_new();
	struct buf answer = BUF(QUESTION_MAX);
	struct error error;
	if (!ask(context, SLICE(""), &answer, &error, "unprove"))
		log_warning("certificate.unproved", log_text("reason", error.text));
	buf_free(&answer);
}

static bool keeper_keep(void *context, struct slice id, const struct slice *names, size_t count, struct slice chain, struct error *error)
{
	struct buf payload = BUF(REQUEST_TEXT_MAX + ACME_PEM_MAX), answer = BUF(QUESTION_MAX);
	list_names(names, count, &payload);
	buf_append_char(&payload, '\n');
	buf_append(&payload, chain);
	bool done = ask(context, buf_slice(&payload), &answer, error, "keep %.*s", SLICE_ARG(id));
	buf_free(&payload);
	buf_free(&answer);
	return done;
}

/* ---- Waiting ---- */

static bool pause_for(struct acme_work *work, int64_t milliseconds, bool until_woken)
{
	int64_t until = clock_monotonic_ms() + milliseconds;
	pthread_mutex_lock(&work->lock);
	while (!atomic_load(&work->stop) && !(until_woken && work->woken) && clock_wait(&work->changed, &work->lock, until))
		;
	pthread_mutex_unlock(&work->lock);
	return !atomic_load(&work->stop);
}

/* Other name servers of the zone have it a little later. */
static bool keeper_settle(void *context)
{
	struct acme_work *work = context;
	bool written = work->written;
	work->written = false;
	return !written || pause_for(work, config_current()->acme_dns_wait * 1000, false);
}

static bool keeper_wait(void *context, int64_t milliseconds)
{
	return pause_for(context, milliseconds, false);
}

/* ---- What is known ---- */

static struct state *find_state(struct acme_work *work, struct slice id)
{
	for (size_t i = 0; i < work->count; i++)
		if (slice_equal(slice_of(work->states[i]->id), id))
			return work->states[i];
	return NULL;
}

static struct state *have_state(struct acme_work *work, struct slice id)
{
	struct state *state = find_state(work, id);
	if (state)
		return state;
	state = memory_new(sizeof *state);
	*state = (struct state){.id = memory_copy(id.at, id.len), .memory = arena_new(), .chance = (unsigned)random_below(CHANCES)};
	ARRAY_GROW(work->states, work->count, work->room);
	work->states[work->count++] = state;
	return state;
}

static void free_state(struct state *state)
{
	free(state->id);
	free(state->candidates);
	free(state->left_out);
	arena_free(&state->memory);
	free(state);
}

/* "ID\tFAILURES\tRETRY\tWHY": so that a server that is started again and again asks no authority again and again. */
static void write_note(struct acme_work *work)
{
	struct buf text = BUF(ACME_NOTE_MAX), answer = BUF(QUESTION_MAX);
	struct error error;
	for (size_t i = 0; i < work->count; i++) {
		const struct state *state = work->states[i];
		if (state->failures > 0)
			buf_printf(&text, "%s\t%u\t%lld\t%s\n", state->id, state->failures, (long long)state->retry_at, state->why);
	}
	if (!ask(work, buf_slice(&text), &answer, &error, "note"))
		log_warning("certificate.unnoted", log_text("reason", error.text));
	buf_free(&text);
	buf_free(&answer);
}

static void read_line(struct acme_work *work, struct slice line)
{
	struct slice id, failures, retry, why;
	uint64_t count, at;
	if (!slice_cut(line, '\t', &id, &line) || !slice_cut(line, '\t', &failures, &line) || !slice_cut(line, '\t', &retry, &why) || !acme_is_name(id) ||
	    !slice_to_number(failures, 1000, &count) || !slice_to_number(retry, INT64_MAX, &at))
		return;
	struct state *state = have_state(work, id);
	state->failures = (unsigned)count;
	/* A clock that was ahead then mustn't keep us from asking for years. */
	state->retry_at = (int64_t)at < clock_now() + 8 * 86400 ? (int64_t)at : 0;
	snprintf(state->why, sizeof state->why, "%.*s", SLICE_ARG(why));
}

static void read_note(struct acme_work *work)
{
	struct buf text = BUF(ACME_NOTE_MAX);
	struct error error;
	struct slice rest, line;
	if (work->has_noted)
		return;
	work->has_noted = ask(work, SLICE(""), &text, &error, "noted");
	rest = buf_slice(&text);
	pthread_mutex_lock(&work->lock);
	while (slice_cut(rest, '\n', &line, &rest))
		read_line(work, line);
	pthread_mutex_unlock(&work->lock);
	buf_free(&text);
}

static void set_why(struct acme_work *work, struct state *state, const char *why)
{
	pthread_mutex_lock(&work->lock);
	snprintf(state->why, sizeof state->why, "%s", why);
	for (char *at = state->why; *at; at++) /* it goes into lines with tabs */
		if ((unsigned char)*at < ' ')
			*at = ' ';
	pthread_mutex_unlock(&work->lock);
}

/* ---- Which names lead here ---- */

struct addresses {
	struct sockaddr_storage *at;
	size_t count;
};

static bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET6)
		return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr, &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
	return ((const struct sockaddr_in *)a)->sin_addr.s_addr == ((const struct sockaddr_in *)b)->sin_addr.s_addr;
}

static bool holds(const struct addresses *list, const struct sockaddr_storage *address)
{
	for (size_t i = 0; i < list->count; i++)
		if (same_address(&list->at[i], address))
			return true;
	return false;
}

static bool look_up(struct acme_work *work, struct slice name, struct addresses *out, struct error *error)
{
	struct error cause = {0};
	struct dns *dns = work->options.dns(work->options.context, error);
	if (!dns)
		return false;
	enum dns_status status = dns_addresses(dns, name, work->arena, &out->at, &out->count, NULL, &cause);
	if (status == DNS_FOUND)
		return true;
	if (status == DNS_TEMPORARY)
		return error_set(error, cause.kind, "%s", cause.text);
	return error_set(error, ERROR_NOT_FOUND, "the DNS has no address of it");
}

/* Where the server's own name leads is here; whoever looks from outside may get there by any of a name's addresses. */
static bool leads_here(struct acme_work *work, struct slice name, const struct addresses *here, struct error *error)
{
	struct addresses there;
	unsigned char bytes[16];
	size_t size;
	if (acme_is_address(name, bytes, &size))
		return true;
	if (slice_equal_nocase(name, slice_of(config_current()->hostname)))
		return here->count > 0 || error_set(error, ERROR_NOT_FOUND, "the DNS has no address of it");
	if (!look_up(work, name, &there, error))
		return false;
	for (size_t i = 0; i < there.count; i++)
		if (!holds(here, &there.at[i]))
			return error_set(error, ERROR_INVALID, "it leads elsewhere than %s", config_current()->hostname);
	return true;
}

/* A wildcard is proved in the DNS only (RFC 8555 §8.3, RFC 8737 §3). */
static bool can_be_proved(struct acme_work *work, struct slice name, const struct addresses *here, const struct acme_kind_list *kinds, struct error *error)
{
	if (slice_starts(name, SLICE("*.")))
		return acme_kinds_have_dns(kinds) || error_set(error, ERROR_INVALID, "a wildcard needs dns-01 (acme_challenge)");
	return acme_kinds_are_dns(kinds) || leads_here(work, name, here, error);
}

/* All names, to see whether they are others than before. */
static char *join_names(const struct acme_set *set)
{
	struct buf text = BUF(ACME_SETS_TEXT_MAX);
	list_names(set->names, set->count, &text);
	char *copy = memory_copy(text.at ? text.at : "", text.len);
	buf_free(&text);
	return copy;
}

static void leave_out(struct state *state, struct slice name, const char *why, struct buf *left)
{
	buf_printf(left, "%.*s: %s\n", SLICE_ARG(name), why);
	if (!state->left_out || slice_find(slice_of(state->left_out), buf_slice(left)) != 0) /* else it was said before */
		log_info("certificate.name_left_out", log_text("certificate", state->id), log_slice("name", name), log_text("reason", why));
}

/* The first of those that were left out is shown while nothing failed. */
static void note_left_out(struct acme_work *work, struct state *state, const struct buf *left)
{
	struct slice first, rest;
	char text[WHY_MAX];
	free(state->left_out);
	state->left_out = memory_copy(left->at ? left->at : "", left->len);
	slice_cut(buf_slice(left), '\n', &first, &rest);
	snprintf(text, sizeof text, "%s%.*s", first.len > 0 ? "left out: " : "", SLICE_ARG(first));
	if (state->failures == 0)
		set_why(work, state, text);
	pthread_mutex_lock(&work->lock);
	state->left = state->count == 0;
	pthread_mutex_unlock(&work->lock);
}

static void look_at_names(struct acme_work *work, struct state *state, const struct acme_set *set, const struct acme_kind_list *kinds)
{
	struct addresses here = {0};
	struct buf left = BUF(ACME_SETS_TEXT_MAX);
	struct error error = {0};
	bool soon = false;
	if (!acme_kinds_are_dns(kinds) && !look_up(work, slice_of(config_current()->hostname), &here, &error))
		log_warning("certificate.hostname_unknown", log_text("hostname", config_current()->hostname), log_text("reason", error.text));
	arena_reset(state->memory);
	state->names = arena_array(state->memory, ACME_NAMES_MAX, sizeof *state->names);
	state->count = 0;
	for (size_t i = 0; i < set->count; i++)
		if (state->count == ACME_NAMES_MAX)
			leave_out(state, set->names[i], "a certificate has room for so many names only", &left);
		else if (can_be_proved(work, set->names[i], &here, kinds, &error))
			state->names[state->count++] = arena_copy(state->memory, set->names[i]);
		else {
			soon |= error.kind == ERROR_TEMPORARY;
			leave_out(state, set->names[i], error.text, &left);
		}
	state->look_at = clock_now() + (soon ? ROUND_SECONDS : LOOK_SECONDS);
	note_left_out(work, state, &left);
	buf_free(&left);
}

/* Anew when the names are others, and now and then. */
static void follow_names(struct acme_work *work, struct state *state, const struct acme_set *set, const struct acme_kind_list *kinds)
{
	char *now = join_names(set);
	if (state->candidates && strcmp(now, state->candidates) == 0 && clock_now() < state->look_at && !state->forced) {
		free(now);
		return;
	}
	free(state->candidates);
	state->candidates = now;
	look_at_names(work, state, set, kinds);
}

/* ---- When ---- */

static bool have_client(struct acme_work *work, const struct acme_kind_list *kinds, struct error *error)
{
	const struct config *config = config_current();
	struct buf answer = BUF(REQUEST_TEXT_MAX);
	struct slice jwk, thumbprint;
	if (work->client)
		return true;
	struct dns *dns = work->options.dns(work->options.context, error);
	bool done = dns && ask(work, SLICE(""), &answer, error, "account");
	slice_cut(slice_trim(buf_slice(&answer)), '\n', &jwk, &thumbprint);
	if (done) {
		work->client_options = (struct acme_client_options){
			.rules = {.dns = dns, .trusted = config->trusted_certificates, .may_reach = config_may_fetch, .stop = &work->stop},
			.directory = slice_of(config->acme_directory),
			.contact = slice_of(config->acme_contact),
			.profile = slice_of(config->acme_profile),
			.jwk = arena_copy(work->arena, jwk),
			.thumbprint = arena_copy(work->arena, thumbprint),
			.kind_count = kinds->count,
			.keeper = &work->keeper,
		};
		memcpy(work->client_options.kinds, kinds->at, sizeof kinds->at);
		work->client = acme_client_new(&work->client_options);
	}
	buf_free(&answer);
	return done;
}

/* The authority may suggest another time than the dates do, earlier if it must revoke. */
static void ask_when(struct acme_work *work, struct state *state, const struct acme_set *set, const struct acme_kind_list *kinds)
{
	struct acme_renewal renewal;
	struct error error;
	int64_t again = LOOK_SECONDS;
	if (clock_now() < state->ask_at)
		return;
	if (have_client(work, kinds, &error) && acme_client_renewal(work->client, set->certificate.id, &renewal, &again, &error)) {
		int64_t at = acme_renew_within(renewal.start, renewal.end, set->certificate.begins, set->certificate.ends, state->chance);
		if (at < state->renewed_at + AGAIN_SECONDS) /* an authority that always says so is mistaken */
			at = state->renewed_at + AGAIN_SECONDS;
		if (renewal.why.len > 0)
			log_info("certificate.renewal_explained", log_text("certificate", state->id), log_slice("url", renewal.why));
		pthread_mutex_lock(&work->lock);
		state->renew_at = at;
		pthread_mutex_unlock(&work->lock);
	} else
		again = 6 * LOOK_SECONDS;
	state->ask_at = clock_now() + again;
}

static void follow_dates(struct acme_work *work, struct state *state, const struct acme_set *set, const struct acme_kind_list *kinds)
{
	int64_t ends = set->has_certificate ? set->certificate.ends : 0;
	if (ends != state->known_ends) {
		pthread_mutex_lock(&work->lock);
		state->renew_at = ends ? acme_renew_at(set->certificate.begins, ends, state->chance) : 0;
		pthread_mutex_unlock(&work->lock);
		state->known_ends = ends;
		state->ask_at = 0;
	}
	if (set->has_certificate)
		ask_when(work, state, set, kinds);
}

static bool is_due(const struct state *state, const struct acme_set *set)
{
	return state->forced || !set->has_certificate || clock_now() >= state->renew_at;
}

/* ---- Getting it ---- */

static const char *mend_of(const struct error *error)
{
	switch (error->kind) {
	case ERROR_DENIED:
		return "The authority must reach this server by each of the names, or find their records: look at the DNS, and at ports 80 and 443; "
		       "then `pombal certificate renew`.";
	case ERROR_INVALID:
		return "Look at the options that begin with acme_, then `pombal certificate renew`.";
	default:
		return "Nothing, if it passes: it is tried again by itself.";
	}
}

static void note_failure(struct acme_work *work, struct state *state, int64_t asked, const struct error *error)
{
	if (error->kind == ERROR_INTERRUPTED || atomic_load(&work->stop))
		return;
	set_why(work, state, error->text);
	pthread_mutex_lock(&work->lock);
	state->failures++;
	state->retry_at = clock_now() + acme_retry_after(state->failures, asked, (unsigned)random_below(CHANCES));
	pthread_mutex_unlock(&work->lock);
	char retry[CLOCK_STAMP_MAX];
	clock_stamp(state->retry_at * 1000, retry);
	log_warning("certificate.failed", log_text("certificate", state->id), log_text("reason", error->text), log_text("mend", mend_of(error)),
		    log_number("failures", state->failures),
		    log_text("again", retry));
}

static void note_success(struct acme_work *work, struct state *state)
{
	pthread_mutex_lock(&work->lock);
	state->failures = 0;
	state->retry_at = 0;
	state->renewed_at = clock_now();
	state->why[0] = '\0';
	state->look_at = 0; /* which names are left out is said again */
	pthread_mutex_unlock(&work->lock);
	log_info("certificate.renewed", log_text("certificate", state->id), log_number("names", (int64_t)state->count));
}

/* Takes the names that failed out of `names`. */
static size_t without_failed(const struct state *state, const struct acme_outcome *outcome, struct slice *names, size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		const struct acme_failed_name *failed = NULL;
		for (size_t k = 0; k < outcome->failed_count; k++)
			if (slice_equal(outcome->failed[k].name, names[i]))
				failed = &outcome->failed[k];
		if (!failed)
			names[kept++] = names[i];
		else
			log_warning("certificate.name_failed", log_text("certificate", state->id), log_slice("name", names[i]), log_slice("reason", failed->why),
				    log_text("mend", "The authority must reach this server by that name, or find its record: look at the DNS, and at ports 80 and 443."));
	}
	return kept;
}

/* With all names; then, as often as needed, without those that failed. What then is missing is a failure, though there is a certificate. */
static void get_certificate(struct acme_work *work, struct state *state, const struct acme_set *set)
{
	struct slice *names = arena_array(work->arena, state->count + 1, sizeof *names);
	struct acme_outcome outcome = {0};
	struct error error, first = {0};
	size_t count = state->count;
	bool done = false, due = is_due(state, set);
	memcpy(names, state->names, count * sizeof *names);
	for (int i = 0; i < ORDERS_MAX && !done && count > 0; i++) {
		struct acme_wanted wanted = {.id = set->id, .names = names, .count = count, .replaces = set->certificate.id};
		done = acme_client_order(work->client, &wanted, &outcome, &error);
		if (done)
			break;
		if (first.kind == ERROR_NONE)
			first = error;
		size_t left = without_failed(state, &outcome, names, count);
		if (left == count || (!due && acme_set_covers(set, names, left)))
			break;
		count = left;
	}
	if (done)
		note_success(work, state);
	if (!done || first.kind != ERROR_NONE)
		note_failure(work, state, outcome.retry_after, first.kind != ERROR_NONE ? &first : &error);
}

static void set_working(struct acme_work *work, struct state *state)
{
	pthread_mutex_lock(&work->lock);
	state->working = true;
	pthread_mutex_unlock(&work->lock);
}

/* Is there anything to be done about it, and may it be done now? */
static bool is_wanted(const struct state *state, const struct acme_set *set)
{
	return state->count > 0 && (is_due(state, set) || !acme_set_covers(set, state->names, state->count)) && (state->forced || clock_now() >= state->retry_at);
}

/* What is asked for from here on is for the next time. */
static void begin_work(struct acme_work *work, struct state *state)
{
	pthread_mutex_lock(&work->lock);
	state->forced = state->asked;
	state->anew = state->asked_anew;
	state->asked = state->asked_anew = false;
	pthread_mutex_unlock(&work->lock);
}

static void end_work(struct acme_work *work, struct state *state)
{
	pthread_mutex_lock(&work->lock);
	state->forced = state->anew = state->working = false;
	pthread_mutex_unlock(&work->lock);
}

/* Returns whether something was tried. */
static bool work_on(struct acme_work *work, struct state *state, const struct acme_set *set, const struct acme_kind_list *kinds)
{
	struct error error = {0};
	begin_work(work, state);
	follow_names(work, state, set, kinds);
	follow_dates(work, state, set, kinds);
	if (!is_wanted(state, set)) {
		end_work(work, state);
		return false;
	}
	set_working(work, state);
	work->anew = state->anew;
	log_info("certificate.asked", log_text("certificate", state->id), log_number("names", (int64_t)state->count),
		 log_text("authority", config_current()->acme_directory));
	if (have_client(work, kinds, &error))
		get_certificate(work, state, set);
	else
		note_failure(work, state, 0, &error);
	end_work(work, state);
	if (!atomic_load(&work->stop))
		write_note(work);
	return true;
}

/* ---- Rounds ---- */

static void mark_present(struct acme_work *work, const struct acme_set *sets, size_t count)
{
	pthread_mutex_lock(&work->lock);
	for (size_t i = 0; i < work->count; i++)
		work->states[i]->present = false;
	for (size_t i = 0; i < count; i++)
		have_state(work, sets[i].id)->present = true;
	pthread_mutex_unlock(&work->lock);
}

static struct state *state_of(struct acme_work *work, struct slice id)
{
	pthread_mutex_lock(&work->lock);
	struct state *state = find_state(work, id);
	pthread_mutex_unlock(&work->lock);
	return state;
}

/* What failed by other settings is tried again at once. */
static void follow_settings(struct acme_work *work, const struct acme_kind_list *kinds)
{
	const struct config *config = config_current();
	char now[SETTINGS_MAX];
	snprintf(now, sizeof now, "%s %s %s %s %zu %s", config->acme_directory, config->acme_contact, config->acme_profile, config->hostname, kinds->count,
		 config->resolver);
	bool changed = work->settings[0] && strcmp(now, work->settings) != 0;
	snprintf(work->settings, sizeof work->settings, "%s", now);
	pthread_mutex_lock(&work->lock);
	for (size_t i = 0; changed && i < work->count; i++)
		work->states[i]->retry_at = 0;
	pthread_mutex_unlock(&work->lock);
}

static bool get_sets(struct acme_work *work, struct acme_set **sets, size_t *count)
{
	struct buf text = BUF(ACME_SETS_TEXT_MAX);
	struct error error;
	*count = 0;
	bool done = ask(work, SLICE(""), &text, &error, "sets") &&
		    (acme_sets_read(buf_slice(&text), work->arena, sets, count) || error_set(&error, ERROR_INVALID, "what the master says can't be read"));
	if (!done && !atomic_load(&work->stop))
		log_warning("certificate.names_unknown", log_text("reason", error.text));
	buf_free(&text);
	return done;
}

/* Looks at all sets. True: something has changed, look again. */
static bool run_round(struct acme_work *work)
{
	struct acme_set *sets = NULL;
	struct acme_kind_list kinds;
	size_t count = 0;
	bool worked = false;
	acme_kinds_find(config_current(), &kinds);
	follow_settings(work, &kinds);
	if (kinds.count == 0 || !config_wants_acme(config_current()) || get_sets(work, &sets, &count))
		mark_present(work, sets, count);
	for (size_t i = 0; i < count && !atomic_load(&work->stop); i++)
		worked |= work_on(work, state_of(work, sets[i].id), &sets[i], &kinds);
	acme_client_free(&work->client);
	arena_reset(work->arena);
	return worked;
}

/* Until something is due, or for ROUND_SECONDS. */
static int64_t seconds_to_wait(struct acme_work *work)
{
	int64_t now = clock_now(), wait = ROUND_SECONDS;
	pthread_mutex_lock(&work->lock);
	for (size_t i = 0; i < work->count; i++) {
		const struct state *state = work->states[i];
		int64_t due = state->renew_at > state->retry_at ? state->renew_at : state->retry_at;
		if (state->present && due > now && due - now < wait)
			wait = due - now;
	}
	pthread_mutex_unlock(&work->lock);
	return wait;
}

void acme_work_run(struct acme_work *work)
{
	while (!atomic_load(&work->stop)) {
		pthread_mutex_lock(&work->lock);
		work->woken = false;
		pthread_mutex_unlock(&work->lock);
		read_note(work);
		if (!run_round(work))
			pause_for(work, seconds_to_wait(work) * 1000, true);
	}
}

/* ---- From elsewhere ---- */

struct acme_work *acme_work_new(const struct acme_work_options *options)
{
	struct acme_work *work = memory_new(sizeof *work);
	work->options = *options;
	work->arena = arena_new();
	work->keeper = (struct acme_keeper){work, keeper_sign, keeper_request, keeper_prove, keeper_unprove, keeper_keep, keeper_settle, keeper_wait};
	work->records = acme_records_new();
	work->secrets = arena_new();
	pthread_mutex_init(&work->lock, NULL);
	clock_init_condition(&work->changed);
	return work;
}

void acme_work_free(struct acme_work **freed)
{
	struct acme_work *work = *freed;
	*freed = NULL;
	acme_client_free(&work->client);
	for (size_t i = 0; i < work->count; i++)
		free_state(work->states[i]);
	free(work->states);
	arena_free(&work->arena);
	arena_free_secret(&work->secrets);
	acme_records_free(&work->records);
	pthread_cond_destroy(&work->changed);
	pthread_mutex_destroy(&work->lock);
	free(work);
}

static void wake(struct acme_work *work)
{
	work->woken = true;
	pthread_cond_broadcast(&work->changed);
}

void acme_work_stop(struct acme_work *work)
{
	pthread_mutex_lock(&work->lock);
	atomic_store(&work->stop, true);
	wake(work);
	pthread_mutex_unlock(&work->lock);
}

void acme_work_wake(struct acme_work *work)
{
	pthread_mutex_lock(&work->lock);
	for (size_t i = 0; i < work->count; i++)
		work->states[i]->look_at = 0;
	wake(work);
	pthread_mutex_unlock(&work->lock);
}

bool acme_work_renew(struct acme_work *work, struct slice id, bool anew)
{
	bool found = false;
	pthread_mutex_lock(&work->lock);
	for (size_t i = 0; i < work->count; i++) {
		struct state *state = work->states[i];
		if (!state->present || (id.len > 0 && !slice_equal_nocase(slice_of(state->id), id)))
			continue;
		found = state->asked = true;
		state->asked_anew = anew;
	}
	wake(work);
	pthread_mutex_unlock(&work->lock);
	return found;
}

void acme_work_say(struct acme_work *work, struct buf *out)
{
	pthread_mutex_lock(&work->lock);
	for (size_t i = 0; i < work->count; i++) {
		const struct state *state = work->states[i];
		const char *what = state->working || state->asked || state->forced ? "working" : state->failures > 0 ? "failed" : state->left ? "left" : "waiting";
		int64_t next = state->failures > 0 ? state->retry_at : state->renew_at;
		if (state->present)
			buf_printf(out, "certificate\t%s\t%s\t%lld\t%u\t%s\n", state->id, what, (long long)next, state->failures, state->why);
	}
	pthread_mutex_unlock(&work->lock);
}
