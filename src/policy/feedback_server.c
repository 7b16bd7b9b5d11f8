/* The policy role's ear for the courier: which report is due? It finds out where the domain wants it, which takes the DNS, makes it, and gives it
 * away; when the courier says that its mail is in the queue, that is written down. Asked again before that, it gives the same one. */
#include <poll.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "net/call.h"
#include "net/dns.h"
#include "policy/destination.h"
#include "policy/feedback_internal.h"
#include "policy/outgoing.h"

enum {
	TEND_MS = 60 * 1000,
	ASK_MS = 20 * 1000,                    /* for the DNS, about one domain; what has no answer then is put off */
	DOMAINS_MAX = 100,                     /* that are passed over within one question */
	TEXT_MAX = 8 * 1024 * 1024,            /* of a report before it is packed */
	MAIL_OVERHEAD = 4096,                  /* bytes of its mail beside the report */
	ADDRESSES_MAX = REPORT_DESTINATIONS_MAX * 260,
};

struct server {
	struct policy_feedback *feedback;
	struct answerer *answerer;
	const struct policy_told *given; /* to the courier, which hasn't said yet that it has it */
	struct buf given_id, given_to;
};

/* ---- Where it goes ---- */

struct wanted {
	struct report_destination to[REPORT_DESTINATIONS_MAX];
	size_t count;
	bool pending, failed, refused;
};

/* Those of a DMARC record, verified. */
static void ask_author(const struct policy_told *told, struct slice rua, struct lookup *table, struct arena *arena, struct wanted *wanted)
{
	struct report_destination all[REPORT_DESTINATIONS_MAX];
	size_t count = report_destinations(rua, arena, all);
	for (size_t i = 0; i < count; i++) {
		enum policy_destination found = policy_destination_check(told->domain, &all[i], table, arena);
		wanted->pending |= found == POLICY_DESTINATION_PENDING;
		wanted->failed |= found == POLICY_DESTINATION_FAILED;
		wanted->refused |= found == POLICY_DESTINATION_REFUSED;
		if (found == POLICY_DESTINATION_GRANTED)
			wanted->to[wanted->count++] = all[i];
	}
}

/* The rua tag of a record that begins as RFC 8460 §3 has it; empty: it is none. */
static struct slice tls_rua(struct slice record)
{
	struct slice tag, name, value;
	bool first = true;
	for (; record.len > 0; first = false) {
		slice_cut(record, ';', &tag, &record);
		slice_cut(slice_trim(tag), '=', &name, &value);
		if (first && !(slice_equal(slice_trim(name), SLICE("v")) && slice_equal(slice_trim(value), SLICE("TLSRPTv1"))))
			return slice_of(NULL);
		if (slice_equal(slice_trim(name), SLICE("rua")))
			return value;
	}
	return slice_of(NULL);
}

/* Several records are none (RFC 8460 §3). */
static void ask_receiver(const struct policy_told *told, struct lookup *table, struct arena *arena, struct wanted *wanted)
{
	const struct lookup_answer *answer = lookup_get(table, LOOKUP_TXT, arena_printf(arena, "_smtp._tls.%.*s", SLICE_ARG(told->domain)));
	struct slice rua = slice_of(NULL);
	size_t records = 0;
	for (size_t i = 0; i < answer->count; i++) {
		struct slice one = tls_rua(answer->records[i].data);
		records += one.len > 0;
		rua = one.len > 0 ? one : rua;
	}
	wanted->pending = answer->status == LOOKUP_WANTED;
	wanted->failed = answer->status == LOOKUP_FAILED;
	wanted->count = records == 1 ? report_destinations(rua, arena, wanted->to) : 0;
}

static void find_destinations(struct server *server, const struct policy_told *told, struct slice rua, struct arena *arena, struct wanted *wanted)
{
	struct dns *dns = policy_feedback_dns(server->feedback);
	struct lookup *table = lookup_new();
	int64_t deadline = clock_monotonic_ms() + ASK_MS;
	do {
		*wanted = (struct wanted){0};
		if (told->kind == REPORT_TLS)
			ask_receiver(told, table, arena, wanted);
		else
			ask_author(told, rua, table, arena, wanted);
		if (wanted->pending && dns)
			dns_answer(dns, table, deadline);
	} while (wanted->pending && dns);
	wanted->failed |= wanted->pending;
	lookup_free(&table);
}

/* ---- The report ---- */

static bool pack(const struct report *report, struct buf *packed)
{
	struct buf text = BUF(TEXT_MAX);
	bool done = (report->kind == REPORT_TLS ? report_write_tls : report_write_aggregate)(report, &text) && report_pack(buf_slice(&text), packed);
	buf_free(&text);
	return done;
}

/* Takes those away that want no mail as large. */
static void keep_in_bounds(struct wanted *wanted, size_t packed)
{
	size_t kept = 0, mail = packed / 3 * 4 + packed / 28 + MAIL_OVERHEAD;
	for (size_t i = 0; i < wanted->count; i++)
		if (wanted->to[i].most == 0 || mail <= wanted->to[i].most)
			wanted->to[kept++] = wanted->to[i];
	wanted->count = kept;
}

static void remember(struct server *server, const struct policy_told *told, const struct policy_outgoing *outgoing)
{
	server->given = told;
	buf_clear(&server->given_id);
	buf_clear(&server->given_to);
	buf_append(&server->given_id, outgoing->id);
	for (size_t i = 0; i < outgoing->count; i++) {
		buf_append_text(&server->given_to, i > 0 ? " " : "");
		buf_append(&server->given_to, outgoing->to[i].address);
	}
}

/* Why nothing is sent; NULL: something is, and `out` holds it. */
static const char *make(struct server *server, const struct policy_told *told, struct wanted *wanted, struct policy_outgoing *outgoing, struct report *report, struct buf *out)
{
	struct buf packed = BUF(POLICY_OUTGOING_PACKED_MAX);
	const char *why = NULL;
	if (!pack(report, &packed))
		why = "too large";
	if (!why)
		keep_in_bounds(wanted, packed.len);
	if (!why && wanted->count == 0)
		why = "larger than wanted";
	memcpy(outgoing->to, wanted->to, sizeof outgoing->to);
	outgoing->count = wanted->count;
	outgoing->packed = buf_slice(&packed);
	if (!why && !policy_outgoing_encode(outgoing, out))
		why = "too large";
	if (!why)
		remember(server, told, outgoing);
	buf_free(&packed);
	return why;
}

/* Deals with one domain. True: `out` holds its report. */
static bool report_to(struct server *server, const struct policy_told *told, int64_t begin, int64_t end, struct arena *arena, struct buf *out)
{
	struct report report;
	struct wanted wanted;
	struct slice rua;
	int64_t now = clock_now();
	policy_tally_report(told, arena, &report, &rua);
	find_destinations(server, told, rua, arena, &wanted);
	if (wanted.count == 0 && wanted.failed && policy_feedback_put_off(server->feedback, told, now))
		return false;
	report.reporter = slice_of(config_current()->hostname);
	report.contact = slice_of(config_current()->reports_from);
	report.id = policy_feedback_id(told, begin, arena);
	report.begin = begin;
	report.end = end;
	struct policy_outgoing outgoing = {.kind = told->kind, .id = report.id, .domain = told->domain, .begin = begin, .end = end, .messages = policy_tally_sum(told)};
	const char *why = wanted.failed && wanted.count == 0 ? "no answer of the DNS" : wanted.count == 0 ? (wanted.refused ? "unverified" : "no address") : NULL;
	if (!why && report.row_count == 0)
		why = "nothing to tell";
	if (!why)
		why = make(server, told, &wanted, &outgoing, &report, out);
	bool quiet = told->kind == REPORT_TLS && wanted.count == 0; /* most domains want none */
	if (why)
		policy_feedback_told(server->feedback, told, quiet ? NULL : why, slice_of(NULL), 0, now);
	return !why;
}

static void next(struct server *server, struct buf *out)
{
	const struct policy_told *told;
	int64_t begin, end;
	bool found = false;
	policy_feedback_tend(server->feedback, clock_now());
	for (int passed = 0; !found && passed < DOMAINS_MAX && *config_current()->reports_from; passed++) {
		struct arena *arena = arena_new();
		told = policy_feedback_next(server->feedback, clock_now(), &begin, &end);
		found = told && report_to(server, told, begin, end, arena, out);
		arena_free(&arena);
		if (!told)
			break;
	}
	if (!found) {
		server->given = NULL;
		policy_feedback_rest(server->feedback);
	}
}

/* ---- Questions ---- */

static void done(struct server *server, struct slice text)
{
	struct slice id, bytes;
	uint64_t number = 0;
	slice_cut(text, ' ', &id, &bytes);
	slice_to_number(bytes, UINT32_MAX, &number);
	if (server->given && slice_equal(id, buf_slice(&server->given_id)))
		policy_feedback_told(server->feedback, server->given, "queued", buf_slice(&server->given_to), number, clock_now());
	server->given = NULL;
}

static void count_sessions(struct server *server, struct slice text)
{
	struct slice domain;
	struct report_row row;
	while (policy_outgoing_next_session(&text, &domain, &row))
		if (domain.len > 0)
			policy_feedback_session(server->feedback, domain, &row, clock_now());
}

static void take(struct server *server, const struct call_received *question)
{
	struct buf out = BUF(CALL_ANSWER_MAX);
	if (question->verb == POLICY_OUTGOING_NEXT)
		next(server, &out);
	else if (question->verb == POLICY_OUTGOING_DONE)
		done(server, question->text);
	else if (question->verb == POLICY_OUTGOING_SESSIONS && !question->again)
		count_sessions(server, question->text);
	answerer_answer(server->answerer, question->id, buf_slice(&out), NULL, 0);
	buf_free(&out);
}

/* False: there is no other side any more. */
static bool take_all(struct server *server)
{
	struct call_received question;
	enum call_result result;
	while ((result = answerer_receive(server->answerer, &question)) == CALL_RECEIVED) {
		take(server, &question);
		call_received_free(&question);
	}
	return result != CALL_ENDED;
}

void policy_feedback_serve(struct policy_feedback *feedback, int channel, int stop_fd)
{
	struct server server = {.feedback = feedback, .answerer = answerer_new(channel), .given_id = BUF(POLICY_OUTGOING_ID_MAX), .given_to = BUF(ADDRESSES_MAX)};
	for (bool more = true; more;) {
		struct pollfd polled[] = {
			{.fd = stop_fd, .events = POLLIN},
			{.fd = answerer_wake_fd(server.answerer), .events = POLLIN},
			{.fd = answerer_channel(server.answerer), .events = answerer_events(server.answerer)},
		};
		int ready = poll(polled, sizeof polled / sizeof *polled, TEND_MS);
		if (ready == 0)
			policy_feedback_tend(feedback, clock_now());
		if (ready > 0)
			more = !polled[0].revents && take_all(&server);
	}
	buf_free(&server.given_id);
	buf_free(&server.given_to);
	answerer_free(&server.answerer);
}
