/* Sessions with other servers; see session.h. Runs in the courier's remote threads, one thread per session at a time.
 *
 * Fails with a struct courier_trouble that says whether trying again makes sense. With opportunistic TLS, whatever goes wrong from the
 * command STARTTLS to the first reply under TLS is followed by a new connection in clear text: mail that would otherwise wait
 * for days is no safer (RFC 7435). If that works, the host is remembered, and TLS isn't tried with it for a while.
 *
 * Some old servers, and some boxes in front of servers, hang up at a command that they don't know, EHLO: they get HELO over a
 * new connection, where the message needs none of what EHLO would have brought. */
#include "courier/session.h"

#include <stdarg.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"

enum {
	SESSION_COMMAND_MAX = 4096,
	SESSION_MESSAGES_MAX = 100,          /* over one connection */
	SESSION_AGE_MAX_MS = 10 * 60 * 1000,
	SESSION_FRESH_MS = 1000,             /* idle for longer: ask with RSET whether it still lives */
	QUIT_TIMEOUT = 2,
	RSET_TIMEOUT = 20,
	TLS_PATIENCE = 30,                   /* seconds for each step towards opportunistic TLS */
	PEER_TEXT_MAX = ADDRESS_TEXT_MAX + 10,
};

/* ---- Trouble ---- */

void courier_trouble_set(struct courier_trouble *trouble, bool permanent, const char *status, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	*trouble = (struct courier_trouble){.permanent = permanent};
	snprintf(trouble->status, sizeof trouble->status, "%s", status);
	vsnprintf(trouble->text, sizeof trouble->text, format, args);
	va_end(args);
}

void courier_trouble_from_reply(struct courier_trouble *trouble, const struct courier_reply *reply, const char *subject_detail)
{
	char status[REPLY_STATUS_MAX];
	snprintf(status, sizeof status, "%c.%s", reply_is_permanent(reply) ? '5' : '4', subject_detail);
	bool given = reply->status[0] == '4' || reply->status[0] == '5';
	courier_trouble_set(trouble, reply_is_permanent(reply), given ? reply->status : status, "%s", reply->text);
	trouble->from_peer = true;
}

static void trouble_from_error(struct courier_trouble *trouble, const struct error *error, const char *status)
{
	courier_trouble_set(trouble, false, status, "%s", error->text);
	trouble->interrupted = error->kind == ERROR_INTERRUPTED;
}

/* ---- Talking ---- */

void courier_session_send(struct courier_session *session, struct slice bytes)
{
	if (!client_write(session->client, bytes, NULL))
		session->broken = true;
}

void courier_session_printf(struct courier_session *session, const char *format, ...)
{
	struct buf command = BUF_SECRET(SESSION_COMMAND_MAX); /* it may be a password */
	va_list args;
	va_start(args, format);
	if (buf_vprintf(&command, format, args))
		courier_session_send(session, buf_slice(&command));
	else
		session->broken = true;
	va_end(args);
	buf_free(&command);
}

static bool makes_no_sense(struct courier_session *session, struct courier_trouble *trouble)
{
	session->broken = true;
	courier_trouble_set(trouble, false, "4.5.0", "the other server's reply makes no sense");
	return false;
}

/* How a reply is read. */
struct reading {
	int64_t seconds;       /* for all of it */
	struct courier_offers *offers; /* get the lines after the first of an EHLO reply; NULL: none */
	bool patient;          /* lines that are no reply are passed over */
};

static bool read_reply(struct courier_session *session, const struct reading *reading, struct courier_trouble *trouble)
{
	struct slice line, content;
	struct error error = {0};
	enum courier_reply_state state = REPLY_MORE;
	courier_reply_begin(&session->reply);
	client_set_timeout(session->client, (int)reading->seconds);
	while (state == REPLY_MORE) {
		if (!client_read_line(session->client, &line, &error)) {
			session->broken = true;
			trouble_from_error(trouble, &error, "4.4.2");
			return false;
		}
		state = courier_reply_add_line(&session->reply, line, &content);
		if (state == REPLY_BROKEN && reading->patient && session->reply.lines == 0 && session->reply.passed_over < REPLY_LINES_MAX)
			state = REPLY_MORE;
		if (reading->offers && session->reply.lines > 1)
			courier_offers_add(reading->offers, content);
	}
	if (state == REPLY_BROKEN)
		return makes_no_sense(session, trouble);
	session->broken |= session->reply.code == 421; /* RFC 5321 §3.8: it closes the channel */
	return true;
}

bool courier_session_reply(struct courier_session *session, int64_t seconds, struct courier_trouble *trouble)
{
	return read_reply(session, &(struct reading){.seconds = seconds}, trouble);
}

bool courier_session_final_reply(struct courier_session *session, int64_t seconds, struct courier_trouble *trouble)
{
	if (!read_reply(session, &(struct reading){.seconds = seconds, .patient = true}, trouble))
		return false;
	return session->reply.code / 100 != 3 || makes_no_sense(session, trouble);
}

bool courier_session_flush(struct courier_session *session, struct courier_trouble *trouble)
{
	struct error error = {0};
	if (client_flush(session->client, &error))
		return true;
	session->broken = true;
	trouble_from_error(trouble, &error, "4.4.2");
	return false;
}

/* ---- Opening ---- */

static bool read_greeting(struct courier_session *session, int64_t timeout, struct courier_trouble *trouble)
{
	if (!courier_session_reply(session, timeout, trouble))
		return false;
	if (session->reply.code == 220)
		return true;
	courier_trouble_from_reply(trouble, &session->reply, "3.2");
	return false;
}

/* A host of the destination that greets with our own name is ourselves, whatever its name and address (RFC 5321 §5.1): the message
 * would come back, and go round in circles. */
static bool is_another(struct courier_session *session, const struct courier_session_policy *policy, struct courier_trouble *trouble)
{
	struct slice name, rest;
	slice_cut(slice_skip(reply_text(&session->reply), 4), ' ', &name, &rest);
	if (!strchr(policy->own_name, '.') || !slice_equal_nocase(name, slice_of(policy->own_name)))
		return true;
	courier_trouble_set(trouble, true, "5.4.6", "the mail server %s of this domain is this server: mail for it loops back", session->peer.host);
	return false;
}

static bool say_helo(struct courier_session *session, const struct config *config, int64_t timeout, struct courier_trouble *trouble)
{
	session->offers = (struct courier_offers){0};
	courier_session_printf(session, "HELO %s\r\n", config->hostname);
	if (!courier_session_reply(session, timeout, trouble))
		return false;
	if (!reply_is_positive(&session->reply))
		courier_trouble_from_reply(trouble, &session->reply, "5.0");
	return reply_is_positive(&session->reply);
}

static bool say_hello(struct courier_session *session, const struct config *config, int64_t timeout, struct courier_trouble *trouble)
{
	session->offers = (struct courier_offers){0};
	courier_session_printf(session, "EHLO %s\r\n", config->hostname);
	if (!read_reply(session, &(struct reading){.seconds = timeout, .offers = &session->offers}, trouble))
		return false;
	if (reply_is_positive(&session->reply))
		return true;
	if (reply_is_permanent(&session->reply) && !session->broken)
		return say_helo(session, config, timeout, trouble); /* RFC 5321 §3.2 */
	courier_trouble_from_reply(trouble, &session->reply, "5.0");
	return false;
}

/* One connection of those that may be needed to open a session. */
struct attempt {
	bool with_helo;  /* EHLO isn't said */
	bool hung_up;    /* that is how the peer answered our hello */
	bool tls_failed; /* the session could go on without TLS */
};

/* Where TLS can be done without, nobody waits for it as long as for other replies. */
static int64_t tls_timeout(const struct config *config, const struct courier_session_policy *policy)
{
	return policy->tls == SESSION_OPPORTUNISTIC && config->reply_timeout > TLS_PATIENCE ? TLS_PATIENCE : config->reply_timeout;
}

static bool begin_tls(struct courier_session *session, const struct config *config, const struct courier_session_policy *policy, struct courier_trouble *trouble)
{
	struct error error = {0};
	client_set_timeout(session->client, (int)tls_timeout(config, policy));
	if (client_start_tls(session->client, session->peer.host, policy->tls == SESSION_OPPORTUNISTIC ? TLS_OPPORTUNISTIC : TLS_VERIFIED, &error))
		return true;
	session->broken = true;
	trouble_from_error(trouble, &error, "4.7.5");
	return false;
}

static void tell_tls(const struct courier_session *session, const struct courier_session_policy *policy, const char *fault)
{
	if (policy->tls_seen)
		policy->tls_seen(policy->context, &session->peer, fault);
}

/* Where no certificate is demanded or judged, it isn't what has failed. */
static const char *tls_fault(const struct courier_session *session, const struct courier_session_policy *policy)
{
	static const char *const faults[] = {
		[CLIENT_CERTIFICATE_EXPIRED] = "certificate-expired", [CLIENT_CERTIFICATE_OF_ANOTHER] = "certificate-host-mismatch",
		[CLIENT_CERTIFICATE_UNTRUSTED] = "certificate-not-trusted", [CLIENT_CERTIFICATE_FINE] = "validation-failure", [CLIENT_CERTIFICATE_OTHER] = "validation-failure"};
	return faults[policy->tls == SESSION_OPPORTUNISTIC && !policy->judged ? CLIENT_CERTIFICATE_OTHER : client_certificate(session->client)];
}

/* Of TLS that works. */
static const char *doubt(const struct courier_session *session, const struct courier_session_policy *policy)
{
	return policy->judged && !client_tls_is_verified(session->client) ? tls_fault(session, policy) : NULL;
}

/* RFC 3207. False only if the session can't go on; attempt->tls_failed tells whether it could without TLS. A connection that is lost
 * between the handshake and the first reply under TLS counts: servers with broken TLS do that, too. */
static bool upgrade(struct courier_session *session, const struct config *config, const struct courier_session_policy *policy, struct attempt *attempt, struct courier_trouble *trouble)
{
	int64_t timeout = tls_timeout(config, policy);
	bool required = policy->tls == SESSION_STARTTLS;
	if (policy->tls == SESSION_CLEAR || policy->tls == SESSION_IMPLICIT)
		return true;
	attempt->tls_failed = session->offers.starttls;
	if (session->offers.starttls) {
		courier_session_send(session, SLICE("STARTTLS\r\n"));
		if (!courier_session_reply(session, timeout, trouble))
			return false;
		if (session->reply.code == 220) {
			bool begun = begin_tls(session, config, policy, trouble), done = begun && say_hello(session, config, timeout, trouble);
			if (!trouble->interrupted)
				tell_tls(session, policy, done ? doubt(session, policy) : begun ? "validation-failure" : tls_fault(session, policy));
			return done;
		}
	}
	tell_tls(session, policy, "starttls-not-supported");
	if (required)
		courier_trouble_set(trouble, false, "4.7.10", "TLS is required and the server doesn't offer it");
	else if (session->broken)
		courier_trouble_from_reply(trouble, &session->reply, "7.0");
	return !required && !session->broken;
}

static bool converse(struct courier_session *session, const struct config *config, const struct courier_session_policy *policy, struct attempt *attempt, struct courier_trouble *trouble)
{
	if (policy->tls == SESSION_IMPLICIT && !begin_tls(session, config, policy, trouble))
		return false;
	if (!read_greeting(session, config->reply_timeout, trouble) || !is_another(session, policy, trouble))
		return false;
	if (!(attempt->with_helo ? say_helo : say_hello)(session, config, config->reply_timeout, trouble)) {
		attempt->hung_up = client_was_hung_up(session->client);
		return false;
	}
	return upgrade(session, config, policy, attempt, trouble) && (!*policy->user || courier_session_sign_in(session, policy, trouble));
}

static struct courier_session *open_once(const struct courier_peer *peer, const struct courier_session_policy *policy, struct attempt *attempt, struct courier_trouble *trouble)
{
	const struct config *config = config_current();
	const struct sockaddr_storage *from = policy->from[peer->address.ss_family == AF_INET6];
	struct error error = {0};
	struct client *client = client_connect(&peer->address, peer->port, from, (int)config->connect_timeout, &error);
	if (!client) {
		trouble_from_error(trouble, &error, "4.4.1");
		return NULL;
	}
	struct courier_session *session = memory_new(sizeof *session);
	session->client = client;
	client_set_end(client, policy->end);
	session->peer = *peer;
	session->opened = clock_monotonic_ms();
	if (!converse(session, config, policy, attempt, trouble))
		courier_session_close(&session);
	return session;
}

/* HELO brings neither TLS nor sign-in. */
static bool helo_would_do(const struct courier_session_policy *policy)
{
	return !*policy->user && (policy->tls == SESSION_OPPORTUNISTIC || policy->tls == SESSION_CLEAR);
}

static struct courier_session *open_patiently(const struct courier_peer *peer, const struct courier_session_policy *policy, bool *tls_failed, struct courier_trouble *trouble)
{
	struct attempt attempt = {0};
	struct courier_session *session = open_once(peer, policy, &attempt, trouble);
	*tls_failed = attempt.tls_failed;
	if (session || !attempt.hung_up || !helo_would_do(policy))
		return session;
	return open_once(peer, policy, &(struct attempt){.with_helo = true}, trouble);
}

static struct slice peer_key(const struct courier_peer *peer, char out[PEER_TEXT_MAX])
{
	snprintf(out, PEER_TEXT_MAX, "%s:%d", peer->address_text, peer->port);
	return slice_of(out);
}

void courier_session_forget_tls(const struct courier_peer *peer, struct lately *tls_failed)
{
	char key[PEER_TEXT_MAX];
	courier_lately_forget(tls_failed, peer_key(peer, key));
}

static bool tls_failed_lately(const struct courier_peer *peer, const struct courier_session_policy *policy)
{
	char key[PEER_TEXT_MAX];
	return policy->tls_failed && courier_lately_has(policy->tls_failed, peer_key(peer, key), clock_monotonic_ms());
}

static void remember_tls_failure(const struct courier_peer *peer, const struct courier_session_policy *policy, const struct courier_trouble *why)
{
	char key[PEER_TEXT_MAX];
	log_info("delivery.tls_failed", log_text("host", peer->host), log_text("address", peer->address_text), log_text("cause", why->text));
	if (policy->tls_failed)
		courier_lately_note(policy->tls_failed, peer_key(peer, key), clock_monotonic_ms());
}

struct courier_session *courier_session_open(const struct courier_peer *peer, const struct courier_session_policy *policy, struct courier_trouble *trouble)
{
	bool opportunistic = policy->tls == SESSION_OPPORTUNISTIC, tls_failed = false;
	struct courier_session_policy clear = *policy;
	clear.tls = SESSION_CLEAR;
	if (opportunistic && tls_failed_lately(peer, policy))
		return open_patiently(peer, &clear, &tls_failed, trouble);
	struct courier_session *session = open_patiently(peer, policy, &tls_failed, trouble);
	if (session || !tls_failed || !opportunistic || trouble->interrupted)
		return session;
	struct courier_trouble why = *trouble;
	session = open_patiently(peer, &clear, &tls_failed, trouble);
	if (session)
		remember_tls_failure(peer, policy, &why);
	return session;
}

bool courier_session_lacks_tls(const struct courier_session *session)
{
	return session->reply.code == 530 && session->offers.starttls && !*client_tls_text(session->client);
}

/* ---- Ending, and going on ---- */

void courier_session_close(struct courier_session **session)
{
	if (!*session)
		return;
	if (!(*session)->broken) {
		client_set_timeout((*session)->client, QUIT_TIMEOUT);
		courier_session_send(*session, SLICE("QUIT\r\n"));
		client_flush((*session)->client, NULL);
	}
	client_close(&(*session)->client);
	free(*session);
	*session = NULL;
}

bool courier_session_renew(struct courier_session *session)
{
	struct courier_trouble ignored;
	int64_t now = clock_monotonic_ms();
	if (session->broken || session->messages >= SESSION_MESSAGES_MAX || now - session->opened > SESSION_AGE_MAX_MS || client_has_input(session->client))
		return false;
	if (session->dirty || now - session->idle_since > SESSION_FRESH_MS) {
		courier_session_send(session, SLICE("RSET\r\n"));
		if (!courier_session_reply(session, RSET_TIMEOUT, &ignored) || session->reply.code != 250)
			return false;
	}
	session->dirty = false;
	session->reused = true;
	return !session->broken;
}
