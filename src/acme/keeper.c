/* What the acme role asks the master for, in words (work.h): whatever needs a key or a file. */
#include "acme/internal.h"
#include "acme/records.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"

bool acme_ask_master(struct acme_work *work, struct slice payload, struct buf *answer, struct error *error, const char *format, ...)
{
	char question[ACME_QUESTION_MAX];
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
	base64_encode_url(slice_make((const char *)digest, ACME_DIGEST_SIZE), &text);
	bool done = acme_ask_master(context, SLICE(""), signature, error, "sign %.*s", SLICE_ARG(buf_slice(&text)));
	buf_free(&text);
	return done && (acme_is_base64url(buf_slice(signature)) || error_set(error, ERROR_INVALID, "no signature from the master"));
}

void acme_list_names(const struct slice *names, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "%.*s\n", SLICE_ARG(names[i]));
}

static bool keeper_request(void *context, struct slice id, const struct slice *names, size_t count, struct buf *out, struct error *error)
{
	struct acme_work *work = context;
	struct buf list = BUF(ACME_REQUEST_TEXT_MAX);
	acme_list_names(names, count, &list);
	bool done = acme_ask_master(work, buf_slice(&list), out, error, "request %.*s %d", SLICE_ARG(id), work->anew);
	buf_free(&list);
	return done && (acme_is_base64url(buf_slice(out)) || error_set(error, ERROR_INVALID, "no request from the master"));
}

/* The name server that takes changes about this name, with the key, which the master has. *there: there is one. */
static bool find_server(struct acme_work *work, struct slice name, struct dns_update_server *server, bool *there, struct error *error)
{
	struct config_dns_update entry;
	struct buf text = BUF_SECRET(2 * DNS_UPDATE_SECRET_MAX), secret = BUF_SECRET(DNS_UPDATE_SECRET_MAX);
	*there = config_find_dns_update(config_current(), name, &entry);
	bool done = !*there || (acme_ask_master(work, SLICE(""), &text, error, "secret %.*s", SLICE_ARG(name)) &&
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
	struct buf answer = BUF(ACME_QUESTION_MAX);
	if (kind == ACME_DNS || kind == ACME_DNS_PERSIST)
		return prove_by_dns(context, kind, name, value, error);
	bool done = acme_ask_master(context, SLICE(""), &answer, error, "prove %s %.*s %.*s", acme_kind_names[kind], SLICE_ARG(name), SLICE_ARG(token));
	buf_free(&answer);
	return done;
}

static void keeper_unprove(void *context)
{
	struct acme_work *work = context;
	acme_records_remove(work->records);
	arena_free_secret(&work->secrets);
	work->secrets = arena_new();
	struct buf answer = BUF(ACME_QUESTION_MAX);
	struct error error;
	if (!acme_ask_master(context, SLICE(""), &answer, &error, "unprove"))
		log_warning("certificate.unproved", log_text("reason", error.text));
	buf_free(&answer);
}

static bool keeper_keep(void *context, struct slice id, const struct slice *names, size_t count, struct slice chain, struct error *error)
{
	struct buf payload = BUF(ACME_REQUEST_TEXT_MAX + ACME_PEM_MAX), answer = BUF(ACME_QUESTION_MAX);
	acme_list_names(names, count, &payload);
	buf_append_char(&payload, '\n');
	buf_append(&payload, chain);
	bool done = acme_ask_master(context, buf_slice(&payload), &answer, error, "keep %.*s", SLICE_ARG(id));
	buf_free(&payload);
	buf_free(&answer);
	return done;
}

/* ---- Waiting ---- */

bool acme_work_pause(struct acme_work *work, int64_t milliseconds, bool until_woken)
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
	return !written || acme_work_pause(work, config_current()->acme_dns_wait * 1000, false);
}

static bool keeper_wait(void *context, int64_t milliseconds)
{
	return acme_work_pause(context, milliseconds, false);
}

struct acme_keeper acme_keeper_of(struct acme_work *work)
{
	return (struct acme_keeper){work, keeper_sign, keeper_request, keeper_prove, keeper_unprove, keeper_keep, keeper_settle, keeper_wait};
}
